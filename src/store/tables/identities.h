// The certificates and keys that a cluster makes for itself.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/crypto/name.h"
#include "anchord/trust/cluster.h"
#include "database/sqlite.h"

namespace anchord::store {

struct IdentityRequest {
  trust::Service service;
  const trust::Host* host = nullptr;  // the server that presents it; may be absent
  crypto::Name subject;
  crypto::KeyKind key;
  UnixSeconds now;    // when its validity begins
  unsigned days = 0;  // of validity; 0: as long as the service's certificates last by default
};

struct NewIdentity {
  trust::Service service;
  std::string host;  // for tvs
  trust::Identity identity;
};

std::string new_cluster_id();

// "tvs of cucm1", "capf".
std::string service_text(trust::Service service, std::string_view host);

bool is_address(const std::string& text);  // IPv4 or IPv6

// Hosts' addresses as their column has them, a comma between.
std::string addresses_text(const std::vector<std::string>& addresses);
std::vector<std::string> addresses_from_text(std::string_view text);

// Whether certificates may last for so long; 0 is the usual.
Status check_days(unsigned days);

Result<NewIdentity> make_identity(const IdentityRequest& request);

// The common name of a host's TVS certificate; and its subject, with what `model`, another one's, says
// besides.
std::string tvs_common_name(std::string_view host);
crypto::Name tvs_subject(const crypto::Name& model, std::string_view host);

// What a certificate in this one's place, or beside it, is made with. Of a key that others have made, the
// nearest kind that is made here; of a lifetime that is none here 0, the usual.
crypto::KeyKind kind_of(const crypto::Certificate& certificate);
unsigned days_of(const crypto::Certificate& certificate);

// For HTTPS: phones tell the host by the names that its TFTP certificate has.
Result<NewIdentity> make_tftp_ec(const crypto::Certificate& tftp, const trust::Host& host, UnixSeconds now,
                                 unsigned days);

// Its row, in the open transaction. Its key's file comes first.
Status put_identity(Database& database, const NewIdentity& made);

// Those that an operation which was killed, or an earlier certificate, left behind. Only
// with the store held for writing: a key's file comes before its row.
Status remove_unused_keys(const std::filesystem::path& directory, Database& database);

}  // namespace anchord::store

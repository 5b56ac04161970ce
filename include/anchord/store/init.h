// Making a store: a new cluster, or one of keys that phones trust already. Times are seconds since 1970.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "anchord/base/bytes.h"
#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/crypto/private_key.h"
#include "anchord/store/store.h"
#include "anchord/trust/cluster.h"

namespace anchord::store {

// A certificate's common name holds 64 characters, of which "ITLRECOVERY_" takes 12.
constexpr std::size_t kMaxHostName = 52;
// Addresses of one host: all of them are in its certificate, for which a trust list has little room.
constexpr std::size_t kMaxHostAddresses = 16;

// The longest lifetime of an own certificate: 20 years, as ITLRecovery has it.
constexpr unsigned kMaxDays = 20 * 365 + 5;

// Keys that phones trust already, of what served them until now.
struct Adopted {
  std::vector<trust::Identity> signers;  // RSA: the TFTP signer, then ITLRecovery
  std::vector<trust::Identity> tvs;      // of the hosts, in their order
  std::optional<trust::Identity> capf = {};
  // The ITL that phones hold now: they must accept the new one, which has the same digest,
  // and with it signer version, and spelling of names, whatever `signing` says. Its other
  // certificates become known ones. Empty: none.
  Buffer itl = {};
};

struct InitRequest {
  std::string cluster_name;
  std::vector<trust::Host> hosts;  // at least one
  std::string organization;        // these three may be empty: left out of the names
  std::string unit;
  std::string country;  // two letters
  // Trust lists and files can only be signed with RSA: with p256 the verification
  // services and CAPF get EC keys, and the signers (TFTP, recovery) rsa2048.
  crypto::KeyKind key = crypto::KeyKind::rsa2048;
  trust::SigningSettings signing;
  // An administrator's choice, over `signing`. Fails where the adopted list has another.
  std::optional<wire::Digest> digest = {};
  UnixSeconds now = calendar_now();  // when the certificates' validity begins
  unsigned days = 0;                 // how long it lasts, up to kMaxDays; 0: see init_store()
  Adopted adopted = {};              // what is not here is made
};

// Makes directory, keys and certificates (recovery is valid for 20 years, the others for 5 or
// for request.days; to all of them up to a day is added, as the serial number has it, so that
// they do not end together) and puts the database in place last: until then, even if killed,
// there is nothing that Store::open() would take for a store. Fails, changing nothing,
// when there is one already.
Result<Store> init_store(const std::filesystem::path& directory, const InitRequest& request);

}  // namespace anchord::store

// An Engine that is etcd 3.4 or later, by its JSON gateway over HTTP/1.1:
// https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/ and api_reference_v3/.
//
// The members are asked in turn: who answers is asked first the next time. A request that may have been made
// is not repeated unless it does no harm.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/crypto/certificate.h"
#include "anchord/crypto/secret.h"
#include "anchord/crypto/tls.h"
#include "anchord/engine/engine.h"

namespace anchord::engine {

struct Member {
  std::string host;
  std::uint16_t port = 2379;
  bool tls = false;

  // http://HOST:PORT or https://HOST:PORT; an IPv6 address stands in brackets.
  static Result<Member> parse(std::string_view url);
  std::string url() const;
};

// URLs with commas between them.
Result<std::vector<Member>> parse_members(std::string_view urls);

struct EtcdSettings {
  std::vector<Member> members;  // at least one
  // For members on TLS: their certificates lead to one of these, and are for the host of the URL.
  std::vector<crypto::Certificate> roots;
  // A certificate without a common name (CN): etcd would take that for a user, and its gateway then refuses.
  std::optional<crypto::TlsIdentity> identity;
  // Where etcd's authentication is on; its token is asked for when it is needed, and renewed when it has
  // ended.
  std::string user;
  std::string password;
  // What answers must be this cluster. 0: the one that answers first.
  ClusterId cluster = 0;
  // One member's time to answer, and that of a whole call, which tries others.
  Millis try_time = 1500;
  Millis whole_time = 4000;
};

// Connects to nobody yet. Fails where the certificates do not do for TLS.
Result<std::unique_ptr<Engine>> open_etcd(EtcdSettings settings);

}  // namespace anchord::engine

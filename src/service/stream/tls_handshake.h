// The handshake of a service on TLS, the same for each.
#pragma once

#include <cstdint>

#include "anchord/crypto/tls.h"
#include "anchord/service/counters.h"
#include "context/shard_context.h"

namespace anchord::service {

enum class HandshakeResult : std::uint8_t { done, not_yet, full, refused };

// Continues a handshake. When it is refused there may be an alert to send, and the failure is noted with
// what `trouble` says of the peer.
HandshakeResult continue_handshake(crypto::TlsEngine& engine, const TlsCounters& counters,
                                   const Trouble& trouble, ShardContext& shard);

}  // namespace anchord::service

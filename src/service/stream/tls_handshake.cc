#include "stream/tls_handshake.h"

#include <cassert>

namespace anchord::service {
namespace {

void note_failure(const crypto::TlsEngine& engine, Trouble trouble, ShardContext& shard) {
  trouble.kind = Trouble::Kind::failed;
  trouble.alert = engine.peers_alert();
  trouble.at = shard.ring.now();
  trouble.reason.set(engine.failure());
  shard.note(trouble);
}

}  // namespace

HandshakeResult continue_handshake(crypto::TlsEngine& engine, const TlsCounters& counters,
                                   const Trouble& trouble, ShardContext& shard) {
  switch (engine.handshake()) {
    case crypto::TlsEngine::Outcome::done:
      counters.handshakes.add();
      if (engine.resumed()) counters.resumed.add();
      return HandshakeResult::done;
    case crypto::TlsEngine::Outcome::want_input:
      return HandshakeResult::not_yet;
    case crypto::TlsEngine::Outcome::output_full:
      return HandshakeResult::full;
    case crypto::TlsEngine::Outcome::peer_closed:
    case crypto::TlsEngine::Outcome::failed:
      counters.handshake_failures.add();
      note_failure(engine, trouble, shard);
      return HandshakeResult::refused;
  }
  assert(false);
  return HandshakeResult::refused;
}

}  // namespace anchord::service

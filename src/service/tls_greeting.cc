#include "tls_greeting.h"

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

Greeted shake_hands(crypto::TlsEngine& engine, const TlsCounters& counters, const Trouble& greeting,
                    ShardContext& shard) {
  switch (engine.handshake()) {
    case crypto::TlsEngine::Outcome::done:
      counters.handshakes.add();
      if (engine.resumed()) counters.resumed.add();
      return Greeted::done;
    case crypto::TlsEngine::Outcome::want_input:
      return Greeted::not_yet;
    case crypto::TlsEngine::Outcome::output_full:
      return Greeted::full;
    case crypto::TlsEngine::Outcome::peer_closed:
    case crypto::TlsEngine::Outcome::failed:
      counters.failures.add();
      note_failure(engine, greeting, shard);
      return Greeted::refused;
  }
  assert(false);
  return Greeted::refused;
}

}  // namespace anchord::service

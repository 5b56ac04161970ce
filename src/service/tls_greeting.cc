#include "tls_greeting.h"

#include <cassert>
#include <string>

#include "anchord/base/log.h"

namespace anchord::service {

Greeted shake_hands(crypto::TlsEngine& engine, const TlsCounters& counters, const char* service) {
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
      if (log::debug_enabled()) log::debug(std::string(service) + ": handshake refused: " + engine.failure());
      counters.failures.add();
      return Greeted::refused;
  }
  assert(false);
  return Greeted::refused;
}

}  // namespace anchord::service

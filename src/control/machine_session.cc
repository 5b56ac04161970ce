#include "machine_session.h"

#include <cstring>
#include <fstream>
#include <string>

#include "anchord/crypto/digest.h"
#include "anchord/crypto/random.h"

namespace anchord::control {

std::uint64_t machine_session() {
  std::uint64_t session = 0;
  std::string id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
  if (id.empty()) {
    crypto::fill_random({reinterpret_cast<std::uint8_t*>(&session), sizeof session});
    return session;
  }
  crypto::Sha256 digest = crypto::sha256(as_bytes(id));
  std::memcpy(&session, digest.data(), sizeof session);
  return session;
}

}  // namespace anchord::control

#include "machine/machine_session.h"

#include <cstring>
#include <string>

#include "anchord/crypto/digest.h"
#include "anchord/crypto/random.h"
#include "anchord/store/journal_file.h"

namespace anchord::control {

std::uint64_t machine_session() {
  std::uint64_t session = 0;
  const std::string id = store::boot_id();
  if (id.empty()) {
    crypto::fill_random({reinterpret_cast<std::uint8_t*>(&session), sizeof session});
    return session;
  }
  crypto::Sha256 digest = crypto::sha256(as_bytes(id));
  std::memcpy(&session, digest.data(), sizeof session);
  return session;
}

}  // namespace anchord::control

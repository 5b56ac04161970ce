#include "tftp/netascii.h"

namespace anchord::service {

std::size_t NetasciiReader::advance(std::size_t size, std::uint8_t* out) {
  std::size_t done = 0;
  auto put = [&](std::uint8_t byte) {
    if (out != nullptr) out[done] = byte;
    ++done;
  };
  if (owes_ && size > 0) {
    put(owed_);
    owes_ = false;
  }
  for (Bytes part : file_->slice(offset_, size)) {
    for (std::uint8_t byte : part) {
      if (done == size) return done;
      ++offset_;
      if (byte != '\n' && byte != '\r') {
        put(byte);
        continue;
      }
      put('\r');
      owed_ = byte == '\n' ? '\n' : '\0';
      owes_ = done == size;
      if (!owes_) put(owed_);
    }
  }
  return done;
}

}  // namespace anchord::service

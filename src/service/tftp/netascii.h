// A file as netascii (RFC 764, RFC 1350): LF becomes CR LF, a lone CR becomes CR NUL.
//
// Translated as it is read, and small enough to be copied: a copy is a place in the
// translated file to come back to. The file must stay while it is read.
#pragma once

#include <cstddef>

#include "anchord/base/bytes.h"
#include "anchord/index/file_table.h"

namespace anchord::service {

class NetasciiReader {
 public:
  NetasciiReader() = default;
  explicit NetasciiReader(const index::FileBody& file) : file_(&file) {}

  // The next bytes; fewer than there is room for at the file's end only.
  std::size_t read(MutableBytes room) { return advance(room.size(), room.data()); }
  // Passes over them. Returns as read() does.
  std::size_t skip(std::size_t size) { return advance(size, nullptr); }

  std::size_t offset() const { return offset_; }  // in the file, not in its translation

 private:
  std::size_t advance(std::size_t size, std::uint8_t* out);

  const index::FileBody* file_ = nullptr;
  std::size_t offset_ = 0;
  bool owes_ = false;  // a pair's second byte did not fit any more: owed_
  std::uint8_t owed_ = 0;
};

}  // namespace anchord::service

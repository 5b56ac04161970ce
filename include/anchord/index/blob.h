// The bytes of a file, shared and never changed.
//
// Copying a Blob shares the bytes; they live as long as the last copy. The request
// path takes bytes() from a snapshot's blob and copies no Blob: a copy counts
// atomically.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "anchord/base/bytes.h"

namespace anchord::index {

class Blob {
 public:
  Blob() = default;
  explicit Blob(Buffer content) : content_(std::make_shared<const Buffer>(std::move(content))) {}

  Bytes bytes() const { return content_ ? Bytes(*content_) : Bytes(); }
  std::size_t size() const { return bytes().size(); }
  bool shares_with(const Blob& other) const { return content_ == other.content_; }

 private:
  std::shared_ptr<const Buffer> content_;
};

}  // namespace anchord::index

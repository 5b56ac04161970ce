// The bytes of a file, shared and never changed.
//
// Copying a Blob shares the bytes; they live as long as the last copy. The request
// path takes bytes() from a snapshot's blob and copies no Blob: a copy counts
// atomically.
//
// Bytes whose size others decide are held by a share of a budget as long as they are.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "anchord/base/bytes.h"
#include "anchord/base/memory_budget.h"

namespace anchord::index {

class Blob {
 public:
  Blob() = default;
  explicit Blob(Buffer content, MemoryBudget::Share share = {})
      : content_(std::make_shared<const Content>(std::move(content), std::move(share))) {}

  Bytes bytes() const { return content_ ? Bytes(content_->bytes) : Bytes(); }
  std::size_t size() const { return bytes().size(); }
  // What it counts for in its budget; 0 without one.
  std::uint64_t accounted() const { return content_ ? content_->share.bytes() : 0; }
  bool shares_with(const Blob& other) const { return content_ == other.content_; }

 private:
  struct Content {
    Content(Buffer content, MemoryBudget::Share taken) : bytes(std::move(content)), share(std::move(taken)) {}
    Buffer bytes;
    MemoryBudget::Share share;
  };

  std::shared_ptr<const Content> content_;
};

}  // namespace anchord::index

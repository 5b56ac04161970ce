// Which records lie where: one partition of a hash table that never changes.
//
// As it never changes it needs no room to grow: entries lie densely in the order of
// their tags. Tags are bits of a hash, evenly spread, so that a tag's own value says
// where it lies, give or take a cache line; and a lookup goes to a record only when
// its tag is the one sought.
//
// A Partition is a view that shares the entries. It knows their number itself, so
// that a lookup's first touch of them is of the right line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "record_pool.h"

namespace anchord::index {

class Partition {
 public:
  Partition() = default;

  // `entries` are in the order of their tags. With an `owner`, the partition holds
  // its records; without, somebody else must.
  Partition(std::span<const Entry> entries, std::shared_ptr<RecordPool> owner);

  std::span<const Entry> entries() const { return {first_.get(), count_}; }

  std::span<const Entry> with_tag(std::uint16_t tag) const {
    const Entry* const begin = first_.get();
    const Entry* const end = begin + count_;
    const Entry* first = begin + (std::uint64_t{tag} * count_ >> 16);
    while (first != end && first->tag < tag) ++first;
    while (first != begin && first[-1].tag >= tag) --first;
    const Entry* last = first;
    while (last != end && last->tag == tag) ++last;
    return {first, last};
  }

  std::size_t memory() const;  // in bytes, with what the allocator adds, without this view

 private:
  std::shared_ptr<const Entry> first_;
  std::size_t count_ = 0;
};

}  // namespace anchord::index

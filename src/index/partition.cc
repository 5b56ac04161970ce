#include "partition.h"

#include <malloc.h>

#include <algorithm>
#include <cassert>
#include <new>
#include <utility>

namespace anchord::index {
namespace {

struct Release {
  std::size_t count;
  std::shared_ptr<RecordPool> owner;

  void operator()(const Entry* first) const {
    if (owner) owner->release({first, count});
    ::operator delete(const_cast<Entry*>(first));
  }
};

}  // namespace

Partition::Partition(std::span<const Entry> entries, std::shared_ptr<RecordPool> owner)
    : count_(entries.size()) {
  assert(std::is_sorted(entries.begin(), entries.end(), [](Entry a, Entry b) { return a.tag < b.tag; }));
  if (entries.empty()) return;
  auto* first = static_cast<Entry*>(::operator new(entries.size_bytes()));
  std::uninitialized_copy(entries.begin(), entries.end(), first);
  if (owner) owner->hold(entries);
  first_ = std::shared_ptr<const Entry>(first, Release{count_, std::move(owner)});
}

std::size_t Partition::memory() const {
  if (count_ == 0) return 0;
  constexpr std::size_t kAllocatorHeader = 8;
  constexpr std::size_t kControlBlock = 24 + sizeof(Release) + kAllocatorHeader;  // of the shared_ptr
  return malloc_usable_size(const_cast<Entry*>(first_.get())) + kAllocatorHeader + kControlBlock;
}

}  // namespace anchord::index

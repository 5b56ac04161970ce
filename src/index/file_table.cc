#include "anchord/index/file_table.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <tuple>
#include <utility>
#include <vector>

#include "anchord/base/ascii.h"
#include "directory.h"

namespace anchord::index {
namespace {

std::size_t partition_of(std::uint64_t hash) {
  return hash >> (64 - kPartitionBits);
}

class FoldedName {
 public:
  explicit FoldedName(std::string_view name) : size_(name.size()) {
    assert(name.size() <= kMaxFileName);
    std::transform(name.begin(), name.end(), text_.begin(), to_lower);
  }
  std::uint64_t hash() const { return XXH3_64bits(text_.data(), size_); }
  bool is_folded(std::string_view name) const { return same_ignoring_case(name, {text_.data(), size_}); }

 private:
  std::array<char, kMaxFileName> text_;
  std::size_t size_;
};

}  // namespace

std::uint64_t version_of(const FileBody& body) {
  const Bytes header = body.header.bytes();
  const Bytes content = body.content.bytes();
  // The header's hash as the seed: one pass over the content, no state to allocate.
  const std::uint64_t seed = header.empty() ? 0 : XXH3_64bits(header.data(), header.size());
  return XXH3_64bits_withSeed(content.data(), content.size(), seed);
}

struct FileTable::State {
  // In the order of hashes, then of names: all that differ in case only lie
  // together, the first in byte order in front.
  using Partition = std::vector<Slot>;
  static_assert(kPartitions == Directory<std::shared_ptr<const Partition>>::kSize);

  Directory<std::shared_ptr<const Partition>> directory;
  std::size_t size = 0;

  void apply(Partition& partition, std::uint64_t hash, const FileChange& change);
};

std::array<Bytes, 2> FileBody::slice(std::size_t offset, std::size_t length) const {
  Bytes first = header.bytes();
  Bytes second = content.bytes();
  first = first.subspan(std::min(offset, first.size()));
  second = second.subspan(std::min(offset - std::min(offset, header.size()), second.size()));
  first = first.first(std::min(length, first.size()));
  return {first, second.first(std::min(length - first.size(), second.size()))};
}

bool is_file_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxFileName && name.front() != '/' &&
         name.find('\0') == std::string_view::npos;
}

const FileEntry* FileTable::find(std::string_view asked) const {
  if (asked.ends_with('\0')) asked.remove_suffix(1);
  if (asked.starts_with('/')) asked.remove_prefix(1);
  if (asked.size() > kMaxFileName) return nullptr;

  const FoldedName folded(asked);
  const FileEntry* first = nullptr;
  for (const Slot& slot : with_hash(folded.hash())) {
    if (slot.entry->name == asked) return slot.entry.get();
    if (first == nullptr && folded.is_folded(slot.entry->name)) first = slot.entry.get();
  }
  return first;
}

std::span<const FileTable::Slot> FileTable::with_hash(std::uint64_t hash) const {
  const std::span<const Slot> slots = listed(partition_of(hash));
  const auto found = std::ranges::equal_range(slots, hash, {}, &Slot::hash);
  return {found.begin(), found.end()};
}

std::uint64_t FileTable::key(std::string_view name) {
  return FoldedName(name).hash();
}

const FileEntry* FileTable::find_version(std::uint64_t key, std::uint64_t version) const {
  for (const Slot& slot : with_hash(key))
    if (slot.entry->version == version) return slot.entry.get();
  return nullptr;
}

std::shared_ptr<const FileEntry> FileTable::hold(const FileEntry& entry) const {
  for (const Slot& slot : with_hash(key(entry.name)))
    if (slot.entry.get() == &entry) return slot.entry;
  assert(false);
  return {};
}

FileTable FileTable::with(std::span<const FileChange> changes) const {
  std::vector<std::pair<std::uint64_t, const FileChange*>> placed;
  placed.reserve(changes.size());
  for (const FileChange& change : changes) {
    assert(is_file_name(change.name));
    placed.emplace_back(FoldedName(change.name).hash(), &change);
  }
  std::sort(placed.begin(), placed.end());  // of one hash in the list's order, as addresses are

  auto next = state_ ? std::make_shared<State>(*state_) : std::make_shared<State>();
  std::vector<Directory<std::shared_ptr<const State::Partition>>::Replacement> replacements;
  for (auto it = placed.begin(); it != placed.end();) {
    const std::size_t number = partition_of(it->first);
    const auto& old = next->directory.at(number);
    auto made = old ? std::make_shared<State::Partition>(*old) : std::make_shared<State::Partition>();
    for (; it != placed.end() && partition_of(it->first) == number; ++it) {
      next->apply(*made, it->first, *it->second);
    }
    replacements.push_back({number, made->empty() ? nullptr : std::move(made)});
  }
  next->directory = next->directory.with(std::move(replacements));
  return FileTable(std::move(next));
}

void FileTable::State::apply(Partition& partition, std::uint64_t hash, const FileChange& change) {
  const auto at =
      std::lower_bound(partition.begin(), partition.end(), std::tie(hash, change.name),
                       [](const Slot& s, const std::tuple<const std::uint64_t&, const std::string&>& k) {
                         return std::tie(s.hash, s.entry->name) < k;
                       });
  const bool there = at != partition.end() && at->hash == hash && at->entry->name == change.name;
  if (!change.body) {
    if (!there) return;
    partition.erase(at);
    --size;
    return;
  }
  auto entry =
      std::make_shared<const FileEntry>(FileEntry{change.name, *change.body, version_of(*change.body)});
  if (there) {
    at->entry = std::move(entry);
  } else {
    partition.insert(at, Slot{hash, std::move(entry)});
    ++size;
  }
}

std::size_t FileTable::size() const {
  return state_ ? state_->size : 0;
}

std::span<const FileTable::Slot> FileTable::listed(std::size_t partition) const {
  if (!state_ || !state_->directory.at(partition)) return {};
  return *state_->directory.at(partition);
}

}  // namespace anchord::index

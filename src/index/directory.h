// Partitions by number, in two levels, so that changing one partition copies a few
// dozen pointers and not all of them.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace anchord::index {

// A hash's top bits that are its partition's number.
constexpr unsigned kPartitionBits = 10;

// A Partition is a value that is cheap to copy; one made by default is empty.
template <class Partition>
class Directory {
 public:
  static constexpr std::size_t kFan = std::size_t{1} << kPartitionBits / 2;
  static constexpr std::size_t kSize = kFan * kFan;
  static_assert(kSize == std::size_t{1} << kPartitionBits);

  struct Replacement {
    std::size_t number;
    Partition partition;
  };

  const Partition& at(std::size_t number) const { return (*groups_[number / kFan])[number % kFan]; }

  // The directory after `replacements`, which are in the order of their numbers.
  Directory with(std::vector<Replacement> replacements) const {
    Directory next = *this;
    for (auto it = replacements.begin(); it != replacements.end();) {
      const std::size_t number = it->number / kFan;
      auto group = std::make_shared<Group>(*groups_[number]);
      for (; it != replacements.end() && it->number / kFan == number; ++it) {
        (*group)[it->number % kFan] = std::move(it->partition);
      }
      next.groups_[number] = std::move(group);
    }
    return next;
  }

  static constexpr std::size_t kMemory = kSize * sizeof(Partition);  // in bytes, all groups

 private:
  using Group = std::array<Partition, kFan>;

  static const std::shared_ptr<const Group>& empty() {
    static const auto group = std::make_shared<const Group>();
    return group;
  }
  static std::array<std::shared_ptr<const Group>, kFan> all_empty() {
    std::array<std::shared_ptr<const Group>, kFan> groups;
    groups.fill(empty());
    return groups;
  }

  std::array<std::shared_ptr<const Group>, kFan> groups_ = all_empty();
};

}  // namespace anchord::index

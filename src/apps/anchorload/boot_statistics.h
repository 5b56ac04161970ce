// How the boots of a run ended, and why: counted by reason, with a few names each.
// Any thread may add.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "anchord/trust/virtual_phone.h"
#include "client.h"

namespace anchord::load {

class BootStatistics {
 public:
  // Different reasons; stops texts that are never the same twice from filling memory.
  static constexpr std::size_t kMaxReasons = 64;
  static constexpr std::size_t kNames = 5;

  void add(const std::string& phone, const trust::VirtualPhone::Done& done);
  // One that switched off in the middle.
  void add_off() { off_.fetch_add(1, std::memory_order_relaxed); }

  std::uint64_t count(trust::BootEnd end) const {
    return counts_[static_cast<std::size_t>(end)].load(std::memory_order_relaxed);
  }
  std::string live() const;
  void put_into(Json& out) const;
  std::string text() const;

 private:
  struct Reason {
    std::uint64_t count = 0;
    std::vector<std::string> phones;  // the first
  };
  // Locked ones first, then by how often.
  std::vector<std::pair<std::pair<trust::BootEnd, std::string>, Reason>> sorted() const;

  std::array<std::atomic<std::uint64_t>, 3> counts_{};
  std::atomic<std::uint64_t> off_ = 0;
  mutable std::mutex mutex_;
  std::map<std::pair<trust::BootEnd, std::string>, Reason> reasons_;
};

}  // namespace anchord::load

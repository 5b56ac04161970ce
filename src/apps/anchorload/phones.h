// The phones of a run: what they are called, what each of them is, and what it keeps
// from one boot to the next, in memory or in a folder.
//
// Any thread may take one. A phone is in one pair of hands at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "anchord/base/error.h"
#include "anchord/trust/virtual_phone.h"

namespace anchord::load {

// Stops a slip of the finger from filling a disk.
constexpr std::uint32_t kMaxPhones = 1u << 22;

struct PhoneRow {
  std::string first = "SEP001122000000";  // number 0; the others follow by their MAC addresses
  std::uint32_t from = 0;                 // this number and those behind it
  std::uint32_t count = 1;
  std::string model = "8861";
  double without_security = 0;  // percent of them that are older models
  std::size_t tvs_servers = 1;
  // Where they keep their lists and configuration, a folder for each; empty: nowhere,
  // and each run's phones are new.
  std::filesystem::path folder;
  // They boot more than once in this run.
  bool again = false;
};

class Phones {
 public:
  struct One {
    std::uint32_t index = 0;
    std::uint64_t mac = 0;
    std::uint32_t boot = 0;  // how often it was taken before, in this run
    trust::PhoneSettings settings;
    trust::PhoneMemory memory;
  };

  // Fails when the row does not fit, or its folder cannot be made.
  static Result<std::unique_ptr<Phones>> create(PhoneRow row);

  const PhoneRow& row() const { return row_; }
  // The one that has rested longest. There must be one that nobody has: as many boot at
  // once as there are phones, at most. Fails when what it keeps cannot be read.
  Result<One> take();
  // `before` is what it was taken with. Fails when what it keeps now cannot be written.
  Status put_back(std::uint32_t index, const trust::PhoneMemory& before, const trust::PhoneMemory& now);

 private:
  explicit Phones(PhoneRow row, std::uint64_t first);
  std::string name(std::uint32_t index) const;
  bool has_security(std::uint32_t index) const;
  Status recall(One& one) const;
  void rest(std::uint32_t index);

  const PhoneRow row_;
  const std::uint64_t first_;                 // the MAC address
  std::vector<trust::PhoneMemory> memories_;  // by index, without a folder
  std::vector<std::uint32_t> boots_;          // by index, of those that boot more than once
  std::mutex mutex_;
  std::deque<std::uint32_t> resting_;
};

}  // namespace anchord::load

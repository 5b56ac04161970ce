// The files that a run asks for, in turn: names as given, and ranges of names.
//
// A name may hold one range of hexadecimal numbers, SEP{000000000000..00000000270F}.cnf.xml:
// both ends belong to it and have the same number of digits.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "anchord/base/error.h"

namespace anchord::load {

// All names of a run together. Stops a range that was meant to be smaller.
constexpr std::uint64_t kMaxNames = std::uint64_t{1} << 22;

class FileNames {
 public:
  static Result<FileNames> parse(const std::vector<std::string>& texts);

  std::uint64_t count() const { return count_; }
  // `number` is below count().
  std::string name(std::uint64_t number) const;

 private:
  struct Pattern {
    std::string before;
    std::string after;
    std::uint64_t first = 0;
    std::uint64_t count = 1;
    int digits = 0;  // 0: `before` is the whole name
  };
  static Result<Pattern> parse_one(std::string_view text);

  std::vector<Pattern> patterns_;
  std::uint64_t count_ = 0;
};

}  // namespace anchord::load

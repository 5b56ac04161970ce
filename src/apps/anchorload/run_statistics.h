// What one worker counts, and the sum of several.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "anchord/base/histogram.h"
#include "failure.h"

namespace anchord::load {

struct RunStatistics {
  std::uint64_t completed = 0;  // in the time that is measured
  std::uint64_t late = 0;       // completed after it
  std::uint64_t bytes = 0;      // of content, in the time that is measured
  std::uint64_t unstarted = 0;  // due by the rate, but every client was busy
  std::array<std::uint64_t, kErrorKinds> errors{};
  std::array<std::string, kErrorKinds> examples;  // the first of each kind
  Histogram latency;                              // nanoseconds

  std::uint64_t failed() const {
    std::uint64_t out = 0;
    for (const std::uint64_t n : errors) out += n;
    return out;
  }

  // What came before is not measured. Errors count always.
  void begin_measuring() {
    completed = bytes = 0;
    latency = {};
  }

  void add(const Failure& failure) {
    const auto kind = static_cast<std::size_t>(failure.kind);
    if (errors[kind]++ == 0) examples[kind] = failure.text;
  }

  void merge(const RunStatistics& other) {
    completed += other.completed;
    late += other.late;
    bytes += other.bytes;
    unstarted += other.unstarted;
    for (std::size_t i = 0; i < kErrorKinds; ++i) {
      if (errors[i] == 0) examples[i] = other.examples[i];
      errors[i] += other.errors[i];
    }
    latency.merge(other.latency);
  }
};

}  // namespace anchord::load

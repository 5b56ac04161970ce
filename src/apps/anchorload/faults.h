// anchorload boot: what goes wrong for phones on purpose. Some services do not answer some
// phones, transfers are cut at a random byte, phones switch off in the middle of a boot.
//
// Who is hit follows from the seed, the phone and the number of its boot, and from nothing
// else: not from threads, nor from the order in which phones boot. Who is hit at some
// percentage is hit at every higher one.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "anchord/base/error.h"
#include "client.h"

namespace anchord::load {

// As the command line says it.
struct FaultFlags {
  std::vector<std::string> unreachable;  // "tvs", "http:30"
  std::string cut = "0";
  std::string off = "0";
  std::string seed = "1";
};

// In percent: of phones at each of their boots, and for `cut` of transfers.
struct FaultPlan {
  double tvs = 0;
  double http = 0;  // and HTTPS
  double tftp = 0;
  double cut = 0;
  double off = 0;
  std::uint64_t seed = 1;

  bool any() const { return tvs > 0 || http > 0 || tftp > 0 || cut > 0 || off > 0; }
};

// Fails with the flag that makes no sense.
Result<FaultPlan> read_faults(const FaultFlags& flags);

// What happens to one phone in one boot.
class BootFaults {
 public:
  // Most boots want no more than this; who is done before its moment comes has booted.
  static constexpr std::size_t kOffWithin = 6;
  // Lists and most configurations are shorter: a file that ends before its byte is cut at its
  // end, which is not acknowledged.
  static constexpr std::size_t kCutWithin = 8192;

  BootFaults() = default;
  // `phone` is its MAC address, `boot` counts from 0.
  BootFaults(const FaultPlan& plan, std::uint64_t phone, std::uint64_t boot);

  bool tvs() const { return tvs_; }  // it does not answer
  bool http() const { return http_; }
  bool tftp() const { return tftp_; }

  // What becomes of the phone as it is about to want something, which is to be told once for
  // each want: it goes on, or switches off now, or while it is being answered.
  enum class Power { stays, off, off_soon };
  Power want();
  // For each transfer: behind how many bytes nothing comes any more.
  // One that is the last of a phone which switches off soon may come whole, and have been in vain.
  std::optional<std::size_t> cut(bool off_soon);

 private:
  std::uint64_t draw();
  bool is_hit(double percent);

  std::uint64_t state_ = 0;
  double cut_ = 0;
  bool tvs_ = false;
  bool http_ = false;
  bool tftp_ = false;
  bool off_ = false;
  bool off_soon_ = false;
  std::size_t off_at_ = 0;
  std::size_t wants_ = 0;
};

// What was done, of all boots. Any thread may count.
struct FaultCounters {
  std::atomic<std::uint64_t> tvs = 0;  // boots without it
  std::atomic<std::uint64_t> http = 0;
  std::atomic<std::uint64_t> tftp = 0;
  std::atomic<std::uint64_t> cut_http = 0;  // transfers
  std::atomic<std::uint64_t> cut_tftp = 0;

  void add(const BootFaults& faults);
  Json json(const FaultPlan& plan) const;
  std::string text() const;  // one line
};

}  // namespace anchord::load

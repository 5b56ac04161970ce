#include "faults.h"

#include <fmt/core.h>

#include <charconv>
#include <set>

namespace anchord::load {
namespace {

Result<double> read_percent(const std::string& flag, std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  // Written so that "nan" is refused too.
  if (whole && value >= 0 && value <= 100) return value;
  return fail(fmt::format("{}: '{}' is no percentage from 0 to 100", flag, text));
}

void count(std::atomic<std::uint64_t>& counter, bool hit) {
  if (hit) counter.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

Result<FaultPlan> read_faults(const FaultFlags& flags) {
  FaultPlan out;
  const char* seed_end = flags.seed.data() + flags.seed.size();
  const auto [end, error] = std::from_chars(flags.seed.data(), seed_end, out.seed);
  if (error != std::errc() || end != seed_end)
    return fail("--seed: '" + flags.seed + "' is no number from 0 on");
  std::set<std::string> seen;
  for (const std::string& text : flags.unreachable) {
    const std::size_t colon = text.find(':');
    const std::string service = text.substr(0, colon);
    double* percent = service == "tvs"    ? &out.tvs
                      : service == "http" ? &out.http
                      : service == "tftp" ? &out.tftp
                                          : nullptr;
    if (percent == nullptr) return fail("--unreachable: '" + service + "' is not tvs, http or tftp");
    if (!seen.insert(service).second) return fail("--unreachable: " + service + " is given twice");
    *percent = 100;
    if (colon == std::string::npos) continue;
    ANCHORD_TRY_ASSIGN(auto value, read_percent("--unreachable", std::string_view(text).substr(colon + 1)));
    *percent = value;
  }
  ANCHORD_TRY_ASSIGN(auto cut, read_percent("--cut", flags.cut));
  ANCHORD_TRY_ASSIGN(auto off, read_percent("--off-at", flags.off));
  out.cut = cut;
  out.off = off;
  return out;
}

// Each draw is made whether or not its fault is asked for, so that one option does not
// change whom another hits.
BootFaults::BootFaults(const FaultPlan& plan, std::uint64_t phone, std::uint64_t boot) : cut_(plan.cut) {
  for (const std::uint64_t part : {plan.seed, phone, boot}) {
    state_ ^= part;
    state_ = draw();
  }
  tvs_ = is_hit(plan.tvs);
  http_ = is_hit(plan.http);
  tftp_ = is_hit(plan.tftp);
  off_ = is_hit(plan.off);
  off_soon_ = is_hit(50);
  off_at_ = draw() % kOffWithin;
}

// splitmix64: good bits from any state, in a few instructions.
std::uint64_t BootFaults::draw() {
  state_ += 0x9e3779b97f4a7c15;
  std::uint64_t z = state_;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

bool BootFaults::is_hit(double percent) {
  constexpr double kAll = 0x1p53;
  return static_cast<double>(draw() >> 11) / kAll * 100 < percent;
}

BootFaults::Power BootFaults::want() {
  if (!off_ || wants_++ != off_at_) return Power::stays;
  return off_soon_ ? Power::off_soon : Power::off;
}

std::optional<std::size_t> BootFaults::cut(bool off_soon) {
  if (!is_hit(off_soon ? 50 : cut_)) return std::nullopt;
  return draw() % kCutWithin;
}

void FaultCounters::add(const BootFaults& faults) {
  count(tvs, faults.tvs());
  count(http, faults.http());
  count(tftp, faults.tftp());
}

std::string FaultCounters::text() const {
  return fmt::format(
      "  on purpose: {} boots without TVS, {} without HTTP, {} without TFTP; {} transfers by HTTP and {} by "
      "TFTP cut\n",
      tvs.load(), http.load(), tftp.load(), cut_http.load(), cut_tftp.load());
}

}  // namespace anchord::load

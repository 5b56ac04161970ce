#include "anchord/service/guess_guard.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "anchord/base/ascii.h"
#include "limits/peer_map.h"
#include "limits/sip_hash.h"

namespace anchord::service {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// How often a token comes back to a bucket, how many it holds, and how many of them are to stay in it.
struct Pace {
  Millis each;
  std::uint64_t most;
  std::uint64_t left;
};

Millis owed(Millis full_again, Millis now) {
  return full_again > now ? full_again - now : 0;
}

bool has_token(Millis full_again, const Pace& pace, Millis now) {
  return owed(full_again, now) + pace.each * (1 + pace.left) <= pace.each * pace.most;
}

bool take_token(std::atomic<Millis>& bucket, const Pace& pace, Millis now) {
  Millis full_again = bucket.load(kRelaxed);
  while (has_token(full_again, pace, now)) {
    if (bucket.compare_exchange_weak(full_again, now + owed(full_again, now) + pace.each, kRelaxed))
      return true;
  }
  return false;
}

}  // namespace

GuessGuard::GuessGuard(unsigned max_unknown_devices, std::uint64_t seed)
    : max_unknown_devices_(max_unknown_devices), seed_(seed) {
  if (max_unknown_devices == 0) return;
  names_ = std::make_unique<NameSet[]>(kMaxNames / kWays);
  sources_ = std::make_unique<SourceSet[]>(kMaxSources / kSourceWays);
}

GuessGuard::Verdict GuessGuard::judge(const io::Host& from, std::string_view device, bool exists, Asked asked,
                                      Millis now) {
  if (max_unknown_devices_ == 0) return Verdict::answer;
  const std::uint64_t key = key_of(from);
  Source* source = find(key);
  if (exists && source == nullptr) return Verdict::answer;
  const std::uint64_t name = name_of(key, device);
  const std::uint64_t known = marks(name);
  if (!exists && (known & kTold) != 0) return Verdict::answer;
  if (source == nullptr) source = &remember(key, now);
  const std::uint64_t left = (known & kRefused) != 0 ? 0 : kReserve;
  const Pace phones{kPerPhone, max_unknown_devices_ * kPhonesForEach + kReserve, left};
  const Pace unknown{kPerUnknownDevice, max_unknown_devices_ + kReserve, left};
  const bool is_phone = asked == Asked::list || (known & kListed) != 0;
  if (exists) {
    if (is_phone && has_token(source->phones.load(kRelaxed), phones, now)) return Verdict::answer;
    if (has_token(source->unknown.load(kRelaxed), unknown, now)) return Verdict::answer;
  } else if ((is_phone && take_token(source->phones, phones, now)) ||
             take_token(source->unknown, unknown, now)) {
    mark(name, kTold);
    return Verdict::answer;
  }
  mark(name, kRefused);
  const Millis before = source->refused.exchange(now, kRelaxed);
  return before == 0 || now > before + kQuiet ? Verdict::caught : Verdict::throttle;
}

void GuessGuard::list_given(const io::Host& from, std::string_view device) {
  if (max_unknown_devices_ > 0) mark(name_of(key_of(from), device), kListed);
}

std::uint64_t GuessGuard::key_of(const io::Host& from) const {
  const io::Host source = source_of(from).host;
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::memcpy(&high, source.bytes.data(), sizeof high);
  std::memcpy(&low, source.bytes.data() + sizeof high, sizeof low);
  const SipKey key{.low = seed_, .high = ~seed_};
  return sip_hash(key, low ^ sip_hash(key, high)) | 1;
}

// Never without a bit above the marks: 0 is an empty place.
std::uint64_t GuessGuard::name_of(std::uint64_t source, std::string_view device) const {
  std::uint64_t mac = 0;
  for (char c : device.substr(3)) mac = mac << 4 | static_cast<std::uint64_t>(hex_value(c) & 15);
  return (sip_hash({.low = ~seed_, .high = seed_}, source ^ mac) & ~kMarks) | (kMarks + 1);
}

GuessGuard::NameSet& GuessGuard::names_like(std::uint64_t name) const {
  return names_[(name >> 32) % (kMaxNames / kWays)];
}

std::uint64_t GuessGuard::marks(std::uint64_t name) const {
  for (const auto& place : names_like(name).names) {
    const std::uint64_t found = place.load(kRelaxed);
    if ((found & ~kMarks) == name) return found & kMarks;
  }
  return 0;
}

void GuessGuard::mark(std::uint64_t name, std::uint64_t marks) {
  std::span places = names_like(name).names;
  std::atomic<std::uint64_t>* empty = nullptr;
  std::atomic<std::uint64_t>* cheap = nullptr;
  // Which of several makes way cannot be told from outside.
  const std::size_t first = (name >> 16) % kWays;
  for (std::size_t i = 0; i < kWays; ++i) {
    auto& place = places[(first + i) % kWays];
    std::uint64_t found = place.load(kRelaxed);
    if ((found & ~kMarks) == name) {
      if ((found & marks) != marks) place.compare_exchange_strong(found, found | marks, kRelaxed);
      return;
    }
    if (found == 0 && empty == nullptr) empty = &place;
    if ((found & kDear) != kDear && cheap == nullptr) cheap = &place;
  }
  auto& place = empty != nullptr ? *empty : cheap != nullptr ? *cheap : places[first];
  place.store(name | marks, kRelaxed);
}

GuessGuard::SourceSet& GuessGuard::sources_like(std::uint64_t key) const {
  return sources_[(key >> 32) % (kMaxSources / kSourceWays)];
}

GuessGuard::Source* GuessGuard::find(std::uint64_t key) const {
  for (Source& source : sources_like(key).sources)
    if (source.key.load(kRelaxed) == key) return &source;
  return nullptr;
}

GuessGuard::Source& GuessGuard::remember(std::uint64_t key, Millis now) {
  auto spent = [&](const Source& source) {
    return owed(source.phones.load(kRelaxed), now) / kPerPhone +
           owed(source.unknown.load(kRelaxed), now) / kPerUnknownDevice;
  };
  Source& least = *std::ranges::min_element(sources_like(key).sources, {}, spent);
  least.phones.store(0, kRelaxed);
  least.unknown.store(0, kRelaxed);
  least.refused.store(0, kRelaxed);
  least.key.store(key, kRelaxed);
  return least;
}

}  // namespace anchord::service

// Throttles how many devices a source learns about: whether they have a configuration.
//
// Configuration files may hold passwords, and a file's name is a phone's MAC address: a source that asks for
// many devices may be guessing for one that exists. It learns that from the answer to the configuration of a
// device about which it was not told before, and each such answer takes a token of the source's token bucket
// (a source is an IPv4 address or an IPv6 /64). The cluster's lists tell nothing, since they are the same for
// every name.
//
// Phones that are not set up yet ask for the same names. Unlike simple guessers they fetch their list first,
// to its end: devices whose list went to that source take from a bucket of their own, which is larger and
// fills up faster. Fetching the list also proves the address, so that nobody can empty this bucket with
// forged packets. A guesser that plays whole boots is bounded by this bucket. When a source was told that a
// device has no configuration, asking again costs no token, as phones do at each boot. A configuration that
// exists is served while there is a token, and takes none: with an empty bucket both kinds are refused alike,
// so that a refusal tells nothing. Phones that were refused ask again, and a guesser that walks through names
// does not: the last tokens are reserved for names that come again.
//
// All shards share one guard, since a phone's requests come to several of them. It is made of atomics without
// locks: shards that race for a place lose a note or give a token too many. The memory is taken at the start
// and does not grow. An entry that a peer can evict cost less than the peer had to do to evict it: see
// kMaxNames and kMaxSources.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "anchord/base/clock.h"
#include "anchord/io/address.h"

namespace anchord::service {

class GuessGuard {
 public:
  enum class Verdict : std::uint8_t {
    answer,
    caught,  // as throttle, and for the first time, or after it was quiet: to be reported
    throttle
  };
  enum class Asked : std::uint8_t {
    list,  // which phones ask for first; only where some have lists of their own does it tell anything
    configuration,
  };

  // Devices that `max_unknown_devices` allows at once when their list was fetched first, for each that
  // it allows without: 1024 phones by default.
  static constexpr unsigned kPhonesForEach = 4;
  // The time in which a token comes back, for devices whose list was fetched and for others.
  static constexpr Millis kPerPhone = 1'000;
  static constexpr Millis kPerUnknownDevice = 10'000;
  // Further tokens, which only devices that were refused before may take.
  static constexpr unsigned kReserve = 16;
  // After so long without a refusal of a source the next one is reported again.
  static constexpr Millis kQuiet = 600'000;
  // Sources with tokens spent. A new one takes the place of the one that has spent least, which
  // costs it least: to be forgotten, a guesser needs thousands of sources that spent more than he.
  static constexpr std::size_t kMaxSources = 4096;
  // Devices remembered, of all sources. Beyond, what cost nothing but packets makes way first: a
  // flood of it pushes out at most an eighth of the devices that fetched their list and were told
  // that they have no configuration. Who is forgotten takes a token at its next boot.
  static constexpr std::size_t kMaxNames = 262'144;

  // `max_unknown_devices`: devices whose list was not fetched that one source may be told about at once;
  // 0 for any number. `seed` must be secret.
  GuessGuard(unsigned max_unknown_devices, std::uint64_t seed);

  // For each request with a device's name in it. `device` is "SEP" and twelve hexadecimal digits;
  // `exists` says whether there is such a device (for a list: whether it has one of its own), not
  // such a file.
  Verdict judge(const io::Host& from, std::string_view device, bool exists, Asked asked, Millis now);

  // The source has acknowledged the last byte of that device's list.
  void list_given(const io::Host& from, std::string_view device);

 private:
  // A device as one source names it: 61 bits of a keyed hash, and what is known of it below.
  static constexpr std::uint64_t kListed = 1;
  static constexpr std::uint64_t kTold = 2;
  static constexpr std::uint64_t kRefused = 4;
  static constexpr std::uint64_t kMarks = kListed | kTold | kRefused;
  static constexpr std::uint64_t kDear = kListed | kTold;  // entries that cost their source more than packets

  // A token bucket as one number (GCRA): the time when it is full again says how many tokens are left.
  using TokenBucket = std::atomic<Millis>;

  struct Source {
    std::atomic<std::uint64_t> key = 0;  // 0: nobody
    TokenBucket phones = 0;
    TokenBucket unknown = 0;
    std::atomic<Millis> refused = 0;  // when last; 0: never
  };

  static constexpr std::size_t kWays = 8;
  struct alignas(64) NameSet {
    std::array<std::atomic<std::uint64_t>, kWays> names{};
  };
  static constexpr std::size_t kSourceWays = 4;
  struct alignas(64) SourceSet {
    std::array<Source, kSourceWays> sources{};
  };

  std::uint64_t key_of(const io::Host& from) const;
  std::uint64_t name_of(std::uint64_t source, std::string_view device) const;
  std::uint64_t marks(std::uint64_t name) const;
  void mark(std::uint64_t name, std::uint64_t marks);
  NameSet& names_like(std::uint64_t name) const;
  SourceSet& sources_like(std::uint64_t key) const;
  Source* find(std::uint64_t key) const;
  Source& remember(std::uint64_t key, Millis now);

  std::uint64_t max_unknown_devices_;
  std::uint64_t seed_;
  std::unique_ptr<NameSet[]> names_;
  std::unique_ptr<SourceSet[]> sources_;
};

}  // namespace anchord::service

// Notices who guesses phones' names, and slows them down.
//
// Configuration files may hold passwords, and a file's name is a phone's MAC address:
// who asks for many devices that do not exist is looking for one that does. Such a
// source gets an answer to a few of its requests for any device, those for files that
// exist among them, until it has been quiet for a while. A source is an IPv4 address
// or an IPv6 /64.
//
// The number of different devices is estimated with a bit for each hash, so what a
// source can make grow is fixed; of all sources the ones heard of last are kept.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "anchord/base/clock.h"
#include "anchord/io/address.h"
#include "peer_map.h"
#include "slot_list.h"

namespace anchord::service {

class GuessGuard {
 public:
  enum class Verdict : std::uint8_t {
    answer,
    caught,  // as slow down, and for the first time: to be reported
    slow_down
  };

  // Sources that asked for something that does not exist, at once.
  static constexpr std::uint32_t kMaxSources = 4096;
  // How long a source must be quiet to start anew.
  static constexpr Millis kMemory = 600'000;
  // A source that was caught gets one answer in this time.
  static constexpr Millis kPause = 1'000;

  // `max_strangers`: devices that one source may ask for in vain; 0 for any number.
  GuessGuard(unsigned max_strangers, std::uint64_t seed);

  // For each request with a device's name in it; `exists` says whether there is such
  // a device, not such a file.
  Verdict judge(const io::Host& from, std::string_view device, bool exists, Millis now);

 private:
  static constexpr unsigned kBits = 4096;

  struct Source {
    io::Address key;
    std::array<std::uint64_t, kBits / 64> seen{};
    unsigned bits = 0;
    Millis last_stranger = 0;
    Millis answer_again = 0;
    bool caught = false;
  };

  std::uint32_t remember(const io::Address& key);

  unsigned max_strangers_;
  std::uint64_t seed_;
  std::vector<Source> sources_;
  PeerMap by_address_;
  SlotList by_time_;  // of the last device that does not exist
};

}  // namespace anchord::service

// What was heard of each device of late, in order: for whoever looks for why a phone does not
// come up. In memory only, of a bounded number of devices and of events of each; the device
// silent longest and each device's oldest event are forgotten first.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "anchord/base/clock.h"
#include "anchord/io/address.h"

namespace anchord::control {

class DeviceTrace {
 public:
  // Names and addresses are the peers' claims: more than a large site has are not kept.
  static constexpr std::size_t kMaxDevices = 20'000;
  static constexpr std::size_t kMaxAddresses = 4'096;  // whose handshakes failed
  static constexpr std::size_t kMaxEvents = 32;        // of one device, a few boots; and of one address

  struct Event {
    std::uint64_t number = 0;  // rises with each event of any device
    Millis at = 0;             // the monotonic clock
    io::Host from;
    std::string protocol;  // "tftp", "http", "https", "tvs"
    std::string what;      // was asked for
    std::string outcome;
  };

  void note_device(std::string_view device, Event event);
  // Of an address: what cannot say which device it is of.
  void note_address(Event event);

  // Those behind `since`: the device's own, and those of the addresses that its events are from.
  std::vector<Event> events(std::string_view device, std::uint64_t since) const;
  std::uint64_t last() const { return last_; }

 private:
  struct Ring {
    std::string key;
    std::deque<Event> events;
  };
  // By name, or by address in text.
  class Rings {
   public:
    explicit Rings(std::size_t most) : most_(most) {}
    void add(std::string_view key, Event event);
    const Ring* find(std::string_view key) const;

   private:
    std::size_t most_;
    std::list<Ring> newest_first_;
    std::unordered_map<std::string, std::list<Ring>::iterator> by_key_;
  };

  Rings devices_{kMaxDevices};
  Rings addresses_{kMaxAddresses};
  std::uint64_t last_ = 0;
};

}  // namespace anchord::control

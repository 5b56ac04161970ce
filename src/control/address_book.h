// Which phone speaks from which address: for lists and default configurations, which
// phones also ask for by names that do not say who asks.
#pragma once

#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "anchord/base/clock.h"
#include "anchord/io/address.h"

namespace anchord::control {

class AddressBook {
 public:
  // More than the phones of a large cluster; the addresses heard of longest ago are
  // forgotten. Stops those who come from many addresses from filling memory.
  static constexpr std::size_t kMaxAddresses = 100'000;
  // An address may be another phone's the next day.
  static constexpr UnixSeconds kMemory = 3600;

  void heard(const io::Host& from, std::string_view device, UnixSeconds now);

  // The device that alone was heard of from there within kMemory; empty when there is none
  // or were several (NAT). Valid until the next call of heard().
  std::string_view only_device(const io::Host& from, UnixSeconds now) const;

  std::size_t size() const { return by_time_.size(); }

 private:
  struct Entry {
    io::Host from;
    std::string device;
    UnixSeconds last = 0;
    UnixSeconds other = 0;  // when another device was last heard of from there; 0: never
  };

  std::list<Entry> by_time_;  // heard of last in front
  std::unordered_map<io::Host, std::list<Entry>::iterator> by_address_;
};

}  // namespace anchord::control

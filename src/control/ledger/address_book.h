// Which phones speak from which address: for lists and default configurations, which
// phones also ask for by names that do not say who asks.
#pragma once

#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "anchord/base/clock.h"
#include "anchord/io/address.h"

namespace anchord::control {

class AddressBook {
 public:
  // Phones at their addresses. More than those of a large cluster, whether or not they share one; those
  // heard of longest ago are forgotten. Stops invented names from filling memory.
  static constexpr std::size_t kMaxEntries = 100'000;
  // So many at one address are each noted for a list that was asked for there without a name: as many phones
  // as may stand behind one (service/guess_guard.h), and more names than are told of there in an hour by
  // default. Stops one who knows the names of a large cluster from making work for all of them with each
  // list.
  static constexpr std::size_t kMaxNeighbours = 8'192;
  // An address may be another phone's the next day.
  static constexpr UnixSeconds kMemory = 3600;

  void heard(const io::Host& from, std::string_view device, UnixSeconds now);

  // Those heard of from there within kMemory: several behind one address (NAT). In no order.
  std::vector<std::string> devices(const io::Host& from, UnixSeconds now) const;
  // More than kMaxNeighbours are: any phone may be who speaks there.
  bool is_crowded(const io::Host& from) const;
  // The device that alone was heard of from there within kMemory; empty when there is none
  // or were several. Valid until the next call of heard().
  std::string_view only_device(const io::Host& from, UnixSeconds now) const;

  // Whether one was forgotten that was heard of within kMemory: who speaks from where is not all known.
  bool lacks_some(UnixSeconds now) const { return forgotten_ != 0 && now - forgotten_ <= kMemory; }

  std::size_t size() const { return by_time_.size(); }

 private:
  struct Entry {
    io::Host from;
    std::string device;
    UnixSeconds last = 0;
  };
  using EntryPosition = std::list<Entry>::iterator;
  using Neighbours = std::unordered_map<std::string, EntryPosition>;

  static bool is_recent(const Entry& entry, UnixSeconds now) { return now - entry.last <= kMemory; }
  void forget_oldest();

  std::list<Entry> by_time_;  // heard of last in front
  std::unordered_map<io::Host, Neighbours> by_address_;
  UnixSeconds forgotten_ = 0;  // when the one that went for want of room was last heard of; 0: none did
};

}  // namespace anchord::control

// A hash map from peers to numbers whose memory is all taken at start.
//
// Linear probing at a load of at most one half; a deletion moves later entries
// back, so there are no tombstones and a lookup's length depends on the present
// content alone. Keys come from the network: the hash is seeded, so that nobody
// can choose addresses that collide.
#pragma once

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "anchord/io/address.h"

namespace anchord::service {

// What limits count as one peer: an IPv4 address, or a whole IPv6 /64, of which a
// single machine has every address.
inline io::Address source_of(const io::Host& host) {
  io::Address key{.host = host};
  if (!host.is_v4()) std::fill(key.host.bytes.begin() + 8, key.host.bytes.end(), std::uint8_t{0});
  return key;
}

// What one site has: an IPv4 /24 or an IPv6 /48.
inline io::Address network_of(const io::Host& host) {
  io::Address key{.host = host};
  std::fill(key.host.bytes.begin() + (host.is_v4() ? 15 : 6), key.host.bytes.end(), std::uint8_t{0});
  return key;
}

class PeerMap {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  PeerMap(std::uint32_t max_entries, std::uint64_t seed)
      : entries_(std::bit_ceil(std::uint64_t{max_entries} * 2 + 2)), seed_(seed), max_entries_(max_entries) {}

  std::uint32_t size() const { return size_; }

  // The value, or kNone.
  std::uint32_t find(const io::Address& key) const {
    const Entry& entry = entries_[locate(key)];
    return entry.value;
  }

  // Inserts or replaces. `value` is not kNone; there is room for max_entries.
  void set(const io::Address& key, std::uint32_t value) {
    assert(value != kNone);
    Entry& entry = entries_[locate(key)];
    if (entry.value == kNone) {
      assert(size_ < max_entries_);
      ++size_;
      entry.key = key;
    }
    entry.value = value;
  }

  void erase(const io::Address& key) {
    std::size_t hole = locate(key);
    if (entries_[hole].value == kNone) return;
    --size_;
    for (std::size_t next = after(hole); entries_[next].value != kNone; next = after(next)) {
      // An entry may move back into the hole unless its home lies behind the hole.
      std::size_t home = hash(entries_[next].key) & mask();
      if (((next - home) & mask()) < ((next - hole) & mask())) continue;
      entries_[hole] = entries_[next];
      hole = next;
    }
    entries_[hole].value = kNone;
  }

  // For other tables whose keys come from the network.
  static std::uint64_t hash(const io::Address& key, std::uint64_t seed) {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    std::memcpy(&high, key.host.bytes.data(), 8);
    std::memcpy(&low, key.host.bytes.data() + 8, 8);
    std::uint64_t h = fold(high ^ seed, 0x9e3779b97f4a7c15);
    h = fold(low ^ h ^ seed, 0xd6e8feb86659fd93);
    return fold(h ^ key.port, seed | 1);
  }
  static std::uint64_t hash_text(std::string_view text, std::uint64_t seed) {
    std::uint64_t h = seed;
    for (char c : text) h = fold(h ^ static_cast<std::uint8_t>(c), 0x9e3779b97f4a7c15);
    return fold(h ^ text.size(), seed | 1);
  }

 private:
  struct Entry {
    io::Address key;
    std::uint32_t value = kNone;
  };

  std::size_t mask() const { return entries_.size() - 1; }
  std::size_t after(std::size_t at) const { return (at + 1) & mask(); }

  std::size_t locate(const io::Address& key) const {
    std::size_t at = hash(key) & mask();
    while (entries_[at].value != kNone && entries_[at].key != key) at = after(at);
    return at;
  }

  std::uint64_t hash(const io::Address& key) const { return hash(key, seed_); }

  static std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }

  std::vector<Entry> entries_;
  std::uint64_t seed_;
  std::uint32_t max_entries_;
  std::uint32_t size_ = 0;
};

}  // namespace anchord::service

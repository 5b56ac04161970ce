// How many unproven transfers each source of packets may still begin: a token
// bucket for each, which fills up again with time.
//
// The buckets are kept LRU: the source heard of longest ago is forgotten first. A source that
// was forgotten has a full bucket, as a new one has.
#pragma once

#include <cstdint>
#include <vector>

#include "anchord/base/clock.h"
#include "anchord/io/address.h"
#include "anchord/service/settings.h"
#include "limits/peer_map.h"
#include "limits/slot_list.h"

namespace anchord::service {

class TokenBuckets {
 public:
  // Sources that are remembered at once. More are an attack with forged addresses.
  static constexpr std::uint32_t kMaxSources = 16'384;

  TokenBuckets(const TokenBucketSettings& settings, std::uint64_t seed);

  // Takes a token. False when the bucket is empty, or, with `of_plenty`, when it would be less than half
  // full afterwards.
  bool take(const io::Address& source, Millis now, bool of_plenty = false);
  void give_back(const io::Address& source);

 private:
  // In thousandths of a token, so that a millisecond adds a whole number.
  static constexpr std::uint64_t kToken = 1000;

  struct Bucket {
    io::Address source;
    std::uint64_t tokens = 0;
    Millis filled = 0;  // when that was so
  };

  std::uint32_t remember(const io::Address& source, Millis now);

  std::uint64_t most_;
  std::uint64_t per_millisecond_;
  std::vector<Bucket> buckets_;
  PeerMap by_source_;
  SlotList by_use_;
};

}  // namespace anchord::service

#include "tftp/tftp_unproven.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <new>
#include <type_traits>

#include "limits/peer_map.h"

namespace anchord::service {
namespace {

constexpr std::size_t kNowhere = ~std::size_t{0};

std::uint16_t tag_of(std::uint64_t hash) {
  return static_cast<std::uint16_t>(hash >> 48 | 1);
}

}  // namespace

TftpUnproven::TftpUnproven(std::uint32_t places, std::uint64_t seed)
    : seed_(seed),
      mask_(std::bit_ceil((std::size_t{places} + kWays - 1) / kWays) - 1),
      retransmits_(kMaxRetransmits) {
  static_assert(std::is_trivially_copyable_v<Set>);
  void* memory = ::mmap(nullptr, (mask_ + 1) * sizeof(Set), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  sets_ = static_cast<Set*>(memory);
}

TftpUnproven::~TftpUnproven() {
  ::munmap(sets_, (mask_ + 1) * sizeof(Set));
}

std::size_t TftpUnproven::find_place(const io::Address& peer, Millis now) const {
  const std::uint64_t hash = PeerMap::hash(peer, seed_);
  const std::size_t number = hash & mask_;
  const Set& set = sets_[number];
  for (std::size_t way = 0; way < kWays; ++way) {
    if (set.tag[way] != tag_of(hash) || set.asked[way].peer != peer) continue;
    const bool over = static_cast<std::uint32_t>(now) - set.at[way] > kLife;
    return over ? kNowhere : number * kWays + way;
  }
  return kNowhere;
}

TftpAsked* TftpUnproven::find(const io::Address& peer, Millis now) {
  const std::size_t place = find_place(peer, now);
  return place == kNowhere ? nullptr : &sets_[place / kWays].asked[place % kWays];
}

std::size_t TftpUnproven::place_of(const TftpAsked& asked) const {
  const std::size_t number = PeerMap::hash(asked.peer, seed_) & mask_;
  return number * kWays + static_cast<std::size_t>(&asked - sets_[number].asked.data());
}

Millis TftpUnproven::asked_at(const TftpAsked& asked, Millis now) const {
  const std::size_t place = place_of(asked);
  return now - (static_cast<std::uint32_t>(now) - sets_[place / kWays].at[place % kWays]);
}

std::size_t TftpUnproven::victim(const Set& set, std::uint32_t now) {
  std::size_t chosen = 0;
  unsigned heaviest = 0;
  for (std::size_t way = 0; way < kWays; ++way) {
    if (set.tag[way] == 0 || now - set.at[way] > kLife) return way;
    auto weight = static_cast<unsigned>(std::ranges::count(set.network, set.network[way]));
    if (weight < kHeavy) weight = 1;
    if (weight > heaviest || (weight == heaviest && now - set.at[way] > now - set.at[chosen])) {
      heaviest = weight;
      chosen = way;
    }
  }
  return chosen;
}

bool TftpUnproven::add(const TftpAsked& asked, Millis now) {
  const std::uint64_t hash = PeerMap::hash(asked.peer, seed_);
  const auto time = static_cast<std::uint32_t>(now);
  Set& set = sets_[hash & mask_];
  const std::size_t before = find_place(asked.peer, now);
  const std::size_t way = before != kNowhere ? before % kWays : victim(set, time);
  const bool gives_way = before == kNowhere && set.tag[way] != 0 && time - set.at[way] <= kLife;
  set.tag[way] = tag_of(hash);
  set.network[way] = tag_of(PeerMap::hash(network_of(asked.peer.host), seed_));
  set.at[way] = time;
  set.asked[way] = asked;
  return gives_way;
}

void TftpUnproven::forget(const TftpAsked& asked) {
  const std::size_t place = place_of(asked);
  sets_[place / kWays].tag[place % kWays] = 0;
}

void TftpUnproven::retransmit_at(Millis due, const io::Address& peer, Millis now) {
  const std::size_t place = find_place(peer, now);
  if (retransmit_count_ == retransmits_.size() || place == kNowhere) return;
  retransmits_[(first_retransmit_ + retransmit_count_++) % retransmits_.size()] = {
      due, place, sets_[place / kWays].at[place % kWays]};
}

TftpAsked* TftpUnproven::take_due(Millis now) {
  while (next_due() <= now) {
    const Retransmit retransmit = retransmits_[first_retransmit_];
    first_retransmit_ = (first_retransmit_ + 1) % retransmits_.size();
    --retransmit_count_;
    Set& set = sets_[retransmit.place / kWays];
    const std::size_t way = retransmit.place % kWays;
    // Perhaps another's, who came in the same millisecond: it is repeated in place of the one that gave way.
    if (set.tag[way] != 0 && set.at[way] == retransmit.at) return &set.asked[way];
  }
  return nullptr;
}

}  // namespace anchord::service

// What was asked by peers that have not acknowledged anything yet: their addresses may be forged.
//
// The first answer cannot be quite stateless: an acknowledgement has only a block's number and the TID that
// it goes to, which cannot name a file, its version and the options too. So the request is kept, and nothing
// else: no transfer, no timer, no hold on a file or view. An entry is evicted by a newer one. A peer loses
// its entry to a flood only when, before it acknowledges, as many requests come as there are places.
//
// The table is 8-way set-associative, by the peer's hash. A new entry evicts the oldest of its set; but if
// some network has several of the eight, it evicts that network's oldest, since so many in one set are a
// flood's.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "anchord/base/clock.h"
#include "anchord/io/address.h"
#include "anchord/service/activity_log.h"
#include "anchord/wire/tftp.h"

namespace anchord::service {

struct TftpAsked {
  io::Address peer;
  io::Host local;             // the address that was asked, and answers
  std::uint64_t file = 0;     // FileTable::key() of its name
  std::uint64_t version = 0;  // FileEntry's
  wire::TftpOptions options;
  bool text = false;                // netascii
  bool retransmitted = false;       // the first answer has left twice
  std::uint32_t socket = 0;         // that the first answer left by
  std::uint32_t former_socket = 0;  // as a transfer's
  ShortText<15> device;             // in the name that was asked for
};

class TftpUnproven {
 public:
  // No peer acknowledges later than this; one that asks once more has a new entry.
  static constexpr Millis kLife = 30'000;
  // Entries of one network in a set that make it a flood's. A site's phones hardly ever meet in one set:
  // three of a thousand that boot behind one address do, with the default number of places.
  static constexpr unsigned kHeavy = 3;
  // First answers that may be retransmitted when no acknowledgement comes. With more under way it is left to
  // the peers to ask again, as they all do.
  static constexpr std::size_t kMaxRetransmits = 1024;

  // At least that many places.
  TftpUnproven(std::uint32_t places, std::uint64_t seed);
  ~TftpUnproven();
  TftpUnproven(const TftpUnproven&) = delete;
  TftpUnproven& operator=(const TftpUnproven&) = delete;

  // Finds what the peer has asked; nullptr when that is nothing, or not known any more. Valid until the next
  // add().
  TftpAsked* find(const io::Address& peer, Millis now);
  // When that was added.
  Millis asked_at(const TftpAsked& asked, Millis now) const;

  // Keeps the request, in place of what the peer had asked before. Returns whether an entry was evicted whose
  // peer could still have acknowledged.
  bool add(const TftpAsked& asked, Millis now);
  void forget(const TftpAsked& asked);

  // Schedules a retransmit of the answer to what was just added for that time, which is later than those
  // before.
  void retransmit_at(Millis due, const io::Address& peer, Millis now);
  // Takes the next request whose retransmit is due; nullptr when there is none.
  TftpAsked* take_due(Millis now);
  Millis next_due() const { return retransmit_count_ == 0 ? kNever : retransmits_[first_retransmit_].due; }

 private:
  static constexpr std::size_t kWays = 8;

  // What decides lies in one cache line; times are of the clock's last 32 bits.
  struct alignas(64) Set {
    std::array<std::uint16_t, kWays> tag;  // of the peer; 0: free
    std::array<std::uint16_t, kWays> network;
    std::array<std::uint32_t, kWays> at;
    std::array<TftpAsked, kWays> asked;
  };
  struct Retransmit {
    Millis due;
    std::size_t place;
    std::uint32_t at;
  };

  std::size_t place_of(const TftpAsked& asked) const;
  std::size_t find_place(const io::Address& peer, Millis now) const;
  static std::size_t victim(const Set& set, std::uint32_t now);

  std::uint64_t seed_;
  std::size_t mask_;
  Set* sets_;                            // all zero at first, and memory once it is used
  std::vector<Retransmit> retransmits_;  // a ring
  std::size_t first_retransmit_ = 0;
  std::size_t retransmit_count_ = 0;
};

}  // namespace anchord::service

// What one cluster's services have seen of phones, and what is believed for it: the place of the
// shards' queues, the control thread and the store's ledger.
//
// Each shard of each host tells in the order of its own times. Queues are drained one by one, at
// any moment; what was lost with a service leaves a gap. Times are of one clock for all hosts.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "anchord/trust/belief.h"
#include "rules.h"
#include "states.h"

namespace anchord::trust::world {

constexpr std::size_t kShards = 2;

// A phone that booted for the first time in a gap is heard of within this time, as the store's
// ledger takes it. Whoever makes the world's time pass sees to it.
constexpr Millis kFirstHeardOf = 7 * Millis{86'400'000};

using Versions = std::array<std::vector<ListVersion>, kListKinds>;

class Ledger {
 public:
  Ledger(std::size_t hosts, const Lists& lists, const Rules& off);

  // A host more, by its number; one that has ended, and has told everything, is waited for no more.
  std::size_t begin_host(Millis now);
  void end_host(std::size_t host);

  // What a shard saw of the phone.
  void tell(std::size_t host, std::size_t shard, std::size_t phone, Observation seen);
  // The service did not see whether it arrived: nothing, unless a rule is off.
  void tell_undelivered(std::size_t host, std::size_t shard, std::size_t phone, const Observation& seen);
  void drain(std::size_t host, std::size_t shard, Millis now);
  void drain_all(Millis now);

  // The host's queues are gone. `served`: what it may have given since its last drain.
  void lose(std::size_t host, const Versions& served, Millis now);
  // All that happened before that time has been taken in.
  Millis complete_until() const;

  void forget(std::size_t phone);
  void adopt(std::span<const std::size_t> phones);
  bool was_adopted() const { return adopted_; }

  // What whoever is not known may hold too.
  void serves(const State& state);

  bool knows(std::size_t phone) const { return beliefs_.contains(phone); }
  std::vector<ListVersion> may(std::size_t phone, ListKind kind) const;
  // May hold, or was given while nobody has told yet.
  bool allows(std::size_t phone, ListKind kind, ListVersion version) const;
  const std::map<std::size_t, Belief>& beliefs() const { return beliefs_; }
  std::size_t gaps() const { return gaps_.size(); }

 private:
  struct Told {
    std::size_t host = 0;
    std::size_t shard = 0;
    std::size_t phone = 0;
    Observation seen;
  };

  struct Gap {
    Versions served;
    Millis ended = 0;
  };

  bool without(Rule rule) const { return off_.contains(rule); }
  std::vector<Observation> feigned(std::size_t phone, Observation seen);
  void take_in(Millis until);
  Belief& belief_of(std::size_t phone);
  Unrecorded unrecorded(std::size_t phone, const Belief& belief) const;

  const Lists& lists_;
  const Rules& off_;
  std::vector<Told> queued_;                                // not drained
  std::vector<Told> drained_;                               // later than complete_until()
  std::vector<std::array<Millis, kShards>> drained_until_;  // by host
  std::map<std::size_t, Belief> beliefs_;
  std::set<std::size_t> forgotten_;
  bool adopted_ = false;
  Versions ever_served_{{{kNoList}, {kNoList}}};
  std::vector<Gap> gaps_;
  std::map<std::size_t, Millis> first_heard_;  // when the phone was first heard of, by its records
  std::uint64_t session_ = 1;
  // For what is told instead when a rule is off.
  std::map<std::size_t, std::array<Millis, kListKinds>> last_given_;
  std::map<std::size_t, std::vector<Observation>> last_vouched_;
};

}  // namespace anchord::trust::world

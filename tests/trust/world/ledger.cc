#include "ledger.h"

#include <algorithm>
#include <functional>
#include <iterator>

namespace anchord::trust::world {
namespace {

using What = Observation::What;

}  // namespace

Ledger::Ledger(std::size_t hosts, const Lists& lists, const Rules& off)
    : lists_(lists), off_(off), drained_until_(hosts) {}

std::size_t Ledger::begin_host(Millis now) {
  drained_until_.emplace_back().fill(now);
  return drained_until_.size() - 1;
}

void Ledger::end_host(std::size_t host) {
  drained_until_[host].fill(kNever);
}

void Ledger::tell(std::size_t host, std::size_t shard, std::size_t phone, Observation seen) {
  queued_.push_back({host, shard, phone, std::move(seen)});
}

void Ledger::tell_undelivered(std::size_t host, std::size_t shard, std::size_t phone,
                              const Observation& seen) {
  if (without(Rule::delivered)) tell(host, shard, phone, seen);
}

void Ledger::drain(std::size_t host, std::size_t shard, Millis now) {
  auto is_its = [&](const Told& told) { return told.host == host && told.shard == shard; };
  std::vector<Told> others;
  for (Told& told : queued_) (is_its(told) ? drained_ : others).push_back(std::move(told));
  queued_ = std::move(others);
  drained_until_[host][shard] = now;
  take_in(without(Rule::in_order) ? kNever : complete_until());
}

void Ledger::drain_all(Millis now) {
  std::ranges::move(queued_, std::back_inserter(drained_));
  queued_.clear();
  for (auto& host : drained_until_)
    for (Millis& until : host)
      if (until != kNever) until = now;
  take_in(kNever);
}

Millis Ledger::complete_until() const {
  Millis until = kNever;
  for (const auto& host : drained_until_) until = std::min(until, std::ranges::min(host));
  return until;
}

namespace {

// By time; those of one moment as they were told.
void in_order(std::vector<Observation>& seen) {
  std::vector<std::pair<Millis, std::size_t>> places;
  for (std::size_t i = 0; i < seen.size(); ++i) places.emplace_back(seen[i].at, i);
  std::ranges::sort(places);
  std::vector<Observation> sorted;
  for (const auto& [at, i] : places) sorted.push_back(std::move(seen[i]));
  seen = std::move(sorted);
}

}  // namespace

void Ledger::take_in(Millis until) {
  auto is_later = [&](const Told& told) { return told.seen.at >= until; };
  std::vector<Told> later;
  std::map<std::size_t, std::vector<Observation>> by_phone;
  for (Told& told : drained_) {
    if (is_later(told)) {
      later.push_back(std::move(told));
    } else {
      by_phone[told.phone].push_back(std::move(told.seen));
    }
  }
  drained_ = std::move(later);
  for (auto& [phone, seen] : by_phone) {
    in_order(seen);
    std::vector<Observation> all;
    for (Observation& one : seen) std::ranges::move(feigned(phone, std::move(one)), std::back_inserter(all));
    Belief& belief = belief_of(phone);
    first_heard_.try_emplace(phone, seen.front().at);
    // Gaps are counted, not timed: a clock may be set back.
    observe(belief, all, session_, lists_.shelf(), unrecorded(phone, belief),
            static_cast<UnixSeconds>(gaps_.size() + 1));
  }
}

// What would be observed without the rules that are off.
std::vector<Observation> Ledger::feigned(std::size_t phone, Observation seen) {
  if (off_.empty()) return {std::move(seen)};
  if (without(Rule::address)) seen.from = "anywhere";
  if (seen.what == What::list_maybe_given && without(Rule::whole)) seen.what = What::list_given;
  std::vector<Observation> all{seen};
  auto follow = [&](Observation next, Millis at) {
    next.at = at;
    next.from = seen.from;
    all.push_back(std::move(next));
  };
  if (seen.what == What::list_given) {
    last_given_[phone][static_cast<std::size_t>(seen.kind)] = seen.at;
    const auto& signer = lists_.shelf().signer(seen.version);
    if (without(Rule::vouched) && signer)
      follow({.what = What::vouched, .signer = *signer, .from = {}}, seen.at + 1);
    if (without(Rule::vouched_after))
      for (const Observation& before : last_vouched_[phone]) follow(before, seen.at + 1);
    if (without(Rule::act)) {
      if (signer) follow({.what = What::vouched, .signer = *signer, .from = {}}, seen.at + 1);
      if (seen.kind == ListKind::ctl) follow({.what = What::list_asked, .from = {}}, seen.at + 2);
      follow({.what = What::configuration_asked, .from = {}}, seen.at + 3);
    }
  }
  if (seen.what == What::vouched && without(Rule::vouched_after)) last_vouched_[phone].push_back(seen);
  if (seen.what == What::configuration_asked && without(Rule::act_soon)) {
    Millis given = std::ranges::max(last_given_[phone]);
    if (given != 0 && given + 2 < seen.at) all.front().at = given + 2;
  }
  return all;
}

// A phone that nothing is known of holds nothing, as it comes from the box.
Belief& Ledger::belief_of(std::size_t phone) {
  auto [at, is_new] = beliefs_.try_emplace(phone);
  if (is_new && forgotten_.contains(phone) && !without(Rule::forgotten))
    for (std::size_t kind = 0; kind < kListKinds; ++kind) {
      at->second.kinds[kind].may = ever_served_[kind];
      if (adopted_ || ever_served_[kind].size() > Belief::kMaxMay) at->second.kinds[kind].may = {kUnkeptList};
    }
  return at->second;
}

void Ledger::serves(const State& state) {
  auto add = [&](ListKind kind, ListVersion version) {
    std::vector<ListVersion>& all = ever_served_[static_cast<std::size_t>(kind)];
    auto at = std::ranges::lower_bound(all, version);
    if (at == all.end() || *at != version) all.insert(at, version);
  };
  add(ListKind::itl, state.itl);
  add(ListKind::ctl, state.ctl);
  for (const auto& [phone, itl] : state.own) add(ListKind::itl, itl);
}

void Ledger::lose(std::size_t host, const Versions& served, Millis now) {
  auto is_its = [&](const Told& told) { return told.host == host; };
  std::erase_if(queued_, is_its);
  std::erase_if(drained_, is_its);
  drain_all(now);
  if (!without(Rule::unrecorded)) gaps_.push_back({served, now});
  if (!without(Rule::new_session)) ++session_;
}

void Ledger::forget(std::size_t phone) {
  beliefs_.erase(phone);
  first_heard_.erase(phone);
  std::erase_if(queued_, [&](const Told& told) { return told.phone == phone; });
  std::erase_if(drained_, [&](const Told& told) { return told.phone == phone; });
  forgotten_.insert(phone);
}

void Ledger::adopt(std::span<const std::size_t> phones) {
  adopted_ = true;
  queued_.clear();
  drained_.clear();
  beliefs_.clear();
  first_heard_.clear();
  gaps_.clear();
  ++session_;
  for (std::size_t phone : phones)
    if (!without(Rule::unkept))
      for (Belief::Kind& kind : beliefs_[phone].kinds) kind.may = {kNoList, kUnkeptList};
}

Unrecorded Ledger::unrecorded(std::size_t phone, const Belief& belief) const {
  Unrecorded lists;
  auto first_heard = first_heard_.find(phone);
  const Millis within = without(Rule::first_heard) ? 0 : kFirstHeardOf;
  for (std::size_t gap = 0; gap < gaps_.size(); ++gap) {
    // Of one that was heard of much later the gap had nothing to lose: it is a new phone.
    if (first_heard != first_heard_.end() && first_heard->second > gaps_[gap].ended + within) continue;
    for (std::size_t kind = 0; kind < kListKinds; ++kind)
      if (static_cast<UnixSeconds>(gap + 1) >= belief.kinds[kind].accepted_at)
        std::ranges::copy(gaps_[gap].served[kind], std::back_inserter(lists[kind]));
  }
  return lists;
}

std::vector<ListVersion> Ledger::may(std::size_t phone, ListKind kind) const {
  auto found = beliefs_.find(phone);
  // Of one that was never heard of it may be the records that are missing.
  const Belief belief = found == beliefs_.end() ? Belief() : found->second;
  return may_hold(belief, kind, unrecorded(phone, belief));
}

bool Ledger::allows(std::size_t phone, ListKind kind, ListVersion version) const {
  for (ListVersion one : may(phone, kind))
    if (one == version || one == kUnkeptList) return true;
  auto gives = [&](const Told& told) {
    return told.phone == phone && told.seen.kind == kind && told.seen.version == version &&
           (told.seen.what == What::list_given || told.seen.what == What::list_maybe_given);
  };
  return std::ranges::any_of(queued_, gives) || std::ranges::any_of(drained_, gives);
}

}  // namespace anchord::trust::world

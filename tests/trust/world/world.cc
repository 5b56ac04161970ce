#include "world.h"

#include <algorithm>
#include <array>

namespace anchord::trust::world {
namespace {

constexpr std::size_t kStoryLines = 80;
constexpr Millis kDay = 86'400'000;

}  // namespace

Counts& Counts::operator+=(const Counts& other) {
  steps += other.steps;
  boots += other.boots;
  changes += other.changes;
  refused += other.refused;
  moves += other.moves;
  gaps += other.gaps;
  cleared += other.cleared;
  not_cleared += other.not_cleared;
  silent += other.silent;
  worlds_cleared += other.worlds_cleared;
  worlds_not_cleared += other.worlds_not_cleared;
  return *this;
}

World::World(WorldSettings settings)
    : settings_(std::move(settings)), random_(settings_.seed), touched_(settings_.phones, true) {
  for (const char* name : {"a", "b"}) {
    std::size_t hosts = 1 + below(4);
    StatePtr state = states_.make(first_cluster(name, hosts), {}, now());
    offices_.push_back({.state = state,
                        .history = {},
                        .hosts = {},
                        .ledger = Ledger(0, states_.lists(), settings_.off),
                        .planned = {},
                        .identities = {}});
    follow_hosts(offices_.back());
    offices_.back().ledger.serves(*state);
  }
  for (std::size_t i = 0; i < settings_.phones; ++i) {
    PhoneSettings phone{.name = "SEP00000000000" + std::to_string(i), .tvs_servers = 3 + below(3)};
    handsets_.push_back({.phone = VirtualPhone(std::move(phone)), .home = i % 2, .want = {}, .plan = {}});
    // Every other one is behind the same address as the one before.
    if (i % 4 < 2) ++addresses_;
    handsets_.back().address = "192.0.2." + std::to_string(addresses_);
  }
}

void World::note(std::string text) {
  if (story_.size() == kStoryLines) story_.erase(story_.begin(), story_.begin() + kStoryLines / 2);
  story_.push_back(std::to_string(ms_) + " " + std::move(text));
}

std::string World::story() const {
  std::string text;
  for (const std::string& line : story_) text += line + "\n";
  return text;
}

Trouble World::run(std::size_t steps) {
  for (std::size_t i = 0; i < steps; ++i) {
    step();
    ++counts_.steps;
    if (Trouble trouble = check(); trouble != Trouble::none) return trouble;
  }
  return Trouble::none;
}

void World::step() {
  ms_ += 1 + below(20);
  if (!one_in(6)) {
    std::size_t phone = next_phone();
    if (phone != handsets_.size()) return handsets_[phone].on_its_way ? move(phone) : advance(phone);
  }
  something_else();
}

void World::something_else() {
  std::size_t office = below(offices_.size());
  std::size_t what = below(200);
  if (what < 50) return change_something(office);
  if (what < 120) return drain_some(office);
  if (what < 170) return take_over(office);
  if (what < 174) return pass_time();
  // In half of the worlds nothing is ever lost: there, guards must clear by themselves.
  bool lossless = settings_.seed % 2 == 0;
  if (what < 180) return lossless ? void() : lose_records(office);
  std::size_t phone = below(handsets_.size());
  if (what < 190) return feign(phone);
  if (what == 190 && !lossless && one_in(10)) return adopt(office);
  if (what < 198 && may_move(phone)) return move(phone);
}

// A day, or a year in which phones lie in drawers. Nobody is in the middle of anything then.
void World::pass_time() {
  for (std::size_t phone = 0; phone < handsets_.size(); ++phone) {
    Handset& handset = handsets_[phone];
    if (handset.want) switch_off(handset);
    handset.in_drawer = handset.in_drawer ? one_in(2) : one_in(8);
    handset.ready = 0;
    if (!is_unheard_of(phone)) continue;
    // A new phone whose boots fell into gaps boots again before long (kFirstHeardOf).
    handset.in_drawer = false;
    boot_undisturbed(phone);
    touched_[phone] = true;
  }
  ms_ += one_in(4) ? below(400) * kDay : below(3) * kDay;
  note("time passes");
}

void World::drain_some(std::size_t office) {
  Office& here = offices_[office];
  here.ledger.drain(here.hosts[below(here.hosts.size())].number, below(kShards), ms_);
  for (std::size_t phone = 0; phone < handsets_.size(); ++phone)
    if (handsets_[phone].home == office) touched_[phone] = true;
}

void World::take_over(std::size_t office) {
  Office& here = offices_[office];
  ServingHost& host = here.hosts[below(here.hosts.size())];
  if (host.serving == here.state) return;
  host.serving = here.state;
  host.since.push_back(here.state);
  note(here.state->cluster.name + ": another host takes over");
}

// A service dies with what it has not told, or a queue was full.
void World::lose_records(std::size_t office) {
  Office& here = offices_[office];
  std::size_t at = below(here.hosts.size());
  Versions served;
  for (const StatePtr& state : here.hosts[at].since) {
    served[static_cast<std::size_t>(ListKind::itl)].push_back(state->itl);
    for (const auto& [phone, itl] : state->own)
      served[static_cast<std::size_t>(ListKind::itl)].push_back(itl);
    if (state->ctl != kNoList) served[static_cast<std::size_t>(ListKind::ctl)].push_back(state->ctl);
  }
  here.ledger.lose(here.hosts[at].number, served, ms_);
  for (ServingHost& host : here.hosts) host.since = {host.serving};
  ++counts_.gaps;
  note(here.state->cluster.name + ": records of host " + std::to_string(at) + " are lost");
  for (std::size_t phone = 0; phone < handsets_.size(); ++phone)
    if (handsets_[phone].home == office) touched_[phone] = true;
}

Trouble World::check() {
  for (std::size_t phone = 0; phone < handsets_.size(); ++phone) {
    if (!touched_[phone]) continue;
    touched_[phone] = false;
    if (Trouble trouble = check(phone); trouble != Trouble::none) return trouble;
  }
  return Trouble::none;
}

Trouble World::check(std::size_t phone) {
  Handset& handset = handsets_[phone];
  Office& home = offices_[handset.home];
  auto own = home.state->own.find(phone);
  ListVersion own_list = own == home.state->own.end() ? kNoList : own->second;
  auto is_locked = [&] {
    return handset.held.itl == kUnkeptList || states_.locks(home.state, own_list, handset.held, now());
  };
  if (handset.removed) {
    if (!home.ledger.knows(phone)) return Trouble::none;
    handset.removed = false;
    // Whom the administrator has written off may be locked: somebody resets it by hand, and says so.
    if (is_locked()) {
      home.ledger.forget(phone);
      handset.removed = true;
      handset.phone = VirtualPhone(handset.phone.settings());
      handset.held = {};
      handset.want.reset();
      return Trouble::none;
    }
  }
  if (!settings_.only_locks)
    for (auto [kind, version] :
         {std::pair(ListKind::ctl, handset.held.ctl), {ListKind::itl, handset.held.itl}}) {
      if (handset.held.itl == kUnkeptList || home.ledger.allows(phone, kind, version)) continue;
      std::string text = name_of(phone) + " holds " + (kind == ListKind::ctl ? "CTL " : "ITL ") +
                         std::to_string(version) + ", and may hold:";
      for (ListVersion one : home.ledger.may(phone, kind)) text += " " + std::to_string(one);
      note(text);
      return Trouble::belief_wrong;
    }
  if (!is_locked()) return Trouble::none;
  note(name_of(phone) + " is locked: it holds CTL " + std::to_string(handset.held.ctl) + " and ITL " +
       std::to_string(handset.held.itl) + " where CTL " + std::to_string(home.state->ctl) + " and ITL " +
       std::to_string(home.state->itl_for(phone)) + " are served");
  return Trouble::phone_locked;
}

void World::settle() {
  for (std::size_t at = 0; at < offices_.size(); ++at) {
    Office& office = offices_[at];
    if (office.ledger.gaps() != 0 || office.ledger.was_adopted() || somebody_moves()) continue;
    for (ServingHost& host : office.hosts) host.serving = office.state;
    office.clock_off = 0;
    office.ledger.drain_all(ms_);
    bool all = true;
    bool clear = true;
    for (std::size_t phone = 0; phone < handsets_.size(); ++phone) {
      Handset& handset = handsets_[phone];
      if (handset.home != at) continue;
      if (handset.in_drawer || handset.removed) {
        all = false;
        continue;
      }
      if (handset.want) switch_off(handset);
      Held before = handset.held;
      boot_undisturbed(phone);
      office.ledger.drain_all(ms_ += 10);
      bool is_clear = may_hold_of(at, phone).size() == 1;
      ++(is_clear ? counts_.cleared : counts_.not_cleared);
      if (!is_clear && before == handset.held) ++counts_.silent;
      clear = clear && is_clear;
    }
    if (!all) continue;
    office.changed_at = 0;
    ++(regenerate(at, Service::tftp) ? counts_.worlds_cleared : counts_.worlds_not_cleared);
  }
}

}  // namespace anchord::trust::world

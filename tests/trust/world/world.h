// A world with faults: clusters that administrators change, phones that boot at them, and all that may go
// wrong between the two. Everything follows from one seed.
//
// One step is one thing that happens: a phone's next request or answer, a change, a service that dies,
// a year that passes. After each step, by the phones themselves:
//
//   - what the ledger believes contains what each phone really holds;
//   - no phone is locked by what its cluster serves now.
//
// A world ends with the first step after which that is not so.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "anchord/trust/virtual_phone.h"
#include "ledger.h"
#include "rules.h"
#include "states.h"

namespace anchord::trust::world {

enum class Trouble : std::uint8_t { none, belief_wrong, phone_locked };

struct Counts {
  std::uint64_t steps = 0;
  std::uint64_t boots = 0;
  std::uint64_t changes = 0;  // that guards let through
  std::uint64_t refused = 0;
  std::uint64_t moves = 0;
  std::uint64_t gaps = 0;
  // At the end of a world that lost no records, of phones that then boot undisturbed.
  std::uint64_t cleared = 0;
  std::uint64_t not_cleared = 0;     // it may hold more lists than one
  std::uint64_t silent = 0;          // ... of these: it held what is served before, and had nothing to ask
  std::uint64_t worlds_cleared = 0;  // where the next change is accepted
  std::uint64_t worlds_not_cleared = 0;

  Counts& operator+=(const Counts& other);
};

struct WorldSettings {
  std::uint64_t seed = 1;
  std::size_t phones = 6;
  Rules off;
  // Goes on when a belief is wrong, to see whether a phone locks for it.
  bool only_locks = false;
};

class World {
 public:
  explicit World(WorldSettings settings);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // Runs for so many steps, or until there is trouble.
  Trouble run(std::size_t steps);
  // Whether guards clear by themselves: everybody who is there boots undisturbed.
  void settle();

  const Counts& counts() const { return counts_; }
  // What happened last, the last line being the trouble.
  std::string story() const;

 private:
  enum Reach : std::uint8_t { tftp, http, tvs, kReaches };
  struct Plan {  // of a boot
    std::size_t first_host = 0;
    std::vector<std::size_t> hosts;                 // their numbers, as the phone was told of them
    std::vector<std::array<bool, kReaches>> reach;  // by the place there
    Millis network_at = 0;                          // nothing gets through before
    std::size_t trouble = 0;                        // one in so many exchanges fails; 0: none
  };
  struct Handset {
    VirtualPhone phone;
    std::size_t home = 0;
    std::string address;
    Held held;  // really
    std::optional<VirtualPhone::Want> want;
    Plan plan;
    Millis ready = 0;  // not before, it does its next thing
    bool in_drawer = false;
    bool on_its_way = false;  // to the other cluster
    bool removed = false;     // by command, and not seen since
    std::pair<ListKind, ListVersion> offered{ListKind::itl, kNoList};
  };
  struct ServingHost {
    std::size_t number = 0;  // the ledger's; no other host ever has it
    std::string name;
    StatePtr serving;
    std::vector<StatePtr> since;  // what it has served since all that it saw was told
  };
  struct Office {
    StatePtr state;
    std::vector<StatePtr> history;
    std::vector<ServingHost> hosts;
    Ledger ledger;
    UnixSeconds clock_off = 0;
    UnixSeconds changed_at = 0;               // by its clock
    std::map<std::string, StatePtr> planned;  // changes that were thought of and refused
    // How many the service of a host has had, but for its first; that of a name that was never used has no
    // row.
    std::map<std::pair<Service, std::string>, std::size_t> identities;
  };
  using Want = VirtualPhone::Want;

  std::size_t below(std::size_t end) { return random_() % end; }
  bool one_in(std::size_t n) { return below(n) == 0; }
  bool without(Rule rule) const { return settings_.off.contains(rule); }
  UnixSeconds now() const { return kStart + static_cast<UnixSeconds>(ms_ / 1000); }
  void note(std::string text);
  std::string name_of(std::size_t phone) const { return handsets_[phone].phone.settings().name; }

  // world.cc
  void step();
  void something_else();
  void pass_time();
  void drain_some(std::size_t office);
  void take_over(std::size_t office);
  void lose_records(std::size_t office);
  Trouble check();
  Trouble check(std::size_t phone);

  // phones.cc
  std::size_t next_phone();
  void begin_boot(std::size_t phone, bool undisturbed);
  void advance(std::size_t phone);
  Want fetch(std::size_t phone, const std::string& name);
  Want fetch_list(std::size_t phone, std::size_t host, ListKind kind, bool by_own_name, ListVersion version);
  Want ask(std::size_t phone, const VirtualPhone::Ask& question);
  const ServingHost* host_of(std::size_t office, std::size_t number) const;
  const ServingHost* reachable_host(const Handset& handset) const;
  bool fails(const Handset& handset) { return handset.plan.trouble != 0 && one_in(handset.plan.trouble); }
  Want no_file(Handset& handset);
  void tell(std::size_t phone, std::size_t host, Observation seen);
  void tell_list(std::size_t phone, std::size_t host, Observation seen, bool by_own_name);
  void switch_off(Handset& handset);
  bool is_unheard_of(std::size_t phone) const;
  void see_what_it_holds(Handset& handset);
  void boot_undisturbed(std::size_t phone);
  bool may_move(std::size_t phone) const;
  void move(std::size_t phone);
  void feign(std::size_t phone);

  // changes.cc
  void change_something(std::size_t office);
  bool change(std::size_t office, Rule guard, const std::string& what, const Cluster& after);
  bool change(std::size_t office, Rule guard, const std::string& what, const StatePtr& after);
  StatePtr planned(std::size_t office, const std::string& what, const Cluster& after, bool keep_own);
  bool regenerate(std::size_t office, Service service);
  void change_hosts(std::size_t office);
  void add_host(std::size_t office);
  void remove_host(std::size_t office);
  void follow_hosts(Office& office);
  void set_mode(std::size_t office);
  void roll(std::size_t office);
  void remove_certificate(std::size_t office);
  void change_roles(std::size_t office);
  void drop_unneeded(std::size_t office);
  void import_bundle(std::size_t office);
  void restore(std::size_t office);
  void make_own_list(std::size_t office);
  void remove_phone(std::size_t office);
  void adopt(std::size_t office);
  bool is_known_everywhere(std::size_t office);
  std::vector<std::size_t> phones_of(std::size_t office) const;
  std::vector<Held> may_hold_of(std::size_t office, std::size_t phone) const;
  std::vector<Holders> holders(std::size_t office) const;
  void put(std::size_t office, const std::string& what, StatePtr state);
  bool somebody_moves() const;
  // In a third of the worlds hosts come and go.
  bool hosts_change() const { return settings_.seed % 3 == 0; }

  WorldSettings settings_;
  std::mt19937_64 random_;
  States states_;
  std::vector<Office> offices_;
  std::vector<Handset> handsets_;
  Millis ms_ = 1'000'000;
  std::size_t addresses_ = 0;
  std::vector<std::string> story_;
  std::vector<bool> touched_;  // phones that are to be looked at again
  Counts counts_;
};

}  // namespace anchord::trust::world

// What administrators do, guarded as the store guards it.
#include <algorithm>
#include <array>

#include "anchord/base/hex.h"
#include "world.h"

namespace anchord::trust::world {
namespace {

using wire::Role;

// Phones are told of so many verification services at the most.
constexpr std::size_t kMostHosts = 5;
// A clock that was set right by hand may be off by this much from one change to the next.
constexpr UnixSeconds kMaxClockBack = 300;

bool signs_lists(const std::vector<Role>& roles) {
  return std::ranges::find(roles, Role::sast) != roles.end();
}

std::string short_name(const crypto::Certificate& certificate) {
  return to_hex(certificate.sha256()).substr(0, 10);
}

}  // namespace

void World::change_something(std::size_t office) {
  // Nobody changes clusters that phones are moving between, but for what the guards are to stop.
  if (hosts_change() && !somebody_moves() && one_in(10)) return change_hosts(office);
  std::size_t what = somebody_moves() ? 12 + below(3) : below(21);
  switch (what) {
    case 0:
    case 1:
    case 2:
    case 3:
      regenerate(office, Service::tvs);
      return;
    case 4:
    case 5:
    case 6:
    case 7:
      regenerate(office, Service::tftp);
      return;
    case 8:
      regenerate(office, std::array{Service::tftp_ec, Service::capf, Service::recovery}[below(3)]);
      return;
    case 9:
      return set_mode(office);
    case 10:
    case 11:
      return roll(office);
    case 12:
      return remove_certificate(office);
    case 13:
      return change_roles(office);
    case 14:
      return import_bundle(office);
    case 15:
    case 16:
      return drop_unneeded(office);
    case 17:
      return restore(office);
    case 18:
      return make_own_list(office);
    case 19:
      return remove_phone(office);
    default:
      offices_[office].clock_off = one_in(2) ? 0 : static_cast<UnixSeconds>(below(1'000'000)) - 500'000;
  }
}

bool World::somebody_moves() const {
  return std::ranges::any_of(handsets_, [](const Handset& handset) { return handset.on_its_way; });
}

bool World::is_known_everywhere(std::size_t office) {
  const Office& here = offices_[office];
  return std::ranges::all_of(here.hosts, [&](const ServingHost& host) { return host.serving == here.state; });
}

StatePtr World::planned(std::size_t office, const std::string& what, const Cluster& after, bool keep_own) {
  Office& here = offices_[office];
  StatePtr& state = here.planned[what + (keep_own ? " with own lists" : "")];
  if (!state)
    state = states_.make(after, keep_own ? here.state->own : std::map<std::size_t, ListVersion>(), now());
  return state;
}

bool World::change(std::size_t office, Rule guard, const std::string& what, const Cluster& after) {
  const State& present = *offices_[office].state;
  if (!present.own.empty() && change(office, guard, what, planned(office, what, after, true))) return true;
  // Else lists of single phones are withdrawn.
  return change(office, guard, what, planned(office, what, after, false));
}

bool World::change(std::size_t office, Rule guard, const std::string& what, const StatePtr& after) {
  Office& here = offices_[office];
  ++counts_.refused;
  if (!without(Rule::hosts_agree) && !is_known_everywhere(office)) return false;
  if (now() + here.clock_off < here.changed_at - kMaxClockBack) return false;
  here.ledger.drain_all(ms_);
  for (std::size_t phone : phones_of(office)) {
    for (Held held : may_hold_of(office, phone)) {
      if (held.ctl == kUnkeptList || held.itl == kUnkeptList) {
        if (!without(Rule::guard_unknown)) return false;
        continue;
      }
      auto own = [&](const StatePtr& state) {
        auto found = state->own.find(phone);
        return found == state->own.end() ? kNoList : found->second;
      };
      if (!without(guard) && states_.guard_says(here.state, after, own(here.state), own(after), held, now()))
        return false;
    }
  }
  --counts_.refused;
  ++counts_.changes;
  put(office, what, after);
  return true;
}

// Whom the cluster knows: by its own phones table, whether or not anything was heard of them.
std::vector<std::size_t> World::phones_of(std::size_t office) const {
  std::vector<std::size_t> phones;
  for (std::size_t phone = 0; phone < handsets_.size(); ++phone)
    if (handsets_[phone].home == office &&
        (!handsets_[phone].removed || offices_[office].ledger.knows(phone)))
      phones.push_back(phone);
  return phones;
}

std::vector<Held> World::may_hold_of(std::size_t office, std::size_t phone) const {
  const Ledger& ledger = offices_[office].ledger;
  std::vector<Held> all;
  std::vector<ListVersion> itls = ledger.may(phone, ListKind::itl);
  for (ListVersion ctl : ledger.may(phone, ListKind::ctl))
    for (ListVersion itl : itls) all.push_back({ctl, itl});
  return all;
}

std::vector<Holders> World::holders(std::size_t office) const {
  std::vector<Holders> groups;
  const ListShelf& shelf = states_.lists().shelf();
  for (std::size_t phone : phones_of(office))
    for (Held held : may_hold_of(office, phone))
      groups.push_back({.ctl = to_buffer(shelf.content(held.ctl)),
                        .itl = to_buffer(shelf.content(held.itl)),
                        .count = 1,
                        .first = {name_of(phone)}});
  return groups;
}

// The first host takes it over at once, the others later.
void World::put(std::size_t office, const std::string& what, StatePtr state) {
  Office& here = offices_[office];
  note(here.state->cluster.name + ": " + what);
  here.history.push_back(here.state);
  here.state = std::move(state);
  here.changed_at = std::max(here.changed_at, now() + here.clock_off);
  here.planned.clear();
  follow_hosts(here);
  for (std::size_t host = 0; host < here.hosts.size(); ++host) {
    if (host != 0 && one_in(2)) continue;
    here.hosts[host].serving = here.state;
    here.hosts[host].since.push_back(here.state);
  }
  here.ledger.serves(*here.state);
  for (std::size_t phone = 0; phone < handsets_.size(); ++phone)
    if (handsets_[phone].home == office) touched_[phone] = true;
}

bool World::regenerate(std::size_t office, Service service) {
  Office& here = offices_[office];
  const Cluster& cluster = here.state->cluster;
  // The others were made with the name of the host that was first then.
  const std::string name =
      service == Service::tvs ? cluster.hosts[below(cluster.hosts.size())].name : host_name(cluster.name, 1);
  std::size_t& number = here.identities[{service, name}];
  Rule guard = service == Service::tvs ? Rule::guard_tvs : Rule::guard_tftp;
  std::string what =
      "regenerate " + std::string(service_name(service)) + " " + name + " " + std::to_string(number);
  Cluster after =
      with_identity(cluster, service, name, identity(cluster.name, service, name, number + 1), now());
  if (!change(office, guard, what, after)) return false;
  ++number;
  return true;
}

void World::change_hosts(std::size_t office) {
  const std::size_t hosts = offices_[office].state->cluster.hosts.size();
  if (hosts == 1 || (hosts < kMostHosts && one_in(2))) return add_host(office);
  remove_host(office);
}

// Under the first name that is free; who had it before had other certificates.
void World::add_host(std::size_t office) {
  Office& here = offices_[office];
  const Cluster& cluster = here.state->cluster;
  std::size_t place = 1;
  while (find_host(cluster, host_name(cluster.name, place))) ++place;
  const Host host = named_host(cluster.name, place);
  const auto before = here.identities.find({Service::tvs, host.name});
  const std::size_t number = before == here.identities.end() ? 0 : before->second + 1;
  const Identity made = identity(cluster.name, Service::tvs, host.name, number);
  if (change(office, Rule::guard_host, "add host " + host.name, with_host(cluster, host, made)))
    here.identities[{Service::tvs, host.name}] = number;
}

void World::remove_host(std::size_t office) {
  const Cluster& cluster = offices_[office].state->cluster;
  const std::string& name = cluster.hosts[below(cluster.hosts.size())].name;
  change(office, Rule::guard_host, "remove host " + name, without_host(cluster, name, now()));
}

// A host that has come starts on a copy of the state; one that has gone is switched off, and what it saw was
// taken in before.
void World::follow_hosts(Office& office) {
  const Cluster& cluster = office.state->cluster;
  std::vector<ServingHost> hosts;
  for (const Host& host : cluster.hosts) {
    auto there = std::ranges::find(office.hosts, host.name, &ServingHost::name);
    if (there != office.hosts.end()) {
      hosts.push_back(std::move(*there));
      office.hosts.erase(there);
      continue;
    }
    hosts.push_back({office.ledger.begin_host(ms_), host.name, office.state, {office.state}});
    office.identities.try_emplace({Service::tvs, host.name}, 0);
  }
  for (const ServingHost& gone : office.hosts) office.ledger.end_host(gone.number);
  office.hosts = std::move(hosts);
}

void World::set_mode(std::size_t office) {
  const Cluster& cluster = offices_[office].state->cluster;
  if (cluster.rolling_back) return;
  Mode mode = cluster.mode == Mode::mixed ? Mode::nonsecure : Mode::mixed;
  change(office, Rule::guard_mode, "mode " + std::string(mode_name(mode)), with_mode(cluster, mode));
}

void World::roll(std::size_t office) {
  const Cluster& cluster = offices_[office].state->cluster;
  if (!cluster.rolling_back && cluster.mode == Mode::mixed) return;
  change(office, Rule::guard_rollback, cluster.rolling_back ? "rollback cancel" : "rollback prepare",
         with_rollback(cluster, !cluster.rolling_back));
}

void World::remove_certificate(std::size_t office) {
  const Cluster& cluster = offices_[office].state->cluster;
  const KnownCertificate known = cluster.known[below(cluster.known.size())];
  if (known.own) return;
  offices_[office].ledger.drain_all(ms_);
  std::vector<Holders> held = holders(office);
  if (known.retired_from && !without(Rule::guard_remove) && who_needs(known.certificate, held)) return;
  if (!without(Rule::guard_move) && who_could_not_move(known, held)) return;
  change(office, Rule::guard_remove, "remove " + short_name(known.certificate),
         without_certificate(cluster, known.certificate));
}

// 'cert add --role' of what is known already: its roles are replaced.
void World::change_roles(std::size_t office) {
  const Cluster& cluster = offices_[office].state->cluster;
  const KnownCertificate known = cluster.known[below(cluster.known.size())];
  if (known.own) return;
  Cluster after = without_certificate(cluster, known.certificate);
  KnownCertificate changed = known;
  changed.roles =
      signs_lists(known.roles) ? std::vector{Role::app_server} : std::vector{Role::sast, Role::tftp};
  after.known.push_back(changed);
  if (signs_lists(known.roles) && !without(Rule::guard_roles)) {
    offices_[office].ledger.drain_all(ms_);
    std::vector<Holders> held = holders(office);
    if ((known.retired_from && who_needs(known.certificate, held)) || who_could_not_move(known, held)) return;
  }
  change(office, Rule::guard_roles,
         "roles of " + short_name(known.certificate) + (signs_lists(changed.roles) ? " grow" : " shrink"),
         after);
}

// Own certificates that were replaced, when for a day nobody may hold a list that carries them.
void World::drop_unneeded(std::size_t office) {
  Office& here = offices_[office];
  here.ledger.drain_all(ms_);
  for (std::size_t phone : phones_of(office))
    for (Held held : may_hold_of(office, phone))
      if (held.ctl == kUnkeptList || held.itl == kUnkeptList) return;
  std::vector<Holders> held = holders(office);
  Cluster after = here.state->cluster;
  std::string what = "drop";
  std::erase_if(after.known, [&](const KnownCertificate& known) {
    bool goes = known.retired_from && known.retired_at < now() - kSecondsPerDay &&
                (without(Rule::guard_drop) || !who_needs(known.certificate, held));
    if (goes) what += " " + short_name(known.certificate);
    return goes;
  });
  if (after.known.size() != here.state->cluster.known.size()) change(office, Rule::guard_drop, what, after);
}

void World::import_bundle(std::size_t office) {
  Cluster after = offices_[office].state->cluster;
  const Cluster& other = offices_[1 - office].state->cluster;
  for (const auto& [certificate, roles] :
       {std::pair(other.tftp.certificate, std::vector{Role::sast, Role::tftp}),
        std::pair(other.recovery.certificate, std::vector{Role::sast}),
        std::pair(other.capf.certificate, std::vector{Role::capf})}) {
    after = without_certificate(after, certificate);
    after.known.push_back({.certificate = certificate, .roles = roles, .own = {}});
  }
  change(office, Rule::guard_roles, "import of " + other.name + " " + short_name(other.tftp.certificate),
         after);
}

// The state goes back; the ledger does not.
void World::restore(std::size_t office) {
  const Office& here = offices_[office];
  if (here.history.empty()) return;
  StatePtr backup = here.history[below(here.history.size())];
  change(office, Rule::guard_restore, "restore of an older backup", backup);
}

// Signed by the recovery key, as a list that is to bring a phone back.
void World::make_own_list(std::size_t office) {
  Office& here = offices_[office];
  std::size_t phone = below(handsets_.size());
  if (handsets_[phone].home != office || !here.ledger.knows(phone)) return;
  TrustListFields fields = itl_fields(here.state->cluster);
  fields.signer = here.state->cluster.recovery;
  auto own = here.state->own;
  own[phone] = states_.lists().built(fields, now());
  std::string what = "an own list for " + name_of(phone);
  StatePtr& after = here.planned[what];
  if (!after) after = states_.make(here.state->cluster, own, now());
  change(office, Rule::guard_own_list, what, StatePtr(after));
}

// Gone, says the administrator. It may come back all the same.
void World::remove_phone(std::size_t office) {
  std::size_t phone = below(handsets_.size());
  Handset& handset = handsets_[phone];
  if (handset.home != office || handset.on_its_way || !offices_[office].ledger.knows(phone)) return;
  note("phone remove " + name_of(phone));
  offices_[office].ledger.forget(phone);
  handset.removed = true;
}

void World::adopt(std::size_t office) {
  std::vector<std::size_t> phones;
  for (std::size_t phone = 0; phone < handsets_.size(); ++phone)
    if (handsets_[phone].home == office) phones.push_back(phone);
  note(offices_[office].state->cluster.name + " is adopted: its ledger is empty");
  offices_[office].ledger.adopt(phones);
}

}  // namespace anchord::trust::world

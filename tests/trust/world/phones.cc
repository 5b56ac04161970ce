// What phones do, and what befalls them.
#include <algorithm>

#include "anchord/crypto/digest.h"
#include "anchord/wire/tvs.h"
#include "world.h"

namespace anchord::trust::world {
namespace {

using What = Observation::What;

// A phone that has no answer asks again, or somebody else, after so long.
constexpr Millis kTimeout = 4000;
// From the power switch to the first request.
constexpr Millis kPowerOn = 12'000;

}  // namespace

// One that is in the middle of a boot, or whose time has come.
std::size_t World::next_phone() {
  std::size_t earliest = handsets_.size();
  std::size_t first = below(handsets_.size());
  for (std::size_t i = 0; i < handsets_.size(); ++i) {
    std::size_t phone = (first + i) % handsets_.size();
    const Handset& handset = handsets_[phone];
    if (handset.in_drawer) continue;
    if (handset.ready <= ms_) return phone;
    if (earliest == handsets_.size() || handset.ready < handsets_[earliest].ready) earliest = phone;
  }
  if (earliest != handsets_.size()) ms_ = handsets_[earliest].ready;
  return earliest;
}

void World::begin_boot(std::size_t phone, bool undisturbed) {
  Handset& handset = handsets_[phone];
  std::size_t hosts = offices_[handset.home].hosts.size();
  handset.plan = {.first_host = below(hosts), .hosts = {}, .reach = {}, .network_at = 0, .trouble = 0};
  for (const ServingHost& host : offices_[handset.home].hosts) handset.plan.hosts.push_back(host.number);
  handset.plan.reach.assign(hosts, {true, true, true});
  if (!undisturbed && !one_in(3)) {
    for (auto& host : handset.plan.reach)
      for (bool& service : host) service = !one_in(4);
    if (one_in(4)) handset.plan.network_at = ms_ + below(90'000);
    handset.plan.trouble = 3 + below(15);
    if (one_in(20)) handset.address = "192.0.2." + std::to_string(++addresses_);
  }
  ++counts_.boots;
  note(name_of(phone) + " boots");
  handset.want = handset.phone.boot(now());
}

void World::advance(std::size_t phone) {
  Handset& handset = handsets_[phone];
  touched_[phone] = true;
  if (!handset.want) return begin_boot(phone, false);
  if (handset.plan.trouble != 0 && one_in(25)) return switch_off(handset);
  if (handset.plan.trouble != 0 && one_in(200)) ms_ += below(100'000);  // a slow one
  handset.offered.second =
      std::holds_alternative<VirtualPhone::Fetch>(*handset.want) ? kNoList : handset.offered.second;
  Want want = std::holds_alternative<VirtualPhone::Fetch>(*handset.want)
                  ? fetch(phone, std::get<VirtualPhone::Fetch>(*handset.want).name)
                  : ask(phone, std::get<VirtualPhone::Ask>(*handset.want));
  if (!handset.want) return;  // switched off meanwhile
  see_what_it_holds(handset);
  if (!done(want)) {
    handset.want = std::move(want);
    return;
  }
  handset.want.reset();
  handset.ready = ms_ + kPowerOn + below(3'600'000);
}

void World::see_what_it_holds(Handset& handset) {
  auto [kind, version] = handset.offered;
  if (version == kNoList) return;
  const PhoneMemory& memory = handset.phone.memory();
  if (!same_bytes(kind == ListKind::ctl ? memory.ctl : memory.itl, states_.lists().shelf().content(version)))
    return;
  (kind == ListKind::ctl ? handset.held.ctl : handset.held.itl) = version;
}

// What it was doing is gone; what it was told by verification services perhaps.
void World::switch_off(Handset& handset) {
  handset.want.reset();
  if (one_in(2)) handset.phone = VirtualPhone(handset.phone.settings(), handset.phone.memory());
  handset.ready = ms_ + kPowerOn + below(60'000);
  handset.in_drawer = one_in(30) && !is_unheard_of(static_cast<std::size_t>(&handset - handsets_.data()));
  note(handset.phone.settings().name + " is switched off");
}

// It holds a list, and its cluster's ledger knows nothing of it: all that it did fell into gaps.
bool World::is_unheard_of(std::size_t phone) const {
  const Handset& handset = handsets_[phone];
  return !handset.removed && (handset.held.itl != kNoList || handset.held.ctl != kNoList) &&
         !offices_[handset.home].ledger.knows(phone);
}

// Null: it was taken out of the cluster, and switched off.
const World::ServingHost* World::host_of(std::size_t office, std::size_t number) const {
  const std::vector<ServingHost>& hosts = offices_[office].hosts;
  auto found = std::ranges::find(hosts, number, &ServingHost::number);
  return found == hosts.end() ? nullptr : &*found;
}

const World::ServingHost* World::reachable_host(const Handset& handset) const {
  if (ms_ < handset.plan.network_at) return nullptr;
  std::size_t hosts = handset.plan.hosts.size();
  for (std::size_t i = 0; i < hosts; ++i) {
    std::size_t at = (handset.plan.first_host + i) % hosts;
    const ServingHost* host = host_of(handset.home, handset.plan.hosts[at]);
    if (host != nullptr && (handset.plan.reach[at][tftp] || handset.plan.reach[at][http])) return host;
  }
  return nullptr;
}

World::Want World::no_file(Handset& handset) {
  ms_ += kTimeout;
  return handset.phone.no_file(now());
}

World::Want World::fetch(std::size_t phone, const std::string& name) {
  Handset& handset = handsets_[phone];
  if (handset.plan.trouble != 0 && one_in(8)) handset.plan.first_host = below(handset.plan.reach.size());
  const ServingHost* host = reachable_host(handset);
  if (host == nullptr || (fails(handset) && one_in(2))) return no_file(handset);
  const State& state = *host->serving;
  bool own_name = name.find("SEP") != std::string::npos;
  bool list = name.ends_with(".tlv");
  if (list && own_name) {
    ListKind kind = name.starts_with("CTL") ? ListKind::ctl : ListKind::itl;
    tell(phone, host->number, {.what = What::list_asked, .kind = kind, .at = ms_, .from = handset.address});
  } else if (own_name) {
    tell(phone, host->number, {.what = What::configuration_asked, .at = ms_, .from = handset.address});
  }
  ++ms_;
  if (list) {
    bool is_ctl = name.starts_with("CTL");
    ListVersion version = is_ctl ? state.ctl : own_name ? state.itl_for(phone) : state.itl;
    if (version != kNoList)
      return fetch_list(phone, host->number, is_ctl ? ListKind::ctl : ListKind::itl, own_name, version);
  }
  if (fails(handset)) return no_file(handset);
  auto file = state.served.files.find(name);
  return list || file == state.served.files.end() ? handset.phone.not_found(now())
                                                  : handset.phone.got_file(file->second, now());
}

World::Want World::fetch_list(std::size_t phone, std::size_t host, ListKind kind, bool by_own_name,
                              ListVersion version) {
  Handset& handset = handsets_[phone];
  Observation given{
      .what = What::list_given, .kind = kind, .version = version, .at = ms_, .from = handset.address};
  Observation maybe = given;
  maybe.what = What::list_maybe_given;
  bool arrives = true;
  bool seen_to = true;
  bool off = false;
  bool garbled = false;
  Bytes content = states_.lists().shelf().content(version);
  if (fails(handset)) {
    switch (below(4)) {
      case 0:  // lost after it was sent
        arrives = seen_to = false;
        break;
      case 3:  // cut at some byte, which the phone does not notice before it reads the list
        garbled = true;
        seen_to = false;
        break;
      case 1:  // the last acknowledgement is lost
        seen_to = false;
        break;
      default:  // switched off right after the last acknowledgement
        off = true;
    }
  }
  tell_list(phone, host, seen_to ? given : maybe, by_own_name);
  ++ms_;
  if (off) {
    switch_off(handset);
    return {};
  }
  if (!arrives) return no_file(handset);
  if (garbled) return handset.phone.got_file(content.first(below(content.size())), now());
  handset.offered = {kind, version};
  return handset.phone.got_file(content, now());
}

World::Want World::ask(std::size_t phone, const VirtualPhone::Ask& question) {
  Handset& handset = handsets_[phone];
  const std::size_t at = question.server;
  if (at >= handset.plan.hosts.size()) return handset.phone.no_answer(true, now());
  const ServingHost* host = host_of(handset.home, handset.plan.hosts[at]);
  if (host == nullptr || !handset.plan.reach[at][tvs] || ms_ < handset.plan.network_at) {
    ms_ += kTimeout;
    return handset.phone.no_answer(false, now());
  }
  const Served& served = host->serving->served;
  const std::optional<std::size_t> place = find_host(host->serving->cluster, host->name);
  if (!handset.phone.trusts_tvs(served.tvs[place.value()].der())) return handset.phone.no_answer(true, now());
  Buffer response = answer_of(served, question.message);
  auto answer = wire::parse_tvs_response(response);
  bool vouches =
      answer && answer->valid &&
      std::ranges::find(answer->roles, static_cast<std::uint8_t>(wire::Role::sast)) != answer->roles.end();
  Observation seen{.what = What::vouched, .at = ms_, .from = handset.address};
  if (vouches) seen.signer = crypto::sha256(answer->certificate);
  ++ms_;
  std::size_t fault = fails(handset) ? 1 + below(3) : 0;
  if (fault == 1) {  // lost after it was sent
    if (vouches) offices_[handset.home].ledger.tell_undelivered(host->number, below(kShards), phone, seen);
    ms_ += kTimeout;
    return handset.phone.no_answer(false, now());
  }
  if (vouches && fault != 2) tell(phone, host->number, seen);  // 2: its acknowledgement is lost
  if (fault == 3) {                                            // switched off before it keeps the list
    switch_off(handset);
    return {};
  }
  return handset.phone.got_answer(response, now());
}

void World::tell(std::size_t phone, std::size_t host, Observation seen) {
  offices_[handsets_[phone].home].ledger.tell(host, below(kShards), phone, std::move(seen));
}

// Who asks by a name that is not its own is known by its address. Of several phones behind one each
// may be the one.
void World::tell_list(std::size_t phone, std::size_t host, Observation seen, bool by_own_name) {
  if (by_own_name) return tell(phone, host, std::move(seen));
  std::vector<std::size_t> there;
  for (std::size_t other = 0; other < handsets_.size(); ++other)
    if (handsets_[other].home == handsets_[phone].home && handsets_[other].address == seen.from)
      there.push_back(other);
  if (there.size() == 1) return tell(phone, host, std::move(seen));
  if (without(Rule::anonymous)) return;
  seen.what = What::list_maybe_given;
  for (std::size_t other : there) tell(other, host, seen);
}

// Somebody else speaks in the phone's name.
void World::feign(std::size_t phone) {
  const Office& office = offices_[handsets_[phone].home];
  std::size_t host = office.hosts[below(office.hosts.size())].number;
  Observation seen{.what = What::configuration_asked, .at = ms_, .from = "203.0.113.9"};
  if (one_in(2)) {
    seen.what = What::vouched;
    seen.signer = office.state->cluster.tftp.certificate.sha256();
  }
  tell(phone, host, std::move(seen));
}

void World::boot_undisturbed(std::size_t phone) {
  Handset& handset = handsets_[phone];
  ms_ += kPowerOn;
  begin_boot(phone, true);
  while (handset.want) {
    ++ms_;
    advance(phone);
  }
}

// Phones with a CTL are given a new one by hand: no list of another cluster takes it from them.
bool World::may_move(std::size_t phone) const {
  const Handset& handset = handsets_[phone];
  const Office& home = offices_[handset.home];
  const Office& other = offices_[1 - handset.home];
  const Cluster& there = other.state->cluster;
  auto knows = [&](const KnownCertificate& known) {
    return known.certificate == there.tftp.certificate &&
           std::ranges::find(known.roles, wire::Role::sast) != known.roles.end();
  };
  auto up_to_date = [](const Office& office) {
    return std::ranges::all_of(office.hosts, [&](const auto& host) { return host.serving == office.state; });
  };
  return !handset.in_drawer && !handset.removed && handset.held.ctl == kNoList &&
         !home.state->cluster.has_ctl && !there.has_ctl && !home.state->cluster.rolling_back &&
         !there.rolling_back && up_to_date(home) && up_to_date(other) && !other.state->own.contains(phone) &&
         std::ranges::any_of(home.state->cluster.known, knows);
}

// As the procedure says: up to date at home, both clusters know each other, and nothing is
// regenerated until the phone has arrived.
void World::move(std::size_t phone) {
  Handset& handset = handsets_[phone];
  Office& home = offices_[handset.home];
  Office& other = offices_[1 - handset.home];
  if (!std::exchange(handset.on_its_way, true)) {
    note(name_of(phone) + " is to move");
    handset.want.reset();
    boot_undisturbed(phone);
    handset.on_its_way = handset.held.itl == home.state->itl;
    return;
  }
  ms_ += kPowerOn;
  handset.want.reset();
  handset.phone = VirtualPhone(handset.phone.settings(), handset.phone.memory());
  Served abroad{.files = other.state->served.files,
                .tvs = home.state->served.tvs,
                .answered = home.state->served.answered};
  VirtualPhone::Done end = boot_in_memory(handset.phone, abroad, now());
  handset.on_its_way = false;
  touched_[phone] = true;
  if (end.end != BootEnd::fine) {
    note(name_of(phone) + " is locked on its way: " + end.reason);
    handset.held.itl = kUnkeptList;
    return;
  }
  home.ledger.forget(phone);
  handset.home = 1 - handset.home;
  handset.held = {.ctl = kNoList, .itl = other.state->itl};
  for (Observation seen : {Observation{.what = What::list_asked},
                           Observation{.what = What::list_given, .version = other.state->itl},
                           Observation{.what = What::configuration_asked}}) {
    seen.at = ms_ += 10;
    seen.from = handset.address;
    tell(phone, other.hosts.front().number, seen);
  }
  ++counts_.moves;
  note(name_of(phone) + " has moved");
}

}  // namespace anchord::trust::world

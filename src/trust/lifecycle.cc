#include "anchord/trust/lifecycle.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cassert>

#include "anchord/trust/served.h"
#include "anchord/trust/virtual_phone.h"
#include "anchord/wire/trust_list.h"
#include "held_list.h"
#include "settled_boot.h"

namespace anchord::trust {
namespace {

// More names say no more in one line.
constexpr std::size_t kNamedPhones = 3;

constexpr auto kAllRoles = [] {
  std::array<wire::Role, wire::kRoles.size()> out{};
  std::ranges::transform(wire::kRoles, out.begin(), &wire::RoleName::role);
  return out;
}();

std::size_t place_of(const Cluster& cluster, std::string_view host) {
  auto place = find_host(cluster, host);
  assert(place);
  return *place;
}

Identity& identity_of(Cluster& cluster, Service service, std::string_view host) {
  switch (service) {
    case Service::tvs:
      return cluster.tvs[place_of(cluster, host)];
    case Service::tftp:
      return cluster.tftp;
    case Service::tftp_ec:
      return cluster.tftp_ec;
    case Service::capf:
      return cluster.capf;
    case Service::recovery:
      return cluster.recovery;
  }
  std::unreachable();
}

PhoneMemory held_by(const Holders& holders) {
  return {.ctl = holders.ctl, .itl = holders.itl, .configuration = {}};
}

Served served_to(const Holders& holders, const Served& cluster) {
  return with_own_lists(cluster, {.ctl = holders.own_ctl, .itl = holders.own_itl});
}

bool is_locked(const VirtualPhone::Done& done) {
  return done.end == BootEnd::locked;
}

// What it holds now, and what it may hold after a part of a boot there: a host that has not taken the
// change over yet hands out the lists of before, and the phone may be switched off at any moment.
std::vector<Holders> on_the_way(const Holders& group, const Served& before, UnixSeconds now) {
  std::vector<Holders> all{group};
  const Served served = served_to(group, before);
  VirtualPhone phone = any_phone(held_by(group), served);
  const PhoneMemory& memory = phone.memory();
  VirtualPhone::Want want = phone.boot(now);
  while (!done(want)) {
    want = answer_in_memory(phone, want, served, now);
    if (memory.ctl == all.back().ctl && memory.itl == all.back().itl) continue;
    Holders next = group;
    next.ctl = memory.ctl;
    next.itl = memory.itl;
    all.push_back(std::move(next));
  }
  return all;
}

// How it ends for a phone that the change locks. With the change a list of its own may be dropped or
// withdrawn, and would be served only while it locks it no more than the cluster's does (own_list.h): so
// it is judged by the cluster's.
std::optional<VirtualPhone::Done> locked_end(const Holders& group, const Served& before, const Served& after,
                                             UnixSeconds now) {
  for (const Holders& held : on_the_way(group, before, now)) {
    VirtualPhone::Done end = settled_boot(held_by(held), after, now);
    if (is_locked(end) && !is_locked(settled_boot(held_by(held), served_to(held, before), now))) return end;
  }
  return std::nullopt;
}

template <class Counted>
void count_in(Counted& counted, const Holders& group) {
  counted.count += group.count;
  if (!group.own_ctl.empty() || !group.own_itl.empty()) counted.with_own += group.count;
  for (const std::string& name : group.first)
    if (counted.first.size() < kNamedPhones) counted.first.push_back(name);
}

std::string with_commas(std::size_t count) {
  std::string text = fmt::format("{}", count);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, 1, ',');
  return text;
}

// What was the cluster's own, as it is known from then on.
KnownCertificate retire(const Cluster& cluster, Service service, const crypto::Certificate& certificate,
                        UnixSeconds now) {
  KnownCertificate retired{.certificate = certificate,
                           .roles = own_roles(service, cluster.mode),
                           .own = {},
                           .retired_from = service,
                           .retired_at = now};
  auto known = std::ranges::find(cluster.known, certificate, &KnownCertificate::certificate);
  if (known == cluster.known.end()) return retired;
  retired.roles = known->roles;
  retired.ttl = known->ttl;
  return retired;
}

}  // namespace

Cluster with_identity(Cluster cluster, Service service, std::string_view host, Identity identity,
                      UnixSeconds now) {
  Identity& present = identity_of(cluster, service, host);
  KnownCertificate retired = retire(cluster, service, present.certificate, now);
  KnownCertificate own{
      .certificate = identity.certificate, .roles = own_roles(service, cluster.mode), .own = service};
  std::erase_if(cluster.known,
                [&](const auto& known) { return !known.own && known.certificate == identity.certificate; });
  auto known = std::ranges::find(cluster.known, present.certificate, &KnownCertificate::certificate);
  if (known != cluster.known.end()) {
    *known = std::move(own);
  } else {
    cluster.known.insert(cluster.known.begin(), std::move(own));
  }
  cluster.known.push_back(std::move(retired));
  present = std::move(identity);
  return cluster;
}

Cluster with_host(Cluster cluster, Host host, Identity tvs) {
  std::erase_if(cluster.known,
                [&](const auto& known) { return !known.own && known.certificate == tvs.certificate; });
  cluster.known.insert(
      cluster.known.begin(),
      {.certificate = tvs.certificate, .roles = own_roles(Service::tvs, cluster.mode), .own = Service::tvs});
  cluster.hosts.push_back(std::move(host));
  cluster.tvs.push_back(std::move(tvs));
  return cluster;
}

Cluster without_host(Cluster cluster, std::string_view host, UnixSeconds now) {
  assert(cluster.hosts.size() > 1);
  const auto place = static_cast<std::ptrdiff_t>(place_of(cluster, host));
  const crypto::Certificate certificate = cluster.tvs[place_of(cluster, host)].certificate;
  KnownCertificate retired = retire(cluster, Service::tvs, certificate, now);
  std::erase_if(cluster.known, [&](const auto& known) { return known.certificate == certificate; });
  cluster.known.push_back(std::move(retired));
  cluster.hosts.erase(cluster.hosts.begin() + place);
  cluster.tvs.erase(cluster.tvs.begin() + place);
  return cluster;
}

Cluster with_renamed_host(Cluster cluster, std::string_view host, std::string name) {
  cluster.hosts[place_of(cluster, host)].name = std::move(name);
  return cluster;
}

Cluster with_mode(Cluster cluster, Mode mode) {
  cluster.mode = mode;
  cluster.has_ctl = cluster.has_ctl || mode == Mode::mixed;
  for (KnownCertificate& known : cluster.known)
    if (known.own) known.roles = own_roles(*known.own, mode);
  return cluster;
}

Cluster with_digest(Cluster cluster, wire::Digest digest) {
  cluster.signing.digest = digest;
  return cluster;
}

Cluster with_rollback(Cluster cluster, bool rolling_back) {
  cluster.rolling_back = rolling_back;
  return cluster;
}

Cluster without_certificate(Cluster cluster, const crypto::Certificate& certificate) {
  std::erase_if(cluster.known, [&](const auto& known) { return known.certificate == certificate; });
  return cluster;
}

Result<std::optional<Locked>> who_would_lock(const Cluster& before, const Cluster& after,
                                             std::span<const Holders> holders, UnixSeconds now) {
  ANCHORD_TRY_ASSIGN(auto served, served_by(after, now));
  auto served_before = served_by(before, now);
  if (served_before) return who_would_lock(*served_before, served, holders, now);
  // What cannot be served hands out nothing; only who would lock could be so already.
  auto locks = [&](const Holders& group) {
    return group.count > 0 && is_locked(settled_boot(held_by(group), served, now));
  };
  if (std::ranges::any_of(holders, locks)) return std::unexpected(served_before.error());
  return std::nullopt;
}

std::optional<Locked> who_would_lock(const Served& before, const Served& after,
                                     std::span<const Holders> holders, UnixSeconds now) {
  Locked locked;
  std::size_t largest = 0;
  for (const Holders& group : holders) {
    if (group.count == 0) continue;
    auto end = locked_end(group, before, after, now);
    if (!end) continue;
    count_in(locked, group);
    if (group.count <= largest) continue;
    largest = group.count;
    locked.reason = end->reason;
    locked.of_tvs = !end->tvs_trust;
  }
  if (locked.count == 0) return std::nullopt;
  return locked;
}

std::optional<Needed> who_needs(const crypto::Certificate& certificate, std::span<const Holders> holders) {
  Needed needed;
  for (const Holders& group : holders) {
    if (!lists_certificate(group.itl, certificate.der(), kAllRoles) &&
        !lists_certificate(group.ctl, certificate.der(), kAllRoles))
      continue;
    count_in(needed, group);
  }
  if (needed.count == 0) return std::nullopt;
  return needed;
}

std::vector<crypto::Certificate> list_signers(Bytes list) {
  std::vector<crypto::Certificate> out;
  auto parsed = wire::parse_trust_list(list);
  if (!parsed) return out;
  for (const wire::Record& record : parsed->records)
    if (record.role == wire::Role::sast)
      if (auto certificate = crypto::Certificate::from_der(record.certificate))
        out.push_back(std::move(*certificate));
  return out;
}

std::optional<Needed> who_could_not_move(const KnownCertificate& known, std::span<const Holders> holders) {
  if (known.own || known.retired_from ||
      std::ranges::find(known.roles, wire::Role::sast) == known.roles.end())
    return std::nullopt;
  constexpr std::array kListSigners{wire::Role::sast};
  Needed needed;
  for (const Holders& group : holders) {
    bool holds_some = is_readable(group.itl) || is_readable(group.ctl);
    if (!holds_some || lists_certificate(group.itl, known.certificate.der(), kListSigners)) continue;
    count_in(needed, group);
  }
  if (needed.count == 0) return std::nullopt;
  return needed;
}

std::string phones_text(std::size_t count, std::span<const std::string> first) {
  std::string text = with_commas(count) + (count == 1 ? " phone" : " phones");
  std::size_t named = std::min(first.size(), kNamedPhones);
  if (named == 0) return text;
  for (std::size_t i = 0; i < named; ++i) text += (i == 0 ? " (" : ", ") + first[i];
  return text + (named < count ? " and more)" : ")");
}

}  // namespace anchord::trust

#include "changes/guard.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "anchord/base/calendar.h"
#include "anchord/base/hex.h"
#include "anchord/phone/file_kind.h"
#include "anchord/trust/served.h"
#include "anchord/trust/trust_list.h"
#include "database/session.h"
#include "database/state_folder.h"
#include "tables/audit.h"
#include "tables/certificates.h"
#include "tables/identities.h"
#include "tables/keys.h"

namespace anchord::store {
namespace {

using trust::Cluster;
using trust::Identity;
using trust::ListKind;
using trust::Service;

// A clock that was set right by hand may be off by this much from one change to the next.
constexpr UnixSeconds kMaxClockBack = 300;

Result<UnixSeconds> highest_time(Database& database) {
  Statement row(database,
                "SELECT max(ifnull((SELECT highest FROM clock), 0), "
                "ifnull((SELECT max(time) FROM audit WHERE NOT EXISTS (SELECT 1 FROM clock)), 0))");
  if (!row.next()) return row.failure();
  return row.integer(0);
}

// Lists bear times, and certificates are valid from one: with a clock that went back phones
// could be given what is not valid yet.
Status check_clock(Database& database, const ChangeRequest& request) {
  ANCHORD_TRY_ASSIGN(auto highest, highest_time(database));
  if (request.clock_is_right || request.force || request.now >= highest - kMaxClockBack) return {};
  return fail(fmt::format(
      "this machine's clock says {}, but {} was recorded before: set the clock, or, where it is right "
      "and was wrong then, give --clock-is-right",
      time_text(request.now), time_text(highest)));
}

// From here on, no earlier time is right than that of a change whose clock somebody vouched for.
Status set_clock(Database& database, const ChangeRequest& request) {
  if (!request.clock_is_right && !request.force) return {};
  ANCHORD_TRY_ASSIGN(auto highest, highest_time(database));
  if (request.now >= highest) return {};
  ANCHORD_TRY(execute(database, "INSERT OR REPLACE INTO clock (id, highest) VALUES (1, ?)", request.now));
  return note_audit(database,
                    fmt::format("the clock was set back: {} was recorded before", time_text(highest)),
                    request.force, request.now);
}

struct Reported {
  std::string host;
  UnixSeconds time = 0;
  bool serves_this = false;
};

Result<std::vector<Reported>> read_reports(Database& database, const Cluster& cluster) {
  std::string present = to_hex(trust::state_digest(cluster));
  std::vector<Reported> out;
  Statement row(database, "SELECT host, time, serves FROM service_status ORDER BY host");
  while (row.next()) out.push_back({std::string(row.text(0)), row.integer(1), row.text(2) == present});
  if (!row.ok()) return row.failure();
  return out;
}

Result<std::optional<std::string>> find_late_host(Database& database, const Cluster& cluster,
                                                  UnixSeconds now) {
  ANCHORD_TRY_ASSIGN(auto reports, read_reports(database, cluster));
  for (const Reported& report : reports)
    if (!report.serves_this && report.time > now - kFreshReport) return report.host;
  return std::nullopt;
}

const trust::KnownCertificate* find_known(const Cluster& cluster, const crypto::Certificate& certificate) {
  auto found = std::ranges::find(cluster.known, certificate, &trust::KnownCertificate::certificate);
  return found == cluster.known.end() ? nullptr : &*found;
}

// Null: it is known no more.
bool loses_roles(const trust::KnownCertificate& before, const trust::KnownCertificate* after) {
  if (after == nullptr) return true;
  return std::ranges::any_of(before.roles, [&](wire::Role role) {
    return std::ranges::find(after->roles, role) == after->roles.end();
  });
}

// Roles without which phones could refuse a list, a file or a service that they need; the others
// only decide which HTTPS servers they talk to.
bool can_lock(wire::Role role) {
  return role == wire::Role::sast || role == wire::Role::tftp || role == wire::Role::ccm_tftp ||
         role == wire::Role::tvs;
}

bool takes_a_locking_role(const Change& change) {
  return std::ranges::any_of(change.before.known, [&](const trust::KnownCertificate& known) {
    return !known.own && std::ranges::any_of(known.roles, can_lock) &&
           loses_roles(known, find_known(change.after, known.certificate));
  });
}

// A verification service that serves an older state vouches for nobody new: phones that ask it
// lock. Who has said nothing for a minute may be down; only an administrator knows.
Status check_hosts(Database& database, const Change& change, const AllHolders& holders,
                   const ChangeRequest& request) {
  if (request.force) return {};
  bool changes_what_is_served = trust::state_digest(change.before) != trust::state_digest(change.after);
  if (!changes_what_is_served && !takes_a_locking_role(change)) return {};
  ANCHORD_TRY_ASSIGN(auto late, find_late_host(database, change.before, request.now));
  if (late)
    return refuse(fmt::format(
        "{} may lock phones: the service on {} has not taken over the last change yet; wait until "
        "'anchorctl status' says that it has",
        change.doing, *late));
  return require_agreement(change.doing, change.before, holders, request.hosts_agree);
}

// A phone with a list of its own fetches that, whatever the cluster's is: no reset helps while it is stale.
template <class Counted>
std::string cure(const Counted& phones) {
  constexpr std::string_view kReset =
      "reset them so that they fetch the present lists first (see 'anchorctl report itl')";
  constexpr std::string_view kGone = ", and remove those that are gone ('anchorctl phone remove')";
  if (phones.with_own == 0) return fmt::format("{}{}", kReset, kGone);
  const std::string own = phones.with_own == phones.count
                              ? std::string("they are served lists of their own")
                              : fmt::format("{} of them are served lists of their own", phones.with_own);
  return fmt::format(
      "{}, and a reset fetches those again: make them anew or remove them first "
      "(provisioning/{} and {}, or those of 'anchorctl phone recover'), "
      "then {}{}",
      own, phone::own_list_file({"SEP...", ListKind::itl}), phone::own_list_file({"SEP...", ListKind::ctl}),
      kReset, kGone);
}

// What the change takes away, and a phone may need later: the virtual phone, which is asked about
// today, would let it go.
Status check_known(const Change& change, const AllHolders& holders, const ChangeRequest& request) {
  if (request.force) return {};
  for (const trust::KnownCertificate& known : change.before.known) {
    if (known.own || !loses_roles(known, find_known(change.after, known.certificate))) continue;
    if (auto needed = trust::who_needs(known.certificate, holders.groups))
      return refuse(fmt::format("{} could lock {}: lists that they may hold carry {}; {}", change.doing,
                                trust::phones_text(needed->count, needed->first), describe(known.certificate),
                                cure(*needed)));
    if (auto needed = trust::who_could_not_move(known, holders.groups))
      return refuse(fmt::format(
          "{} would lock those of {} that are on their way to the cluster whose lists {} signs: nobody "
          "here knows who is; wait until the move is over",
          change.doing, trust::phones_text(needed->count, needed->first), describe(known.certificate)));
  }
  return {};
}

Status write_cluster(Database& database, const Cluster& after) {
  return execute(database, "UPDATE cluster SET mode = ?, has_ctl = ?, rolling_back = ?, digest = ?",
                 trust::mode_name(after.mode), after.has_ctl, after.rolling_back,
                 wire::digest_name(after.signing.digest));
}

Status write_identity(Database& database, Service service, const std::string& host, const Identity& before,
                      const Identity& after) {
  if (before.certificate == after.certificate) return {};
  auto done =
      execute(database, "DELETE FROM identities WHERE sha256 = ?", to_hex(before.certificate.sha256()));
  if (done) done = put_identity(database, {service, host, after});
  return done;
}

// Its place in `cluster`, where it may have another name: then it is known by its certificate.
std::optional<std::size_t> place_in(const Cluster& cluster, const trust::Host& host, const Identity& tvs) {
  if (auto place = trust::find_host(cluster, host.name)) return place;
  auto same = std::ranges::find(cluster.tvs, tvs.certificate, &Identity::certificate);
  if (same == cluster.tvs.end()) return std::nullopt;
  return static_cast<std::size_t>(same - cluster.tvs.begin());
}

Status delete_host(Database& database, const trust::Host& host, const Identity& tvs) {
  ANCHORD_TRY(execute(database, "DELETE FROM identities WHERE sha256 = ?", to_hex(tvs.certificate.sha256())));
  return execute(database, "DELETE FROM hosts WHERE name = ?", host.name);
}

Status insert_host(Database& database, const trust::Host& host, const Identity& tvs) {
  ANCHORD_TRY(execute(database,
                      "INSERT INTO hosts (position, name, address) "
                      "VALUES ((SELECT max(position) + 1 FROM hosts), ?, ?)",
                      host.name, addresses_text(host.addresses)));
  return put_identity(database, {Service::tvs, host.name, tvs});
}

Status write_hosts(Database& database, const Cluster& before, const Cluster& after) {
  for (std::size_t i = 0; i < before.hosts.size(); ++i) {
    const trust::Host& host = before.hosts[i];
    const auto place = place_in(after, host, before.tvs[i]);
    if (!place) {
      ANCHORD_TRY(delete_host(database, host, before.tvs[i]));
      continue;
    }
    const std::string& name = after.hosts[*place].name;
    if (name != host.name)
      ANCHORD_TRY(execute(database, "UPDATE hosts SET name = ? WHERE name = ?", name, host.name));
    ANCHORD_TRY(write_identity(database, Service::tvs, name, before.tvs[i], after.tvs[*place]));
  }
  for (std::size_t i = 0; i < after.hosts.size(); ++i)
    if (!place_in(before, after.hosts[i], after.tvs[i]))
      ANCHORD_TRY(insert_host(database, after.hosts[i], after.tvs[i]));
  return {};
}

Status write_identities(Database& database, const Cluster& before, const Cluster& after) {
  ANCHORD_TRY(write_identity(database, Service::tftp, "", before.tftp, after.tftp));
  ANCHORD_TRY(write_identity(database, Service::tftp_ec, "", before.tftp_ec, after.tftp_ec));
  ANCHORD_TRY(write_identity(database, Service::capf, "", before.capf, after.capf));
  ANCHORD_TRY(write_identity(database, Service::recovery, "", before.recovery, after.recovery));
  return {};
}

std::set<crypto::Sha256> hashes_of_others(const Cluster& cluster) {
  std::set<crypto::Sha256> hashes;
  for (const auto& known : cluster.known)
    if (!known.own) hashes.insert(known.certificate.sha256());
  return hashes;
}

Status write_known(Database& database, const Cluster& before, const Cluster& after) {
  std::set<crypto::Sha256> old_hashes = hashes_of_others(before);
  std::set<crypto::Sha256> new_hashes = hashes_of_others(after);
  for (const crypto::Sha256& hash : old_hashes)
    if (!new_hashes.contains(hash))
      ANCHORD_TRY(execute(database, "DELETE FROM certificates WHERE sha256 = ?", to_hex(hash)));
  for (const auto& known : after.known)
    if (known.retired_from && !old_hashes.contains(known.certificate.sha256()))
      ANCHORD_TRY(add_retired(database, known));
  return {};
}

}  // namespace

Status add_retired(Database& database, const trust::KnownCertificate& known) {
  return execute(database,
                 R"(INSERT INTO certificates (sha256, roles, ttl, certificate, retired_from, retired_at)
                    VALUES (?, ?, ?, ?, ?, ?))",
                 to_hex(known.certificate.sha256()), roles_text(known.roles), known.ttl,
                 known.certificate.der(), trust::service_name(known.retired_from.value()), known.retired_at);
}

Result<std::optional<std::string>> late_host(Store& store, UnixSeconds now) {
  ANCHORD_TRY_ASSIGN(auto loaded, store.load(KeyUse::without_keys));
  return find_late_host(store.session().database, loaded.cluster, now);
}

Status require_agreement(std::string_view doing, const Cluster& cluster, const AllHolders& holders,
                         bool hosts_agree) {
  if (cluster.hosts.size() == 1 || hosts_agree) return {};
  return refuse(fmt::format(
      "{} was judged by the {} phones of this host alone, and the cluster has {} hosts: bring the others "
      "to the present state, take in their ledgers ('anchorctl ledger export', 'ledger import'), and say "
      "so with --hosts-agree",
      doing, holders.devices, cluster.hosts.size()));
}

bool takes_roles(const Change& change) {
  return std::ranges::any_of(change.before.known, [&](const trust::KnownCertificate& known) {
    return !known.own && loses_roles(known, find_known(change.after, known.certificate));
  });
}

std::unexpected<Error> refuse(const std::string& why) {
  return fail(why + "; --force does it all the same");
}

Result<std::optional<trust::Locked>> check_change(Database& database, const Change& change,
                                                  const AllHolders& holders, const ChangeRequest& request) {
  ANCHORD_TRY(check_clock(database, request));
  // What phones could not be given is refused here, before anything is written.
  if (auto made = trust::served_by(change.after, request.now); !made)
    return std::unexpected(std::move(made.error()).within(change.doing + " is not possible"));
  if (holders.unknown.count > 0 && !request.force)
    return refuse(fmt::format(
        "{} might lock {}: they may hold lists that are not kept here; remove those that are gone "
        "('anchorctl phone remove {}'), and reset the others so that they fetch the present lists",
        change.doing, trust::phones_text(holders.unknown.count, holders.unknown.first),
        holders.unknown.first.front()));
  auto locked = trust::who_would_lock(change.before, change.after, holders.groups, request.now);
  if (!locked || request.force) return locked;
  if (!*locked) {
    ANCHORD_TRY(check_known(change, holders, request));
    ANCHORD_TRY(check_hosts(database, change, holders, request));
    return locked;
  }
  const trust::Locked& who = **locked;
  return refuse(fmt::format(
      "{} would lock {}: {}; {}", change.doing, trust::phones_text(who.count, who.first),
      who.of_tvs ? "they may hold lists that name no present verification service" : who.reason, cure(who)));
}

Status write_change(Database& database, const Change& change, const std::optional<trust::Locked>& locked,
                    const ChangeRequest& request) {
  ANCHORD_TRY(write_cluster(database, change.after));
  ANCHORD_TRY(write_hosts(database, change.before, change.after));
  ANCHORD_TRY(write_identities(database, change.before, change.after));
  ANCHORD_TRY(write_known(database, change.before, change.after));
  ANCHORD_TRY(set_clock(database, request));
  // They name who signs and vouches by the state before.
  if (trust::state_digest(change.before) != trust::state_digest(change.after))
    ANCHORD_TRY(execute(database, "DELETE FROM recovery_lists"));
  std::string what = change.what;
  if (locked) what += fmt::format(", locking {}", trust::phones_text(locked->count, locked->first));
  ANCHORD_TRY(note_change(database, what, request.force, request.now));
  return {};
}

Status commit_with_key(Session& session, SharedWrite& writing, const Change& change,
                       const std::optional<trust::Locked>& locked, const ChangeRequest& request,
                       const NewIdentity& made) {
  Database& database = session.database;
  ANCHORD_TRY(remove_unused_keys(session.directory, database));
  const std::string key = key_file_name(made.service, made.host, made.identity.certificate);
  ANCHORD_TRY(add_key(session.directory, key, *made.identity.key));
  if (auto done = write_change(database, change, locked, request); !done) {
    ::unlink((key_folder(session.directory) / key).c_str());
    return done;
  }
  // The key stays even if this fails: the commit may have reached the disk.
  return writing.commit();
}

std::unexpected<Error> no_host(std::string_view name) {
  return fail(
      fmt::format("the cluster has no host '{}': 'anchorctl host list' shows those that it has", name));
}

}  // namespace anchord::store

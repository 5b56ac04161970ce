#include "guard.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <set>

#include "anchord/base/hex.h"
#include "anchord/trust/served.h"
#include "identities.h"
#include "impl.h"

namespace anchord::store {
namespace {

using trust::Cluster;
using trust::Identity;
using trust::Service;

// A clock that was set right by hand may be off by this much from one change to the next.
constexpr UnixSeconds kMaxClockBack = 300;

std::string date_text(UnixSeconds time) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(static_cast<std::time_t>(time)));
}

// Lists bear times, and certificates are valid from one: with a clock that went back phones
// could be given what is not valid yet.
Status check_clock(Database& database, UnixSeconds now) {
  Statement row(database, "SELECT time FROM audit ORDER BY id DESC LIMIT 1");
  if (!row.next()) return row.ok() ? Status() : row.failure();
  if (now >= row.integer(0) - kMaxClockBack) return {};
  return fail(fmt::format("this machine's clock says {}, but the last change was made at {}: set the clock",
                          date_text(now), date_text(row.integer(0))));
}

Status write_cluster(Database& database, const Cluster& after) {
  return execute(database, "UPDATE cluster SET mode = ?, has_ctl = ?, rolling_back = ?",
                 trust::mode_name(after.mode), after.has_ctl, after.rolling_back);
}

Status write_identity(Database& database, Service service, const std::string& host, const Identity& before,
                      const Identity& after) {
  if (before.certificate == after.certificate) return {};
  auto done =
      execute(database, "DELETE FROM identities WHERE sha256 = ?", to_hex(before.certificate.sha256()));
  if (done) done = put_identity(database, {service, host, after});
  return done;
}

Status write_identities(Database& database, const Cluster& before, const Cluster& after) {
  Status done;
  for (std::size_t i = 0; done && i < after.tvs.size(); ++i)
    done = write_identity(database, Service::tvs, after.hosts[i].name, before.tvs[i], after.tvs[i]);
  if (done) done = write_identity(database, Service::tftp, "", before.tftp, after.tftp);
  if (done) done = write_identity(database, Service::tftp_ec, "", before.tftp_ec, after.tftp_ec);
  if (done) done = write_identity(database, Service::capf, "", before.capf, after.capf);
  if (done) done = write_identity(database, Service::recovery, "", before.recovery, after.recovery);
  return done;
}

std::set<crypto::Sha256> hashes_of_others(const Cluster& cluster) {
  std::set<crypto::Sha256> hashes;
  for (const auto& known : cluster.known)
    if (!known.own) hashes.insert(known.certificate.sha256());
  return hashes;
}

Status add_retired(Database& database, const trust::KnownCertificate& known) {
  return execute(database,
                 R"(INSERT INTO certificates (sha256, roles, ttl, certificate, retired_from, retired_at)
                    VALUES (?, ?, ?, ?, ?, ?))",
                 to_hex(known.certificate.sha256()), roles_text(known.roles), known.ttl,
                 known.certificate.der(), trust::service_name(known.retired_from.value()), known.retired_at);
}

Status write_known(Database& database, const Cluster& before, const Cluster& after) {
  std::set<crypto::Sha256> old_hashes = hashes_of_others(before);
  std::set<crypto::Sha256> new_hashes = hashes_of_others(after);
  for (const crypto::Sha256& hash : old_hashes)
    if (!new_hashes.contains(hash))
      if (auto done = execute(database, "DELETE FROM certificates WHERE sha256 = ?", to_hex(hash)); !done)
        return done;
  for (const auto& known : after.known)
    if (!known.own && !old_hashes.contains(known.certificate.sha256()))
      if (auto done = add_retired(database, known); !done) return done;
  return {};
}

}  // namespace

std::unexpected<Error> refuse(const std::string& why) {
  return fail(why + "; --force does it all the same");
}

Result<std::optional<trust::Locked>> check_change(Database& database, const Change& change,
                                                  const AllHolders& holders, const ChangeRequest& request) {
  if (auto good = check_clock(database, request.now); !good) return std::unexpected(good.error());
  // What phones could not be given is refused here, before anything is written.
  if (auto made = trust::served_by(change.after, request.now); !made)
    return std::unexpected(std::move(made.error()).within(change.doing + " is not possible"));
  if (holders.unknown.count > 0 && !request.force)
    return refuse(fmt::format(
        "{} might lock {}: what lists they hold is not known; remove those that are gone "
        "('anchorctl phone remove {}'), and reset the others so that they fetch the present lists",
        change.doing, trust::phones_text(holders.unknown.count, holders.unknown.first),
        holders.unknown.first.front()));
  auto locked = trust::who_would_lock(change.before, change.after, holders.groups, request.now);
  if (!locked || !*locked || request.force) return locked;
  const trust::Locked& who = **locked;
  return refuse(
      fmt::format("{} would lock {}: {}; reset them so that they fetch the present lists first (see "
                  "'anchorctl report itl'), "
                  "and remove those that are gone ('anchorctl phone remove')",
                  change.doing, trust::phones_text(who.count, who.first),
                  who.of_tvs ? "they hold lists that name no present verification service" : who.reason));
}

Status write_change(Database& database, const Change& change, const std::optional<trust::Locked>& locked,
                    const ChangeRequest& request) {
  auto done = write_cluster(database, change.after);
  if (done) done = write_identities(database, change.before, change.after);
  if (done) done = write_known(database, change.before, change.after);
  std::string what = change.what;
  if (locked) what += fmt::format(", locking {}", trust::phones_text(locked->count, locked->first));
  if (done) done = note_change(database, what, request.force, request.now);
  return done;
}

}  // namespace anchord::store

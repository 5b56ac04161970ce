#include "changes/hosts.h"

#include <fmt/core.h>

#include <algorithm>

#include "anchord/base/ascii.h"
#include "anchord/store/init.h"
#include "anchord/trust/trust_list.h"
#include "changes/guard.h"
#include "changes/sharing.h"
#include "database/session.h"
#include "replica/shared_write.h"
#include "tables/certificates.h"
#include "tables/check_host.h"
#include "tables/cluster.h"

namespace anchord::store {
namespace {

using trust::Cluster;
using trust::Service;

// "cucm3 (192.0.2.3)"
std::string host_text(const trust::Host& host) {
  if (host.addresses.empty()) return host.name;
  return fmt::format("{} ({})", host.name, joined(host.addresses, ", "));
}

// The full list must have room for one more, also where an empty one is served for now.
Status check_room(const Cluster& after, UnixSeconds now) {
  const auto list = trust::build_trust_list(trust::itl_fields(trust::with_rollback(after, false)), now);
  if (list) return {};
  return fail(fmt::format(
      "the list has no room for the certificate of host '{}' ({}): give it a smaller key with --key, or "
      "remove another host",
      after.hosts.back().name, list.error().text));
}

// Phones that know no other list than those of SHA-1 may give up on one with an EC certificate. Where there
// is one already they have not.
Status check_kind(const Cluster& before, const trust::Identity& tvs, const ChangeRequest& request) {
  auto has_ec = [](const trust::Identity& one) { return one.certificate.key_type() == crypto::KeyType::ec; };
  if (request.force || before.signing.digest != wire::Digest::sha1 || !has_ec(tvs) ||
      std::ranges::any_of(before.tvs, has_ec))
    return {};
  return refuse(
      "lists are signed with SHA-1, and phones that know nothing else cannot use an EC certificate and may "
      "give up on a list with one: give the host an RSA key (--key rsa2048)");
}

// A host that there is, in a transaction that changes it.
struct Changing {
  Cluster cluster;
  std::size_t place;
};

Result<Changing> find_changing(Session& session, std::string_view name) {
  ANCHORD_TRY_ASSIGN(auto loaded, read_cluster(session.directory, session.database, KeyUse::with_keys));
  const auto place = trust::find_host(loaded.cluster, name);
  if (!place) return no_host(name);
  return Changing{std::move(loaded.cluster), *place};
}

Result<std::optional<trust::Locked>> write_guarded(Session& session, const Change& change,
                                                   const ChangeRequest& request) {
  ANCHORD_TRY_ASSIGN(auto held, read_holders(session.database, session.directory));
  ANCHORD_TRY_ASSIGN(auto locked, check_change(session.database, change, held, request));
  ANCHORD_TRY(write_change(session.database, change, locked, request));
  return locked;
}

}  // namespace

Result<trust::Host> find_host(Store& store, std::string_view name) {
  ANCHORD_TRY_ASSIGN(auto loaded, store.load(KeyUse::without_keys));
  const auto place = trust::find_host(loaded.cluster, name);
  if (!place) return no_host(name);
  return loaded.cluster.hosts[*place];
}

Result<PreparedHost> prepare_host(Store& store, const NewHost& wanted, UnixSeconds now) {
  ANCHORD_TRY(check_days(wanted.days));
  const trust::Host host = normalised(wanted.host);
  ANCHORD_TRY(check_host(host));
  ANCHORD_TRY_ASSIGN(auto loaded, store.load(KeyUse::without_keys));
  ANCHORD_TRY(check_beside(host, loaded.cluster.hosts));
  const crypto::Certificate& first = loaded.cluster.tvs.front().certificate;
  ANCHORD_TRY_ASSIGN(auto made, make_identity({.service = Service::tvs,
                                               .host = &host,
                                               .subject = tvs_subject(first.subject(), host.name),
                                               .key = wanted.key.value_or(kind_of(first)),
                                               .now = now,
                                               .days = wanted.days != 0 ? wanted.days : days_of(first)}));
  return PreparedHost{host, std::move(made)};
}

Result<ChangedHost> put_beside(Store& store, const PreparedHost& prepared, const ChangeRequest& request) {
  Session& session = store.session();
  return shared_write(session, Guarded::yes, [&](SharedWrite& writing) -> Result<ChangedHost> {
    ANCHORD_TRY_ASSIGN(auto loaded, read_cluster(session.directory, session.database, KeyUse::with_keys));
    const trust::Host& host = prepared.host;
    ANCHORD_TRY(check_beside(host, loaded.cluster.hosts));
    const trust::Identity& tvs = prepared.made.identity;
    const Change change{
        .before = loaded.cluster,
        .after = trust::with_host(loaded.cluster, host, tvs),
        .doing = fmt::format("adding the host {}", host.name),
        .what = fmt::format("added the host {}: tvs {}", host_text(host), describe(tvs.certificate))};
    ANCHORD_TRY(check_room(change.after, request.now));
    ANCHORD_TRY(check_kind(change.before, tvs, request));
    ANCHORD_TRY_ASSIGN(auto held, read_holders(session.database, session.directory));
    ANCHORD_TRY_ASSIGN(auto locked, check_change(session.database, change, held, request));
    ANCHORD_TRY(commit_with_key(session, writing, change, locked, request, prepared.made));
    return ChangedHost{host, tvs.certificate, std::move(locked)};
  });
}

Result<ChangedHost> add_host(Store& store, const NewHost& wanted, const ChangeRequest& request) {
  ANCHORD_TRY_ASSIGN(auto prepared, prepare_host(store, wanted, request.now));
  return put_beside(store, prepared, request);
}

namespace {

Result<ChangedHost> remove_in(Session& session, SharedWrite& writing, std::string_view name,
                              const ChangeRequest& request) {
  ANCHORD_TRY_ASSIGN(auto changing, find_changing(session, name));
  const Cluster& cluster = changing.cluster;
  if (cluster.hosts.size() == 1)
    return fail(fmt::format("'{}' is the cluster's only host: add the one that takes its place first",
                            cluster.hosts.front().name));
  const trust::Host host = cluster.hosts[changing.place];
  const crypto::Certificate tvs = cluster.tvs[changing.place].certificate;
  const Change change{.before = cluster,
                      .after = trust::without_host(cluster, host.name, request.now),
                      .doing = fmt::format("removing the host {}", host.name),
                      .what = fmt::format("removed the host {}: tvs {}", host_text(host), describe(tvs))};
  ANCHORD_TRY_ASSIGN(auto locked, write_guarded(session, change, request));
  for (const char* table : {"service_status", "ledger_session"})
    ANCHORD_TRY(execute(session.database, fmt::format("DELETE FROM {} WHERE host = ?", table), host.name));
  ANCHORD_TRY(writing.commit());
  return ChangedHost{host, tvs, std::move(locked)};
}

}  // namespace

Result<ChangedHost> remove_host(Store& store, std::string_view name, const ChangeRequest& request) {
  Session& session = store.session();
  auto removed = shared_write(session, Guarded::yes, [&](SharedWrite& writing) {
    return remove_in(session, writing, name, request);
  });
  if (!removed) return removed;
  // A key that stays, as where this is killed, goes with the next change that makes one.
  if (auto writing = Transaction::write(session.database))
    (void)remove_unused_keys(session.directory, session.database);
  return removed;
}

namespace {

Result<ChangedHost> rename_in(Session& session, SharedWrite& writing, std::string_view name,
                              std::string_view to, const ChangeRequest& request) {
  ANCHORD_TRY_ASSIGN(auto changing, find_changing(session, name));
  const Cluster& cluster = changing.cluster;
  const trust::Host before = cluster.hosts[changing.place];
  trust::Host host = before;
  host.name = to;
  if (host.name == before.name)
    return fail(fmt::format("the host is named '{}' already: give another name", host.name));
  ANCHORD_TRY(check_host(host));
  std::vector<trust::Host> others = cluster.hosts;
  others.erase(others.begin() + static_cast<std::ptrdiff_t>(changing.place));
  ANCHORD_TRY(check_beside(host, others));
  const Change change{.before = cluster,
                      .after = trust::with_renamed_host(cluster, before.name, host.name),
                      .doing = fmt::format("renaming the host {}", before.name),
                      .what = fmt::format("renamed the host {} to {}", before.name, host.name)};
  ANCHORD_TRY_ASSIGN(auto locked, write_guarded(session, change, request));
  // What is known of its service goes on.
  for (const char* table : {"service_status", "ledger_session"})
    ANCHORD_TRY(execute(session.database,
                        fmt::format("UPDATE OR REPLACE {} SET host = ? WHERE host = ?", table), host.name,
                        before.name));
  ANCHORD_TRY(writing.commit());
  return ChangedHost{host, cluster.tvs[changing.place].certificate, std::move(locked)};
}

}  // namespace

Result<ChangedHost> rename_host(Store& store, std::string_view name, std::string_view to,
                                const ChangeRequest& request) {
  Session& session = store.session();
  ANCHORD_TRY_ASSIGN(const auto is_this, is_this_member(session, name));
  auto renamed = shared_write(session, Guarded::yes, [&](SharedWrite& writing) {
    return rename_in(session, writing, name, to, request);
  });
  if (renamed && is_this) ANCHORD_TRY(rename_member(session, to));
  return renamed;
}

}  // namespace anchord::store

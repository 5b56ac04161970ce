#include "changes/regenerate.h"

#include <fmt/core.h>

#include "anchord/store/init.h"
#include "changes/guard.h"
#include "database/session.h"
#include "replica/shared_write.h"
#include "tables/certificates.h"
#include "tables/cluster.h"
#include "tables/former_keys.h"
#include "tables/identities.h"

namespace anchord::store {
namespace {

using trust::Service;

// What the cluster has now for a service, and on which host.
struct Present {
  const trust::Identity* identity = nullptr;
  const trust::Host* host = nullptr;  // as make_identity() wants it
};

Result<Present> find_present(const trust::Cluster& cluster, Service service, std::string_view host) {
  if (service != Service::tvs && !host.empty())
    return fail(fmt::format("{} is the whole cluster's: leave the host out", trust::service_name(service)));
  switch (service) {
    case Service::tvs: {
      if (host.empty()) return Present{&cluster.tvs.front(), &cluster.hosts.front()};
      const auto place = trust::find_host(cluster, host);
      if (!place) return no_host(host);
      return Present{&cluster.tvs[*place], &cluster.hosts[*place]};
    }
    case Service::tftp:
      return Present{&cluster.tftp, &cluster.hosts.front()};
    case Service::tftp_ec:
      return Present{&cluster.tftp_ec, &cluster.hosts.front()};
    case Service::capf:
      return Present{&cluster.capf, nullptr};
    case Service::recovery:
      return Present{&cluster.recovery, nullptr};
  }
  std::unreachable();
}

// A host that was renamed keeps its certificate until it is regenerated, which is then of its name.
crypto::Name subject_of(Service service, const Present& present) {
  const crypto::Name& before = present.identity->certificate.subject();
  const std::string_view named = before.value_of("CN");
  if (service != Service::tvs || !named.starts_with(tvs_common_name("")) ||
      named == tvs_common_name(present.host->name))
    return before;
  return tvs_subject(before, present.host->name);
}

}  // namespace

Result<Regeneration> prepare_regeneration(Store& store, Service service, std::string_view host,
                                          UnixSeconds now, unsigned days) {
  ANCHORD_TRY(check_days(days));
  ANCHORD_TRY_ASSIGN(auto loaded, store.load(KeyUse::without_keys));
  ANCHORD_TRY_ASSIGN(auto present, find_present(loaded.cluster, service, host));
  const crypto::Certificate& before = present.identity->certificate;
  ANCHORD_TRY_ASSIGN(auto made, make_identity({service, present.host, subject_of(service, present),
                                               kind_of(before), now, days != 0 ? days : days_of(before)}));
  return Regeneration{before, std::move(made)};
}

Result<Regenerated> put_in_place(Store& store, const Regeneration& prepared, const ChangeRequest& request) {
  const NewIdentity& made = prepared.made;
  Database& database = store.session().database;
  const std::filesystem::path& directory = store.session().directory;
  return shared_write(store.session(), Guarded::yes, [&](SharedWrite& writing) -> Result<Regenerated> {
    ANCHORD_TRY_ASSIGN(auto loaded, read_cluster(directory, database, KeyUse::with_keys));
    ANCHORD_TRY_ASSIGN(auto present, find_present(loaded.cluster, made.service, made.host));
    std::string service = service_text(made.service, made.host);
    if (!(present.identity->certificate == prepared.before))
      return fail(fmt::format(
          "somebody else has just regenerated {}: 'anchorctl cert list' shows what there is", service));
    Change change{
        .before = loaded.cluster,
        .after = trust::with_identity(loaded.cluster, made.service, made.host, made.identity, request.now),
        .doing = "regenerating " + service,
        .what = fmt::format("regenerated {}: {} in place of {}", service, describe(made.identity.certificate),
                            short_hash(prepared.before))};
    ANCHORD_TRY_ASSIGN(auto held, read_holders(database, directory));
    ANCHORD_TRY_ASSIGN(auto locked, check_change(database, change, held, request));

    if (made.service == Service::tftp)
      ANCHORD_TRY(keep_former_key(directory, database, *present.identity, request.now));
    ANCHORD_TRY(commit_with_key(store.session(), writing, change, locked, request, made));
    return Regenerated{prepared.before, made.identity.certificate, made.host, std::move(locked)};
  });
}

Result<Regenerated> regenerate(Store& store, Service service, std::string_view host,
                               const ChangeRequest& request, unsigned days) {
  ANCHORD_TRY_ASSIGN(auto prepared, prepare_regeneration(store, service, host, request.now, days));
  return put_in_place(store, prepared, request);
}

}  // namespace anchord::store

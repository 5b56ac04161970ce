// `cert bundle`: certificates to and from other clusters.
#include <fmt/core.h>

#include <algorithm>
#include <memory>

#include "anchord/base/file.h"
#include "client/failure.h"
#include "commands/bundle.h"
#include "commands/commands.h"
#include "commands/confirm.h"
#include "commands/files.h"
#include "commands/flush_ledger.h"
#include "commands/known.h"
#include "render/output.h"

namespace anchord::ctl {
namespace {

constexpr std::size_t kMaxBundleFile = std::size_t{4} << 20;

Outcome export_bundle(const Session& session, const std::string& file) {
  ANCHORD_TRY_ASSIGN(auto cluster, session.load_cluster(store::KeyUse::without_keys));
  ANCHORD_TRY(write_public(file, as_bytes(write_bundle(cluster))));
  std::vector<OwnCertificate> exported{{trust::Service::tftp, "", cluster.tftp.certificate},
                                       {trust::Service::recovery, "", cluster.recovery.certificate},
                                       {trust::Service::capf, "", cluster.capf.certificate}};
  UnixSeconds now = calendar_now();
  Json list = Json::array();
  Text text;
  for (const OwnCertificate& own : exported) {
    list.push_back(own_certificate_json(own, now));
    text.line(fmt::format("exported {} {} {}", trust::service_name(own.service), short_hash(own.certificate),
                          name_text(own.certificate.subject())));
  }
  return Shown{{{"file", file}, {"cluster", cluster.name}, {"certificates", list}}, std::move(text)};
}

struct ImportOptions {
  std::string file;
  std::string roles;
  ChangeOptions change;  // where roles are taken from a certificate that is there
};

Outcome import_bundle(const Session& session, const ImportOptions& options) {
  std::vector<wire::Role> roles;
  if (!options.roles.empty()) roles = roles_from_option(options.roles);
  session.state_dir();
  ANCHORD_TRY_ASSIGN(auto content, read_file(options.file, kMaxBundleFile));
  auto bundle = read_bundle(content);
  if (!bundle) return failure_of(bundle, quoted(options.file));
  if (!roles.empty()) {
    for (auto& known : bundle->certificates) known.roles = roles;
  }
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  ANCHORD_TRY_ASSIGN(auto loaded, store.load(store::KeyUse::without_keys));
  auto own = take_own(bundle->certificates, loaded.cluster);
  if (bundle->certificates.empty() ||
      std::ranges::find(bundle->cluster_ids, loaded.cluster.id) != bundle->cluster_ids.end()) {
    return fail(
        fmt::format("{} is of this cluster itself: there is nothing to do here; import it in the other "
                    "cluster",
                    quoted(options.file)));
  }
  auto added = add_known(session, store, bundle->certificates, options.change.request());
  if (!added) return failure_of(added, quoted(options.file));
  session.tell_changed();
  return shown_added(bundle->certificates, *added, &own);
}

}  // namespace

Action bundle_export_command(Session& session) {
  auto file = std::make_shared<std::string>();
  return {{{.name = "FILE", .help = "Where to write them (PEM)", .target = file.get(), .required = true},
           json_option(session)},
          [&session, file] { return export_bundle(session, *file); }};
}

Action bundle_import_command(Session& session) {
  auto options = std::make_shared<ImportOptions>();
  Options taken{
      {.name = "FILE",
       .help = "What 'cert bundle export' wrote there, or certificates as PEM",
       .target = &options->file,
       .required = true},
      {.name = "--role",
       .type = "ROLE[,ROLE]",
       .help = "What all of them are trusted for (default: what the file says of each, else sast,tftp)",
       .target = &options->roles}};
  return {std::move(taken) + change_options(options->change) + json_option(session),
          [&session, options] { return import_bundle(session, *options); }};
}

}  // namespace anchord::ctl

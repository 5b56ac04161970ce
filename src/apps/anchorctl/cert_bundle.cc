// `cert bundle`: certificates to and from other clusters.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "anchord/base/file.h"
#include "bundle.h"
#include "confirm.h"
#include "failure.h"
#include "files.h"
#include "flush_ledger.h"
#include "known.h"
#include "output.h"
#include "transfer.h"

namespace anchord::ctl {
namespace {

constexpr std::size_t kMaxBundleFile = std::size_t{4} << 20;

Outcome export_bundle(const Session& session, const std::string& file) {
  auto cluster = session.load_cluster(store::KeyUse::without_keys);
  if (!cluster) return failure_of(cluster);
  if (Status written = write_public(file, as_bytes(write_bundle(*cluster))); !written) {
    return failure_of(written);
  }
  std::vector<OwnCertificate> exported{{trust::Service::tftp, "", cluster->tftp.certificate},
                                       {trust::Service::recovery, "", cluster->recovery.certificate},
                                       {trust::Service::capf, "", cluster->capf.certificate}};
  UnixSeconds now = calendar_now();
  Json list = Json::array();
  for (const OwnCertificate& own : exported) {
    list.push_back(own_certificate_json(own, now));
    if (!session.json) {
      print_line(fmt::format("exported {} {} {}", trust::service_name(own.service),
                             short_hash(own.certificate), name_text(own.certificate.subject())));
    }
  }
  if (session.json) print_json({{"file", file}, {"cluster", cluster->name}, {"certificates", list}});
  return Answer::yes;
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
  auto content = read_file(options.file, kMaxBundleFile);
  if (!content) return failure_of(content);
  auto bundle = read_bundle(*content);
  if (!bundle) return failure_of(bundle, quoted(options.file));
  if (!roles.empty()) {
    for (auto& known : bundle->certificates) known.roles = roles;
  }
  auto store = session.open_store();
  if (!store) return failure_of(store);
  auto loaded = store->load(store::KeyUse::without_keys);
  if (!loaded) return failure_of(loaded);
  auto own = take_own(bundle->certificates, loaded->cluster);
  if (bundle->certificates.empty() ||
      std::ranges::find(bundle->cluster_ids, loaded->cluster.id) != bundle->cluster_ids.end()) {
    return fail(
        fmt::format("{} is of this cluster itself: there is nothing to do here; import it in the other "
                    "cluster",
                    quoted(options.file)));
  }
  auto added = add_known(session, *store, bundle->certificates, options.change.request());
  if (!added) return failure_of(added, quoted(options.file));
  session.tell_changed();
  print_added(session, bundle->certificates, *added, &own);
  return Answer::yes;
}

void add_bundle_export(CLI::App& group, Session& session) {
  auto& command = *group.add_subcommand("export", "Write this cluster's certificates, never its keys");
  auto file = std::make_shared<std::string>();
  command.add_option("FILE", *file, "Where to write them (PEM)")->required()->type_name("");
  session.add_json_flag(command);
  session.on(command, [&session, file] { return export_bundle(session, *file); });
}

void add_import(CLI::App& group, Session& session) {
  auto& command = *group.add_subcommand("import", "Make another cluster's certificates known here");
  auto options = std::make_shared<ImportOptions>();
  command.add_option("FILE", options->file, "What 'cert bundle export' wrote there, or certificates as PEM")
      ->required()
      ->type_name("");
  command
      .add_option("--role", options->roles,
                  "What all of them are trusted for (default: what the file says of each, else sast,tftp)")
      ->type_name("ROLE[,ROLE]");
  add_change_options(command, options->change);
  session.add_json_flag(command);
  session.on(command, [&session, options] { return import_bundle(session, *options); });
}

}  // namespace

void add_cert_bundle_commands(CLI::App& cert_group, Session& session) {
  auto& group = *cert_group.add_subcommand(
      "bundle", "Exchange with another cluster, so that phones can move there and back");
  group.require_subcommand(1);
  add_bundle_export(group, session);
  add_import(group, session);
}

}  // namespace anchord::ctl

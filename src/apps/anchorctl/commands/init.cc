#include <fmt/core.h>

#include <memory>
#include <string>
#include <vector>

#include "anchord/store/init.h"
#include "commands/adopt.h"
#include "commands/commands.h"
#include "commands/days_option.h"
#include "commands/host_option.h"
#include "render/describe.h"
#include "render/output.h"
#include "render/progress.h"

namespace anchord::ctl {
namespace {

struct InitOptions {
  store::InitRequest request;
  std::vector<std::string> hosts;
  AdoptOptions adopt;
};

Json cluster_json(const Session& session, const trust::Cluster& cluster) {
  Json out{{"state", session.state}, {"cluster", cluster.name}, {"mode", trust::mode_name(cluster.mode)}};
  out["hosts"] = hosts_json(cluster);
  out["own_certificates"] = Json::array();
  for (const OwnCertificate& own : own_certificates(cluster)) {
    out["own_certificates"].push_back(own_certificate_json(own, calendar_now()));
  }
  return out;
}

Text cluster_text(const Session& session, const trust::Cluster& cluster) {
  return Text(fmt::format("made cluster {} in {}", cluster.name, session.state))
      .table(own_certificates_table(cluster, calendar_now()))
      .line(fmt::format("start the service with: anchord --state {}", session.state));
}

// Of what was not made a moment ago.
void warn_of_expiry(const trust::Cluster& cluster) {
  for (const OwnCertificate& own : own_certificates(cluster)) {
    std::string what = fmt::format("{} {}", trust::service_name(own.service), short_hash(own.certificate));
    if (auto line = expiry_warning(what, own.certificate, calendar_now())) warn(*line);
  }
}

Outcome init_cluster(const Session& session, InitOptions options) {
  auto directory = session.state_dir();
  for (const std::string& host : options.hosts)
    options.request.hosts.push_back(host_from_text("--host", host));
  options.request.now = calendar_now();
  ANCHORD_TRY_ASSIGN(auto adopted, read_adopted(options.adopt));
  options.request.adopted = std::move(adopted);

  ANCHORD_TRY_ASSIGN(auto store, [&] {
    Progress progress("making keys and certificates");
    return store::init_store(directory, options.request);
  }());
  ANCHORD_TRY_ASSIGN(auto loaded, store.load(store::KeyUse::without_keys));

  if (options.adopt.adopt) warn_of_expiry(loaded.cluster);
  return Shown{cluster_json(session, loaded.cluster), cluster_text(session, loaded.cluster)};
}

}  // namespace

Action init_command(Session& session) {
  auto options = std::make_shared<InitOptions>();
  store::InitRequest& request = options->request;
  Options taken{
      {.name = "--name",
       .type = "CLUSTER",
       .help = "Name of the cluster",
       .target = &request.cluster_name,
       .required = true},
      {.name = "--host",
       .type = "NAME[=ADDR[,ADDR]]",
       .help = "A host that runs anchord, and all its addresses; the first host names the TFTP signer",
       .target = &options->hosts,
       .required = true},
      {.name = "--organization",
       .type = "O",
       .help = "Organization in the certificates' names",
       .target = &request.organization,
       .may_be_empty = true},
      {.name = "--unit",
       .type = "U",
       .help = "Organizational unit in the certificates' names",
       .target = &request.unit,
       .may_be_empty = true},
      {.name = "--country",
       .type = "C",
       .help = "Country in the certificates' names, two letters",
       .target = &request.country,
       .may_be_empty = true},
      key_option(request.key, "Kind of keys (default: rsa2048); with p256 the signers still have rsa2048"),
      choice_option<wire::Digest>(
          {.name = "--digest", .help = "Digest of signatures (default: the adopted list's, else sha512)"},
          request.digest, {{"sha1", wire::Digest::sha1}, {"sha512", wire::Digest::sha512}}),
      days_option(request.days, "for 5 years; ITLRecovery always for 20")};
  return {std::move(taken) + adopt_options(options->adopt) + json_option(session),
          [&session, options] { return init_cluster(session, *options); }};
}

}  // namespace anchord::ctl

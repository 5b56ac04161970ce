#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <ranges>
#include <string_view>
#include <vector>

#include "adopt.h"
#include "choice.h"
#include "days_option.h"
#include "describe.h"
#include "failure.h"
#include "output.h"
#include "progress.h"
#include "session.h"

namespace anchord::ctl {
namespace {

struct InitOptions {
  store::InitRequest request;
  std::vector<std::string> hosts;
  AdoptOptions adopt;
};

// NAME or NAME=ADDRESS[,ADDRESS].
trust::Host host_from_text(const std::string& text) {
  std::size_t equals = text.find('=');
  trust::Host host{.name = text.substr(0, equals)};
  if (equals != std::string::npos)
    for (auto part : std::views::split(std::string_view(text).substr(equals + 1), ','))
      host.addresses.emplace_back(part.begin(), part.end());
  const bool good = equals == std::string::npos || !host.addresses.empty();
  if (host.name.empty() || !good || std::ranges::find(host.addresses, "") != host.addresses.end()) {
    wrong_usage("--host " + text + ": give NAME or NAME=ADDRESS[,ADDRESS]");
  }
  return host;
}

Json cluster_json(const Session& session, const trust::Cluster& cluster) {
  Json out{{"state", session.state}, {"cluster", cluster.name}, {"mode", trust::mode_name(cluster.mode)}};
  out["hosts"] = hosts_json(cluster);
  out["own_certificates"] = Json::array();
  for (const OwnCertificate& own : own_certificates(cluster)) {
    out["own_certificates"].push_back(own_certificate_json(own, calendar_now()));
  }
  return out;
}

void print_cluster(const Session& session, const trust::Cluster& cluster) {
  print_line(fmt::format("made cluster {} in {}", cluster.name, session.state));
  print_own_certificates(cluster, calendar_now());
  print_line(fmt::format("start the service with: anchord --state {}", session.state));
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
  for (const std::string& host : options.hosts) options.request.hosts.push_back(host_from_text(host));
  options.request.now = calendar_now();
  auto adopted = read_adopted(options.adopt);
  if (!adopted) return failure_of(adopted);
  options.request.adopted = std::move(*adopted);

  auto store = [&] {
    Progress progress("making keys and certificates");
    return store::Store::init(directory, options.request);
  }();
  if (!store) return failure_of(store);
  auto loaded = store->load(store::KeyUse::without_keys);
  if (!loaded) return failure_of(loaded);

  if (session.json) {
    print_json(cluster_json(session, loaded->cluster));
  } else {
    print_cluster(session, loaded->cluster);
  }
  if (options.adopt.adopt) warn_of_expiry(loaded->cluster);
  return Answer::yes;
}

}  // namespace

void add_init_command(CLI::App& app, Session& session) {
  auto& command = *app.add_subcommand("init", "Make a cluster: state directory, keys and certificates");
  auto options = std::make_shared<InitOptions>();
  store::InitRequest& request = options->request;
  command.add_option("--name", request.cluster_name, "Name of the cluster")->required()->type_name("CLUSTER");
  command
      .add_option("--host", options->hosts,
                  "A host that runs anchord, and all its addresses; the first host names the TFTP signer")
      ->required()
      ->type_name("NAME[=ADDR[,ADDR]]");
  command.add_option("--organization", request.organization, "Organization in the certificates' names")
      ->type_name("O");
  command.add_option("--unit", request.unit, "Organizational unit in the certificates' names")
      ->type_name("U");
  command.add_option("--country", request.country, "Country in the certificates' names, two letters")
      ->type_name("C");
  add_choice<crypto::KeyKind>(command, "--key", request.key,
                              {{"rsa2048", crypto::KeyKind::rsa2048},
                               {"rsa4096", crypto::KeyKind::rsa4096},
                               {"p256", crypto::KeyKind::p256}},
                              "Kind of keys (default: rsa2048); with p256 the signers still have rsa2048");
  add_choice<wire::Digest>(command, "--digest", request.digest,
                           {{"sha1", wire::Digest::sha1}, {"sha512", wire::Digest::sha512}},
                           "Digest of signatures (default: the adopted list's, else sha512)");
  add_days_option(command, request.days, "for 5 years; ITLRecovery always for 20");
  add_adopt_options(command, options->adopt);
  session.add_json_flag(command);
  session.on(command, [&session, options] { return init_cluster(session, *options); });
}

}  // namespace anchord::ctl

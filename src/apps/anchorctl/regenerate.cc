#include <fmt/format.h>

#include <memory>

#include "confirm.h"
#include "describe.h"
#include "failure.h"
#include "output.h"
#include "progress.h"
#include "session.h"
#include "settle_ledger.h"
#include "steps.h"

namespace anchord::ctl {
namespace {

using trust::Service;
using By = Step::By;

struct RegenerateOptions {
  std::string service;
  std::string host;
  ChangeOptions change;
};

Service service_of(const RegenerateOptions& options) {
  auto service = trust::service_from_name(options.service);
  if (!service) {
    wrong_usage(
        fmt::format("no own certificate '{}': use tvs, tftp, tftp-ec, capf or recovery", options.service));
  }
  if (!options.host.empty() && *service != Service::tvs) {
    wrong_usage(
        fmt::format("--host: the {} certificate is the whole cluster's, not a host's", options.service));
  }
  return *service;
}

std::string what_of(Service service, const std::string& host) {
  std::string out = fmt::format("the {} certificate", trust::service_name(service));
  return host.empty() ? out : out + " of " + host;
}

void add_ctl_steps(std::vector<Step>& steps, const trust::Cluster& cluster) {
  if (!cluster.has_ctl) return;
  steps.push_back({By::service, "run the CTL client", "the CTL is signed anew, in the same publication"});
}

void add_call_manager_steps(std::vector<Step>& steps, const trust::Cluster& cluster) {
  if (cluster.mode != trust::Mode::mixed) return;
  steps.push_back({By::administrator, "restart the call manager's services",
                   "they hold the old CTL; a CTL provider and manager do not exist here"});
}

void add_exchange_step(std::vector<Step>& steps) {
  steps.push_back({By::administrator, "repeat the bulk certificate provisioning",
                   "where clusters exchange certificates (EMCC): 'anchorctl cert bundle export FILE', and "
                   "'cert bundle import' there"});
}

// The vendor's procedure for one certificate.
std::vector<Step> steps_after(Service service, const trust::Cluster& cluster) {
  std::string name(trust::service_name(service));
  std::vector<Step> steps{{By::command, fmt::format("regenerate the {} certificate", name),
                           "the old one stays known to the verification service while phones need it"}};
  if (service == Service::capf) {
    steps.push_back({By::administrator, "restart the CAPF service",
                     "not Anchord's: give it the new certificate, 'anchorctl cert export capf', and its "
                     "key in keys/"});
  }
  bool signs_lists = service == Service::tftp || service == Service::recovery;
  if (signs_lists || service == Service::capf) add_ctl_steps(steps, cluster);
  if (service == Service::tvs) {
    steps.push_back({By::service, "restart the verification service", "swapped in, without a restart"});
  }
  steps.push_back(
      {By::service, "restart the TFTP service", "not needed: the new lists and files are swapped in"});
  if (service == Service::tftp) add_call_manager_steps(steps, cluster);
  add_other_hosts(steps, cluster);
  steps.push_back(reset_phones());
  steps.push_back({By::administrator, "regenerate further certificates only then",
                   "once 'anchorctl report itl' says that all phones hold the new list"});
  if (signs_lists) {
    add_exchange_step(steps);
    steps.push_back(new_backup());
  }
  return steps;
}

Json locked_json(const std::optional<trust::Locked>& locked) {
  if (!locked) return {};
  return {{"count", locked->count}, {"first", locked->first}, {"reason", locked->reason}};
}

void print_done(const Session& session, Service service, const store::Regenerated& done,
                const Takeover& takeover, const std::vector<Step>& steps) {
  UnixSeconds now = calendar_now();
  if (session.json) {
    print_json({{"regenerated", trust::service_name(service)},
                {"host", done.host.empty() ? Json() : Json(done.host)},
                {"before", certificate_json(done.before, now)},
                {"after", certificate_json(done.after, now)},
                {"locked", locked_json(done.locked)},
                {"service", takeover_json(takeover)},
                {"steps", steps_json(steps, takeover)}});
    return;
  }
  print_line("regenerated " + what_of(service, done.host) + ": " + takeover_text(takeover));
  print_facts({{"  before", hash_text(done.before)},
               {"  after", hash_text(done.after)},
               {"  valid", time_text(done.after.not_before()) + " to " + time_text(done.after.not_after())}});
  print_line("");
  print_steps(steps, takeover);
}

Outcome regenerate_certificate(const Session& session, const RegenerateOptions& options) {
  Service service = service_of(options);
  auto store = session.open_store();
  if (!store) return failure_of(store);
  std::string what = what_of(service, options.host);
  std::string consequence =
      fmt::format("A new key and certificate take the place of {}{}.", what,
                  options.change.force ? "; phones that cannot follow WILL BE LOCKED and must be visited"
                                       : "; phones must be reset to fetch the new list");
  if (!may_change(options.change, "regenerating " + what, consequence)) return fail("nothing was changed");
  if (auto settled = settle_ledger(session, options.change.force); !settled) return failure_of(settled);
  auto done = [&] {
    Progress progress("making a key and asking what phones would say");
    return store::regenerate(*store, service, options.host, options.change.request());
  }();
  if (!done) return failure_of(done);
  auto loaded = store->load(store::KeyUse::without_keys);
  if (!loaded) return failure_of(loaded);
  Takeover takeover = wait_for_service(session, *store);
  print_done(session, service, *done, takeover, steps_after(service, loaded->cluster));
  if (done->locked) {
    warn(fmt::format("{} were locked by force: {}",
                     trust::phones_text(done->locked->count, done->locked->first), done->locked->reason));
  }
  return Answer::yes;
}

}  // namespace

void add_regenerate_command(CLI::App& cert_group, Session& session) {
  auto& command = *cert_group.add_subcommand(
      "regenerate", "Replace one of the cluster's own certificates and keys; refused if phones would lock");
  auto options = std::make_shared<RegenerateOptions>();
  command.add_option("SERVICE", options->service, "tvs, tftp, tftp-ec, capf or recovery")
      ->required()
      ->type_name("");
  command.add_option("--host", options->host, "Whose tvs certificate (default: the first host's)")
      ->type_name("NAME");
  add_change_options(command, options->change);
  session.add_json_flag(command);
  session.on(command, [&session, options] { return regenerate_certificate(session, *options); });
}

}  // namespace anchord::ctl

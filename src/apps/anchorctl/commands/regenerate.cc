#include <fmt/core.h>

#include <memory>

#include "anchord/report/certificates.h"
#include "commands/commands.h"
#include "commands/confirm.h"
#include "commands/days_option.h"
#include "commands/flush_ledger.h"
#include "commands/steps.h"
#include "render/output.h"
#include "render/progress.h"

namespace anchord::ctl {
namespace {

using trust::Service;
using By = Step::By;

struct RegenerateOptions {
  std::string service;
  std::string host;
  bool all = false;
  unsigned days = 0;  // 0: as its predecessor
  ChangeOptions change;
};

Service service_of(const RegenerateOptions& options) {
  auto service = trust::service_from_name(options.service);
  if (!service) {
    wrong_usage(fmt::format("no own certificate '{}': use {}", options.service, trust::service_choice()));
  }
  if ((!options.host.empty() || options.all) && *service != Service::tvs) {
    wrong_usage(fmt::format("{}: the {} certificate is the whole cluster's, not a host's",
                            options.all ? "--all" : "--host", options.service));
  }
  if (options.all && !options.host.empty()) wrong_usage("--all: give either that or --host");
  return *service;
}

// One of the certificates that a command replaces, and what became of it.
struct Done {
  store::Regenerated certificate;
  Reload reload;
};

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
  steps.push_back(reset_phones(cluster));
  steps.push_back({By::administrator, "regenerate further certificates only then",
                   cluster.hosts.size() == 1
                       ? "once 'anchorctl report itl' says that all phones hold the new list"
                       : "once 'anchorctl report itl' says that all phones hold the new list, with the "
                         "ledgers of the other hosts taken in"});
  if (signs_lists) {
    add_exchange_step(steps);
    steps.push_back(new_backup());
  }
  return steps;
}

Json done_json(const Done& done, UnixSeconds now) {
  const auto& [certificate, reload] = done;
  return {{"host", certificate.host.empty() ? Json() : Json(certificate.host)},
          {"before", certificate_json(certificate.before, now)},
          {"after", certificate_json(certificate.after, now)},
          {"locked", locked_json(certificate.locked)},
          {"service", reload_json(reload)}};
}

Text done_text(Service service, const Done& done) {
  const auto& [certificate, reload] = done;
  const crypto::Certificate& after = certificate.after;
  return Text("regenerated " + what_of(service, certificate.host) + ": " + reload_text(reload))
      .facts({{"  before", hash_text(certificate.before)},
              {"  after", hash_text(after)},
              {"  valid", time_text(after.not_before()) + " to " + time_text(after.not_after())}});
}

// One certificate, guarded, and in service before this returns, if it comes to that.
Result<Done> regenerate_one(const Session& session, store::Store& store, Service service,
                            const std::string& host, const RegenerateOptions& options) {
  ANCHORD_TRY(flush_ledger(session, options.change.force));
  ANCHORD_TRY_ASSIGN(auto done, [&] {
    Progress progress("making a key and asking what phones would say");
    return store::regenerate(store, service, host, options.change.request(), options.days);
  }());
  return Done{std::move(done), wait_for_service(session, store)};
}

// What a command that does several hosts says when one is refused: where it stands.
std::string progress_text(const std::vector<trust::Host>& hosts, std::size_t done) {
  auto names = [&](std::size_t from, std::size_t to) {
    std::vector<std::string> out;
    for (std::size_t i = from; i < to; ++i) out.push_back(hosts[i].name);
    return out.empty() ? std::string("none") : joined(out, ", ");
  };
  return fmt::format("regenerated: {}; not regenerated: {} (go on with --host)", names(0, done),
                     names(done, hosts.size()));
}

// `refused`: why not all were done; empty: they were.
Json all_json(const std::vector<Done>& all, const std::string& refused, const std::vector<Step>& steps) {
  Json hosts = Json::array();
  for (const Done& done : all) hosts.push_back(done_json(done, calendar_now()));
  return {{"regenerated", trust::service_name(Service::tvs)},
          {"hosts", hosts},
          {"refused", refused.empty() ? Json() : Json(refused)},
          {"steps", steps_json(steps, all.back().reload)}};
}

Outcome regenerate_all(const Session& session, store::Store& store, const trust::Cluster& cluster,
                       const RegenerateOptions& options) {
  std::vector<Done> all;
  Text text;
  for (const trust::Host& host : cluster.hosts) {
    auto done = regenerate_one(session, store, Service::tvs, host.name, options);
    if (!done) {
      const Error why{fmt::format("{}; {}", done.error().text, progress_text(cluster.hosts, all.size()))};
      if (all.empty()) return std::unexpected(why);
      return Shown{.json = all_json(all, done.error().text, {}), .text = std::move(text), .failure = why};
    }
    text.append(done_text(Service::tvs, *done));
    warn_of_locked(done->certificate.locked);
    all.push_back(std::move(*done));
  }
  const std::vector<Step> steps = steps_after(Service::tvs, cluster);
  text.line("").table(steps_table(steps, all.back().reload));
  return Shown{all_json(all, "", steps), std::move(text)};
}

Outcome regenerate_certificate(const Session& session, const RegenerateOptions& options) {
  Service service = service_of(options);
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  ANCHORD_TRY_ASSIGN(auto loaded, store.load(store::KeyUse::without_keys));
  std::string what = options.all
                         ? fmt::format("the tvs certificates of {} hosts", loaded.cluster.hosts.size())
                         : what_of(service, options.host);
  std::string consequence =
      fmt::format("{} the place of {}{}.",
                  options.all ? "New keys and certificates take" : "A new key and certificate take", what,
                  options.change.force ? "; phones that cannot follow WILL BE LOCKED and must be visited"
                                       : "; phones must be reset to fetch the new list");
  if (!may_change(options.change, "regenerating " + what, consequence)) return fail("nothing was changed");
  if (options.all) return regenerate_all(session, store, loaded.cluster, options);
  ANCHORD_TRY_ASSIGN(auto done, regenerate_one(session, store, service, options.host, options));
  const std::vector<Step> steps = steps_after(service, loaded.cluster);
  Json out{{"regenerated", trust::service_name(service)}};
  out.update(done_json(done, calendar_now()));
  out["steps"] = steps_json(steps, done.reload);
  warn_of_locked(done.certificate.locked);
  return Shown{std::move(out), done_text(service, done).line("").table(steps_table(steps, done.reload))};
}

}  // namespace

Action cert_regenerate_command(Session& session) {
  auto options = std::make_shared<RegenerateOptions>();
  Options taken{
      {.name = "SERVICE", .help = trust::service_choice(), .target = &options->service, .required = true},
      {.name = "--host",
       .type = "NAME",
       .help = "Whose tvs certificate (default: the first host's)",
       .target = &options->host},
      {.name = "--all",
       .help = "Those of all hosts, one after the other; stops at one that is refused",
       .target = &options->all},
      days_option(options->days, "as long as the one that is replaced")};
  return {std::move(taken) + change_options(options->change) + json_option(session),
          [&session, options] { return regenerate_certificate(session, *options); }};
}

}  // namespace anchord::ctl

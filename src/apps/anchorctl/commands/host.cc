// The hosts of the cluster: which there are, and those that come, go or are named otherwise.
#include <fmt/core.h>

#include <algorithm>
#include <memory>

#include "anchord/base/ascii.h"
#include "anchord/report/certificates.h"
#include "anchord/report/host_reports.h"
#include "anchord/store/hosts.h"
#include "anchord/store/ledger_session.h"
#include "anchord/store/service_status.h"
#include "anchord/store/sharing.h"
#include "client/control_client.h"
#include "commands/commands.h"
#include "commands/confirm.h"
#include "commands/days_option.h"
#include "commands/flush_ledger.h"
#include "commands/host_option.h"
#include "commands/steps.h"
#include "render/output.h"
#include "render/progress.h"

namespace anchord::ctl {
namespace {

using By = Step::By;

std::string addresses_text(const trust::Host& host) {
  return host.addresses.empty() ? "-" : joined(host.addresses, ", ");
}

Json host_with_tvs_json(const trust::Host& host, const crypto::Certificate& tvs) {
  Json out = host_json(host);
  out["tvs"] = certificate_json(tvs, calendar_now());
  return out;
}

// --- list

Outcome list_hosts(const Session& session) {
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  ANCHORD_TRY_ASSIGN(auto loaded, store.load(store::KeyUse::without_keys));
  ANCHORD_TRY_ASSIGN(auto reports, last_status(store));
  const auto service = ask_service(session.state_dir(), protocol::StatusRequest());
  const trust::Cluster& cluster = loaded.cluster;
  Json list = Json::array();
  Text::Table rows{{"NAME", "ADDRESSES", "HASH", "SERIAL", "DAYS LEFT", "REPORTED"}};
  for (std::size_t i = 0; i < cluster.hosts.size(); ++i) {
    const trust::Host& host = cluster.hosts[i];
    const crypto::Certificate& tvs = cluster.tvs[i].certificate;
    const auto report = std::ranges::find(reports, host.name, &store::StatusReport::host);
    const bool has_reported = report != reports.end();
    Json facts = host_with_tvs_json(host, tvs);
    facts["report"] = has_reported ? report_json(cluster, *report) : Json();
    list.push_back(std::move(facts));
    rows.push_back({host.name, addresses_text(host), short_hash(tvs), serial_text(tvs.serial()),
                    days_left_text(tvs.not_after(), calendar_now()),
                    has_reported ? report_text(cluster, *report) : "nothing so far"});
  }
  Text text = Text().table(std::move(rows));
  if (service) text.line(fmt::format("the service that runs here is that of {}", service->host));
  return Shown{{{"hosts", std::move(list)}, {"here", service ? Json(service->host) : Json()}},
               std::move(text)};
}

// --- what changes them

// What was done, to which host, and what follows.
Shown shown_change(const std::string& done, const store::ChangedHost& changed, Json json,
                   const std::vector<Step>& steps, const Reload& reload) {
  json["locked"] = locked_json(changed.locked);
  json["service"] = reload_json(reload);
  json["steps"] = steps_json(steps, reload);
  warn_of_locked(changed.locked);
  Text text(fmt::format("{}: {}", done, reload_text(reload)));
  text.facts(
      {{"  addresses", addresses_text(changed.host)},
       {"  tvs", hash_text(changed.tvs)},
       {"  valid", time_text(changed.tvs.not_before()) + " to " + time_text(changed.tvs.not_after())}});
  text.line("").table(steps_table(steps, reload));
  return {std::move(json), std::move(text)};
}

// Its service would go on with the state before, and note what it gives phones for a host that there is no
// more.
Status check_not_served_here(const Session& session, const std::string& host) {
  const auto status = ask_service(session.state_dir(), protocol::StatusRequest());
  if (status && !same_ignoring_case(status->host, host)) return {};
  if (status)
    return fail(fmt::format("the service that runs here is that of {}: stop it first", status->host));
  if (!service_runs(session.state_dir())) return {};
  return fail(fmt::format(
      "the service that runs here does not say which host it is ({}): stop it first, or wait until it does",
      status.error().text));
}

Step new_lists() {
  return {By::service, "restart the TFTP service", "not needed: the new lists are swapped in"};
}

// --- add

struct AddOptions {
  std::string host;
  store::NewHost wanted;
  ChangeOptions change;
};

std::vector<Step> steps_after_adding(const std::string& name, const trust::Cluster& cluster) {
  std::vector<Step> steps{
      {By::command, fmt::format("make the tvs key and certificate of {}", name), "lists name it from now on"},
      new_lists()};
  add_other_hosts(steps, cluster);
  steps.push_back(
      {By::administrator, fmt::format("start the service on {}", name),
       fmt::format("on a copy of this state, with --host {} where its addresses do not tell", name)});
  steps.push_back(reset_phones(cluster));
  steps.push_back({By::administrator, fmt::format("send no phone to {} alone until then", name),
                   "a phone with a list from before does not trust its verification service; beside another "
                   "host it may be named at once"});
  steps.push_back(new_backup());
  return steps;
}

Outcome add_host(const Session& session, AddOptions options) {
  options.wanted.host = host_from_text("HOST", options.host);
  const std::string& name = options.wanted.host.name;
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  if (!may_change(options.change, "adding the host " + name,
                  fmt::format("A tvs key and certificate are made for {}; phones must be reset to fetch the "
                              "list that names it.",
                              name)))
    return fail("nothing was changed");
  ANCHORD_TRY(flush_ledger(session, options.change.force));
  ANCHORD_TRY_ASSIGN(auto added, [&] {
    Progress progress("making a key and asking what phones would say");
    return store::add_host(store, options.wanted, options.change.request());
  }());
  ANCHORD_TRY_ASSIGN(auto loaded, store.load(store::KeyUse::without_keys));
  const Reload reload = wait_for_service(session, store);
  return shown_change("added the host " + name, added, {{"added", host_with_tvs_json(added.host, added.tvs)}},
                      steps_after_adding(name, loaded.cluster), reload);
}

// --- remove

struct RemoveOptions {
  std::string name;
  ChangeOptions change;
};

std::vector<Step> steps_after_removing(const std::string& name, const trust::Cluster& cluster) {
  std::vector<Step> steps{
      {By::command, fmt::format("take the tvs certificate of {} out of the lists", name),
       "it stays known to the verification service while phones need it; its key is gone"},
      new_lists(),
      {By::administrator, fmt::format("stop the service on {}", name), "and name it to phones no more"},
      {By::administrator, fmt::format("delete the state directory on {}", name),
       "with the keys of the whole cluster"}};
  add_other_hosts(steps, cluster);
  steps.push_back(reset_phones(cluster));
  steps.push_back(new_backup());
  return steps;
}

Outcome remove_host(const Session& session, const RemoveOptions& options) {
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  ANCHORD_TRY_ASSIGN(auto host, store::find_host(store, options.name));
  ANCHORD_TRY(check_not_served_here(session, host.name));
  ANCHORD_TRY_ASSIGN(const auto member, store::membership_of(store));
  if (member && same_ignoring_case(member->host, host.name))
    return fail(
        fmt::format("{} is this host, which is a member of the cluster: remove it on another one, or run "
                    "'anchorctl cluster "
                    "leave' first",
                    host.name));
  if (!may_remove(
          options.change.yes, "the host " + host.name,
          fmt::format(
              "Lists name the verification service of {} no more, and its key is deleted.{}", host.name,
              options.change.force ? " Phones that know no other WILL BE LOCKED and must be visited." : "")))
    return fail("nothing was removed");
  ANCHORD_TRY(flush_ledger(session, options.change.force));
  ANCHORD_TRY_ASSIGN(auto removed, store::remove_host(store, host.name, options.change.request()));
  ANCHORD_TRY_ASSIGN(auto loaded, store.load(store::KeyUse::without_keys));
  const Reload reload = wait_for_service(session, store);
  return shown_change("removed the host " + host.name, removed,
                      {{"removed", host_with_tvs_json(removed.host, removed.tvs)}},
                      steps_after_removing(host.name, loaded.cluster), reload);
}

// --- rename

struct RenameOptions {
  std::string name;
  std::string to;
  ChangeOptions change;
};

std::vector<Step> steps_after_renaming(const std::string& name, const trust::Cluster& cluster) {
  std::vector<Step> steps{
      {By::command, fmt::format("name the host {}", name), "its tvs certificate stays, by which phones go"},
      new_lists()};
  add_other_hosts(steps, cluster);
  steps.push_back(
      {By::administrator, fmt::format("start the service on {}", name),
       fmt::format("with --host {}, where that or the configuration says which host it is", name)});
  steps.push_back(reset_phones(cluster));
  steps.push_back(
      {By::administrator, "regenerate its tvs certificate, where that is to bear the name",
       fmt::format("'anchorctl cert regenerate tvs --host {}', once all phones hold the new list", name)});
  return steps;
}

// A journal that a killed service has left is known by the host's name: under another one it would be taken
// for somebody else's, also by who forces the change.
Status check_journal(const Session& session, store::Store& store) {
  if (service_runs(session.state_dir())) return {};
  ANCHORD_TRY_ASSIGN(auto why, store::not_taken_over(store));
  if (!why) return {};
  return fail(*why + ": start it once under the present name, so that it takes over what is left");
}

Outcome rename_host(const Session& session, const RenameOptions& options) {
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  ANCHORD_TRY_ASSIGN(auto host, store::find_host(store, options.name));
  ANCHORD_TRY(check_not_served_here(session, host.name));
  ANCHORD_TRY(check_journal(session, store));
  if (!may_change(options.change, "renaming the host " + host.name,
                  fmt::format("Lists name {} as {} from now on; phones must be reset to fetch them.",
                              host.name, options.to)))
    return fail("nothing was changed");
  ANCHORD_TRY(flush_ledger(session, options.change.force));
  ANCHORD_TRY_ASSIGN(auto renamed,
                     store::rename_host(store, host.name, options.to, options.change.request()));
  ANCHORD_TRY_ASSIGN(auto loaded, store.load(store::KeyUse::without_keys));
  const Reload reload = wait_for_service(session, store);
  return shown_change(fmt::format("renamed the host {} to {}", host.name, renamed.host.name), renamed,
                      {{"before", host.name}, {"renamed", host_with_tvs_json(renamed.host, renamed.tvs)}},
                      steps_after_renaming(renamed.host.name, loaded.cluster), reload);
}

}  // namespace

Action host_list_command(Session& session) {
  return {{json_option(session)}, [&session] { return list_hosts(session); }};
}

Action host_add_command(Session& session) {
  auto options = std::make_shared<AddOptions>();
  Options taken{{.name = "HOST",
                 .help = "Its name and all its addresses: NAME or NAME=ADDR[,ADDR]",
                 .target = &options->host,
                 .required = true},
                key_option(options->wanted.key, "Kind of its key (default: as the first host's)"),
                days_option(options->wanted.days, "as long as the first host's")};
  return {std::move(taken) + change_options(options->change) + json_option(session),
          [&session, options] { return add_host(session, *options); }};
}

Action host_remove_command(Session& session) {
  auto options = std::make_shared<RemoveOptions>();
  Options taken{{.name = "NAME", .help = "Which host", .target = &options->name, .required = true}};
  return {std::move(taken) + change_options(options->change) + json_option(session),
          [&session, options] { return remove_host(session, *options); }};
}

Action host_rename_command(Session& session) {
  auto options = std::make_shared<RenameOptions>();
  Options taken{{.name = "OLD", .help = "Which host", .target = &options->name, .required = true},
                {.name = "NEW",
                 .help = "Its name from now on; its tvs certificate bears it once it is regenerated",
                 .target = &options->to,
                 .required = true}};
  return {std::move(taken) + change_options(options->change) + json_option(session),
          [&session, options] { return rename_host(session, *options); }};
}

}  // namespace anchord::ctl

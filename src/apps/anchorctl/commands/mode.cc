#include <fmt/core.h>

#include <memory>

#include "anchord/phone/file_kind.h"
#include "commands/commands.h"
#include "commands/confirm.h"
#include "commands/flush_ledger.h"
#include "commands/steps.h"
#include "render/output.h"

namespace anchord::ctl {
namespace {

using trust::Mode;
using By = Step::By;

Json mode_json(const trust::Cluster& cluster) {
  return {{"mode", trust::mode_name(cluster.mode)},
          {"ctl", cluster.has_ctl},
          {"autoregistration", cluster.mode == Mode::nonsecure},
          {"rollback_prepared", cluster.rolling_back}};
}

Outcome show_mode(const Session& session) {
  ANCHORD_TRY_ASSIGN(auto cluster, session.load_cluster(store::KeyUse::without_keys));
  bool nonsecure = cluster.mode == Mode::nonsecure;
  Text text;
  text.facts({{"mode", std::string(trust::mode_name(cluster.mode))},
              {"ctl", cluster.has_ctl ? fmt::format("phones are served {}", phone::kCtlFileName)
                                      : "none: phones are served one from the first 'mode set mixed' on"},
              {"autoregistration", (nonsecure ? "allowed: " : "not in mixed mode: ") +
                                       phone::file_name(phone::FileKind::default_configuration) +
                                       (nonsecure ? " is served" : " is not served")}});
  if (cluster.rolling_back) text.line("a rollback is prepared, see 'anchorctl rollback status'");
  return Shown{mode_json(cluster), std::move(text)};
}

struct SetOptions {
  std::string mode;
  ChangeOptions change;
};

std::vector<Step> steps_after(const trust::Cluster& cluster) {
  bool mixed = cluster.mode == Mode::mixed;
  std::vector<Step> steps{
      {By::command, fmt::format("set the cluster's security mode to {}", trust::mode_name(cluster.mode)), ""},
      {By::service, "run the CTL client",
       mixed ? fmt::format("the CTL is signed with the TFTP key and served as {}, the ITL with it",
                           phone::kCtlFileName)
             : "the CTL stays, with its CCM+TFTP record emptied; the ITL is signed with it"},
      {By::service, "restart the TFTP service", "not needed: the new lists and files are swapped in"},
      {By::administrator, "restart the call manager's services", "signalling and media are theirs"}};
  add_other_hosts(steps, cluster);
  steps.push_back(reset_phones(cluster));
  return steps;
}

std::string consequence_of(Mode mode, bool force) {
  std::string out =
      mode == Mode::mixed
          ? "Phones get a CTL, which they keep, and may secure signalling; phones that are not set up "
            "cannot register themselves any more."
          : "Phones are told by the CTL that signalling is not secured.";
  if (force) out += " Phones that cannot follow WILL BE LOCKED and must be visited.";
  return out;
}

Outcome set_mode(const Session& session, const SetOptions& options) {
  auto mode = trust::mode_from_name(options.mode);
  if (!mode) wrong_usage(fmt::format("no mode '{}': use mixed or nonsecure", options.mode));
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  std::string doing = "setting the mode to " + options.mode;
  if (!may_change(options.change, doing, consequence_of(*mode, options.change.force))) {
    return fail("nothing was changed");
  }
  ANCHORD_TRY(flush_ledger(session, options.change.force));
  ANCHORD_TRY_ASSIGN(auto changed, store::set_mode(store, *mode, options.change.request()));
  ANCHORD_TRY_ASSIGN(auto loaded, store.load(store::KeyUse::without_keys));
  Reload reload = wait_for_service(session, store);
  auto steps = changed ? steps_after(loaded.cluster) : std::vector<Step>{};
  Json out = mode_json(loaded.cluster);
  out["changed"] = changed;
  out["service"] = reload_json(reload);
  out["steps"] = steps_json(steps, reload);
  if (!changed)
    return Shown{std::move(out),
                 Text(fmt::format("the mode was {} already: nothing was changed", options.mode))};
  return Shown{std::move(out), Text(fmt::format("the mode is {}: {}", options.mode, reload_text(reload)))
                                   .line("")
                                   .table(steps_table(steps, reload))};
}

}  // namespace

Action mode_show_command(Session& session) {
  return {{json_option(session)}, [&session] { return show_mode(session); }};
}

Action mode_set_command(Session& session) {
  auto options = std::make_shared<SetOptions>();
  Options taken{{.name = "MODE", .help = "mixed or nonsecure", .target = &options->mode, .required = true}};
  return {std::move(taken) + change_options(options->change) + json_option(session),
          [&session, options] { return set_mode(session, *options); }};
}

}  // namespace anchord::ctl

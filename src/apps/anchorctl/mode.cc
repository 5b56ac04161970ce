#include <fmt/format.h>

#include <memory>

#include "anchord/phone/file_kind.h"
#include "confirm.h"
#include "failure.h"
#include "flush_ledger.h"
#include "output.h"
#include "session.h"
#include "steps.h"

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
  auto cluster = session.load_cluster(store::KeyUse::without_keys);
  if (!cluster) return failure_of(cluster);
  if (session.json) {
    print_json(mode_json(*cluster));
    return Answer::yes;
  }
  bool nonsecure = cluster->mode == Mode::nonsecure;
  print_facts({{"mode", std::string(trust::mode_name(cluster->mode))},
               {"ctl", cluster->has_ctl ? fmt::format("phones are served {}", phone::kCtlFileName)
                                        : "none: phones are served one from the first 'mode set mixed' on"},
               {"autoregistration", (nonsecure ? "allowed: " : "not in mixed mode: ") +
                                        phone::file_name(phone::FileKind::default_configuration) +
                                        (nonsecure ? " is served" : " is not served")}});
  if (cluster->rolling_back) print_line("a rollback is prepared, see 'anchorctl rollback status'");
  return Answer::yes;
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
  auto store = session.open_store();
  if (!store) return failure_of(store);
  std::string doing = "setting the mode to " + options.mode;
  if (!may_change(options.change, doing, consequence_of(*mode, options.change.force))) {
    return fail("nothing was changed");
  }
  if (auto flushed = flush_ledger(session, options.change.force); !flushed) return failure_of(flushed);
  auto changed = store::set_mode(*store, *mode, options.change.request());
  if (!changed) return failure_of(changed);
  auto loaded = store->load(store::KeyUse::without_keys);
  if (!loaded) return failure_of(loaded);
  Reload reload = wait_for_service(session, *store);
  auto steps = *changed ? steps_after(loaded->cluster) : std::vector<Step>{};
  if (session.json) {
    Json out = mode_json(loaded->cluster);
    out["changed"] = *changed;
    out["service"] = reload_json(reload);
    out["steps"] = steps_json(steps, reload);
    print_json(out);
  } else if (!*changed) {
    print_line(fmt::format("the mode was {} already: nothing was changed", options.mode));
  } else {
    print_line(fmt::format("the mode is {}: {}", options.mode, reload_text(reload)));
    print_line("");
    print_steps(steps, reload);
  }
  return Answer::yes;
}

}  // namespace

void add_mode_commands(CLI::App& app, Session& session) {
  auto& group = *app.add_subcommand("mode", "The cluster's security mode");
  group.require_subcommand(1);
  auto& show = *group.add_subcommand("show", "Show the security mode");
  session.add_json_flag(show);
  session.on(show, [&session] { return show_mode(session); });

  auto& set = *group.add_subcommand("set", "Set the security mode; refused if phones would lock");
  auto options = std::make_shared<SetOptions>();
  set.add_option("MODE", options->mode, "mixed or nonsecure")->required()->type_name("");
  add_change_options(set, options->change);
  session.add_json_flag(set);
  session.on(set, [&session, options] { return set_mode(session, *options); });
}

}  // namespace anchord::ctl

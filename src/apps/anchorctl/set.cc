#include "set.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "confirm.h"
#include "failure.h"
#include "flush_ledger.h"
#include "output.h"

namespace anchord::ctl {
namespace {

const std::vector<Setting>& all_settings() {
  static const std::vector<Setting> kSettings{digest_setting(), evidence_setting()};
  return kSettings;
}

struct SettingOptions {
  std::string value;  // empty: the present one is shown
  ChangeOptions change;
};

Outcome show_all(const Session& session) {
  auto cluster = session.load_cluster(store::KeyUse::without_keys);
  if (!cluster) return failure_of(cluster);
  Json json = Json::object();
  std::vector<std::vector<std::string>> rows{{"SETTING", "VALUE", "TAKES", "WHAT"}};
  for (const Setting& setting : all_settings()) {
    json[setting.name] = setting.value(*cluster);
    rows.push_back({setting.name, setting.value(*cluster), joined(setting.values, "|"), setting.help});
  }
  if (session.json) {
    print_json(json);
  } else {
    print_table(rows);
  }
  return Answer::yes;
}

Outcome show_one(const Session& session, const Setting& setting) {
  auto cluster = session.load_cluster(store::KeyUse::without_keys);
  if (!cluster) return failure_of(cluster);
  if (session.json) {
    print_json({{setting.name, setting.value(*cluster)}});
  } else {
    print_line(setting.value(*cluster));
  }
  return Answer::yes;
}

Outcome change_setting(const Session& session, const Setting& setting, const SettingOptions& options) {
  auto store = session.open_store();
  if (!store) return failure_of(store);
  std::string consequence = setting.consequence(options.value);
  if (options.change.force) consequence += " Phones that cannot follow WILL BE LOCKED and must be visited.";
  if (!may_change(options.change, fmt::format("setting the {} to {}", setting.name, options.value),
                  consequence)) {
    return fail("nothing was changed");
  }
  if (auto flushed = flush_ledger(session, options.change.force); !flushed) return failure_of(flushed);
  auto changed = setting.change(*store, options.value, options.change.request());
  if (!changed) return failure_of(changed);
  auto loaded = store->load(store::KeyUse::without_keys);
  if (!loaded) return failure_of(loaded);
  Reload reload = wait_for_service(session, *store);
  auto steps = *changed ? setting.steps(loaded->cluster) : std::vector<Step>{};
  if (session.json) {
    print_json({{setting.name, setting.value(loaded->cluster)},
                {"changed", *changed},
                {"service", reload_json(reload)},
                {"steps", steps_json(steps, reload)}});
  } else if (!*changed) {
    print_line(fmt::format("the {} was {} already: nothing was changed", setting.name, options.value));
  } else {
    print_line(fmt::format("the {} is {}: {}", setting.name, options.value, reload_text(reload)));
    print_line("");
    print_steps(steps, reload);
  }
  return Answer::yes;
}

Outcome run_setting(const Session& session, const Setting& setting, const SettingOptions& options) {
  if (options.value.empty()) return show_one(session, setting);
  if (std::ranges::find(setting.values, options.value) == setting.values.end())
    wrong_usage(
        fmt::format("no {} '{}': use one of {}", setting.name, options.value, joined(setting.values, ", ")));
  return change_setting(session, setting, options);
}

void add_setting(CLI::App& group, Session& session, const Setting& setting) {
  auto& command = *group.add_subcommand(setting.name, setting.help + "; without a value it is shown");
  auto options = std::make_shared<SettingOptions>();
  command.add_option("VALUE", options->value, joined(setting.values, " or "))->type_name("");
  add_change_options(command, options->change);
  session.add_json_flag(command);
  session.on(command, [&session, &setting, options] { return run_setting(session, setting, *options); });
}

}  // namespace

void add_set_commands(CLI::App& app, Session& session) {
  auto& group = *app.add_subcommand("set", "Change a setting of the cluster; alone it shows all");
  group.require_subcommand(0, 1);
  session.add_json_flag(group);
  group.callback([&group, &session] {
    if (group.get_subcommands().empty()) session.run = [&session] { return show_all(session); };
  });
  for (const Setting& setting : all_settings()) add_setting(group, session, setting);
}

}  // namespace anchord::ctl

#include "commands/set.h"

#include <fmt/core.h>

#include <algorithm>
#include <memory>

#include "commands/confirm.h"
#include "commands/flush_ledger.h"
#include "render/output.h"

namespace anchord::ctl {

const std::vector<Setting>& all_settings() {
  static const std::vector<Setting> kSettings{digest_setting(), evidence_setting()};
  return kSettings;
}

namespace {

struct SettingOptions {
  std::string value;  // empty: the present one is shown
  ChangeOptions change;
};

Outcome show_all(const Session& session) {
  ANCHORD_TRY_ASSIGN(auto cluster, session.load_cluster(store::KeyUse::without_keys));
  Json json = Json::object();
  Text::Table rows{{"SETTING", "VALUE", "TAKES", "WHAT"}};
  for (const Setting& setting : all_settings()) {
    json[setting.name] = setting.value(cluster);
    rows.push_back({setting.name, setting.value(cluster), joined(setting.values, "|"), setting.help});
  }
  return Shown{std::move(json), Text().table(std::move(rows))};
}

Outcome show_one(const Session& session, const Setting& setting) {
  ANCHORD_TRY_ASSIGN(auto cluster, session.load_cluster(store::KeyUse::without_keys));
  return Shown{{{setting.name, setting.value(cluster)}}, Text(setting.value(cluster))};
}

Outcome change_setting(const Session& session, const Setting& setting, const SettingOptions& options) {
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  std::string consequence = setting.consequence(options.value);
  if (options.change.force) consequence += " Phones that cannot follow WILL BE LOCKED and must be visited.";
  if (!may_change(options.change, fmt::format("setting the {} to {}", setting.name, options.value),
                  consequence)) {
    return fail("nothing was changed");
  }
  ANCHORD_TRY(flush_ledger(session, options.change.force));
  ANCHORD_TRY_ASSIGN(auto changed, setting.change(store, options.value, options.change.request()));
  ANCHORD_TRY_ASSIGN(auto loaded, store.load(store::KeyUse::without_keys));
  Reload reload = wait_for_service(session, store);
  auto steps = changed ? setting.steps(loaded.cluster) : std::vector<Step>{};
  Json json{{setting.name, setting.value(loaded.cluster)},
            {"changed", changed},
            {"service", reload_json(reload)},
            {"steps", steps_json(steps, reload)}};
  if (!changed)
    return Shown{std::move(json), Text(fmt::format("the {} was {} already: nothing was changed", setting.name,
                                                   options.value))};
  return Shown{std::move(json),
               Text(fmt::format("the {} is {}: {}", setting.name, options.value, reload_text(reload)))
                   .line("")
                   .table(steps_table(steps, reload))};
}

Outcome run_setting(const Session& session, const Setting& setting, const SettingOptions& options) {
  if (options.value.empty()) return show_one(session, setting);
  if (std::ranges::find(setting.values, options.value) == setting.values.end())
    wrong_usage(
        fmt::format("no {} '{}': use one of {}", setting.name, options.value, joined(setting.values, ", ")));
  return change_setting(session, setting, options);
}

}  // namespace

Action show_settings_command(Session& session) {
  return {{json_option(session)}, [&session] { return show_all(session); }};
}

Action setting_command(Session& session, const Setting& setting) {
  auto options = std::make_shared<SettingOptions>();
  Options taken{{.name = "VALUE", .help = joined(setting.values, " or "), .target = &options->value}};
  return {std::move(taken) + change_options(options->change) + json_option(session),
          [&session, &setting, options] { return run_setting(session, setting, *options); }};
}

}  // namespace anchord::ctl

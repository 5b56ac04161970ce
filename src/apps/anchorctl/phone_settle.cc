// phone settle: an administrator's word for what no boot may show.
#include <fmt/format.h>

#include <memory>

#include "anchord/store/evidence.h"
#include "confirm.h"
#include "failure.h"
#include "flush_ledger.h"
#include "ledger_view.h"
#include "output.h"
#include "phone.h"
#include "session.h"

namespace anchord::ctl {
namespace {

struct SettleOptions {
  std::vector<std::string> names;
  bool yes = false;
};

Json list_json(trust::ListVersion version) {
  return version == trust::kNoList ? Json() : Json(version_text(version));
}

Outcome settle(const Session& session, const SettleOptions& options) {
  std::vector<std::string> names;
  for (const std::string& name : options.names) names.push_back(name_from_text(name));
  auto store = session.open_store();
  if (!store) return failure_of(store);
  std::string what = names.size() == 1 ? names.front() : fmt::format("{} phones", names.size());
  if (!may_go_on(options.yes, "settling " + what,
                 fmt::format("It is taken for certain that {} accepted the lists given last: changes that "
                             "would lock them with others are no longer refused.",
                             what)))
    return fail("nothing was changed");
  if (auto flushed = flush_ledger(session, false); !flushed) return failure_of(flushed);
  auto done = store::settle_phones(*store, names);
  if (!done) return failure_of(done);
  Json list = Json::array();
  for (const store::Settled& one : *done) {
    list.push_back({{"name", one.device},
                    {"itl", list_json(one.itl)},
                    {"ctl", list_json(one.ctl)},
                    {"address", one.address}});
    if (!session.json)
      print_line(fmt::format("{}: holds ITL {}{}, and is at {}", one.device, version_text(one.itl),
                             one.ctl == trust::kNoList ? "" : " and CTL " + version_text(one.ctl),
                             one.address));
  }
  if (session.json) print_json({{"phones", list}});
  return Answer::yes;
}

}  // namespace

void add_phone_settle(CLI::App& group, Session& session) {
  auto& command = *group.add_subcommand(
      "settle", "Say that phones have accepted the lists they were given last, and are where that was");
  auto options = std::make_shared<SettleOptions>();
  command.add_option("NAME", options->names, "SEP and the 12 digits of the phone's MAC address")
      ->required()
      ->type_name("");
  command.add_flag("--yes", options->yes, "Do not ask");
  session.add_json_flag(command);
  session.on(command, [&session, options] { return settle(session, *options); });
}

}  // namespace anchord::ctl

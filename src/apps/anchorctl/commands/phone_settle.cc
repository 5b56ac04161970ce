// phone settle: an administrator's word for what no boot may show.
#include <fmt/core.h>

#include <memory>

#include "anchord/report/ledger_view.h"
#include "anchord/store/evidence.h"
#include "commands/commands.h"
#include "commands/confirm.h"
#include "commands/flush_ledger.h"
#include "commands/phone.h"
#include "render/output.h"

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
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  std::string what = names.size() == 1 ? names.front() : fmt::format("{} phones", names.size());
  if (!may_go_on(options.yes, "settling " + what,
                 fmt::format("It is taken for certain that {} accepted the lists given last: changes that "
                             "would lock them with others are no longer refused.",
                             what)))
    return fail("nothing was changed");
  ANCHORD_TRY(flush_ledger(session, false));
  ANCHORD_TRY_ASSIGN(auto done, store::settle_phones(store, names));
  Json list = Json::array();
  Text text;
  for (const store::Settled& one : done) {
    list.push_back({{"name", one.device},
                    {"itl", list_json(one.itl)},
                    {"ctl", list_json(one.ctl)},
                    {"address", one.address}});
    text.line(fmt::format("{}: holds ITL {}{}, and is at {}", one.device, version_text(one.itl),
                          one.ctl == trust::kNoList ? "" : " and CTL " + version_text(one.ctl), one.address));
  }
  return Shown{{{"phones", list}}, std::move(text)};
}

}  // namespace

Action phone_settle_command(Session& session) {
  auto options = std::make_shared<SettleOptions>();
  return {{phone_option(&options->names, true),
           {.name = "--yes", .help = "Do not ask", .target = &options->yes},
           json_option(session)},
          [&session, options] { return settle(session, *options); }};
}

}  // namespace anchord::ctl

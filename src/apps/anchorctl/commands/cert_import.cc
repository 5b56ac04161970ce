// `cert import`: what the open verification service knows.
#include <fmt/core.h>

#include <memory>

#include "anchord/base/file.h"
#include "anchord/store/import.h"
#include "anchord/store/lifecycle.h"
#include "client/failure.h"
#include "commands/commands.h"
#include "commands/confirm.h"
#include "commands/flush_ledger.h"
#include "commands/known.h"

namespace anchord::ctl {
namespace {

Outcome import_database(const Session& session, const std::string& file, const ChangeOptions& change) {
  session.state_dir();
  ANCHORD_TRY_ASSIGN(auto certificates, store::read_tvsd_database(file));
  if (certificates.empty()) return fail(fmt::format("{} holds no certificates", quoted(file)));
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  ANCHORD_TRY_ASSIGN(auto loaded, store.load(store::KeyUse::without_keys));
  auto own = take_own(certificates, loaded.cluster);
  auto added = add_known(session, store, certificates, change.request());
  if (!added) return failure_of(added, quoted(file));
  session.tell_changed();
  return shown_added(certificates, *added, &own);
}

}  // namespace

Action cert_import_command(Session& session) {
  auto file = std::make_shared<std::string>();
  auto change = std::make_shared<ChangeOptions>();
  Options taken{{.name = "FILE",
                 .help = "Its SQLite database, usually tvs.sqlite3",
                 .target = file.get(),
                 .required = true}};
  return {std::move(taken) + change_options(*change) + json_option(session),
          [&session, file, change] { return import_database(session, *file, *change); }};
}

}  // namespace anchord::ctl

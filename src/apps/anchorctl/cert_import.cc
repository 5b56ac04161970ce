// `cert import`: what the open verification service knows.
#include <fmt/format.h>

#include <memory>

#include "anchord/store/import.h"
#include "confirm.h"
#include "failure.h"
#include "files.h"
#include "flush_ledger.h"
#include "known.h"
#include "output.h"
#include "transfer.h"

namespace anchord::ctl {
namespace {

Outcome import_database(const Session& session, const std::string& file, const ChangeOptions& change) {
  session.state_dir();
  auto certificates = store::read_tvsd_database(file);
  if (!certificates) return failure_of(certificates);
  if (certificates->empty()) return fail(fmt::format("{} holds no certificates", quoted(file)));
  auto store = session.open_store();
  if (!store) return failure_of(store);
  auto loaded = store->load(store::KeyUse::without_keys);
  if (!loaded) return failure_of(loaded);
  auto own = take_own(*certificates, loaded->cluster);
  auto added = add_known(session, *store, *certificates, change.request());
  if (!added) return failure_of(added, quoted(file));
  session.tell_changed();
  print_added(session, *certificates, *added, &own);
  return Answer::yes;
}

}  // namespace

void add_cert_import_command(CLI::App& cert_group, Session& session) {
  auto& command = *cert_group.add_subcommand(
      "import", "Add all certificates of the open tvsd's database, with their roles, or none");
  auto file = std::make_shared<std::string>();
  command.add_option("FILE", *file, "Its SQLite database, usually tvs.sqlite3")->required()->type_name("");
  auto change = std::make_shared<ChangeOptions>();
  add_change_options(command, *change);
  session.add_json_flag(command);
  session.on(command, [&session, file, change] { return import_database(session, *file, *change); });
}

}  // namespace anchord::ctl

// ledger export and import: what the hosts of a cluster tell one another of phones.
#include <fmt/core.h>

#include <memory>

#include "anchord/base/file.h"
#include "anchord/store/ledger_file.h"
#include "client/failure.h"
#include "commands/commands.h"
#include "commands/flush_ledger.h"

namespace anchord::ctl {
namespace {

Outcome export_to(const Session& session, const std::string& file) {
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  ANCHORD_TRY(flush_ledger(session, false));
  ANCHORD_TRY_ASSIGN(auto text, store::export_ledger(store, calendar_now()));
  ANCHORD_TRY(write_file(file, as_bytes(text), 0600));
  ANCHORD_TRY_ASSIGN(auto size, store::ledger_size(store));
  return Shown{
      {{"file", file}, {"devices", size}},
      Text(fmt::format("wrote {}: {} devices; take it in on the other hosts with 'anchorctl ledger import'",
                       quoted(file), size))};
}

Outcome import_from(const Session& session, const std::string& file) {
  session.state_dir();
  ANCHORD_TRY_ASSIGN(auto content, read_file(file, store::kMaxLedgerFile));
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  auto done = store::import_ledger(store, as_text(content), calendar_now());
  if (!done) return failure_of(done, quoted(file));
  return Shown{
      {{"devices", done->devices}, {"lists", done->lists}, {"written_at", time_text(done->written_at)}},
      Text(fmt::format("took in what {} says of {} devices and {} lists; nothing was forgotten", quoted(file),
                       done->devices, done->lists))};
}

}  // namespace

Action ledger_export_command(Session& session) {
  auto file = std::make_shared<std::string>();
  return {{{.name = "FILE", .help = "Where to write it", .target = file.get(), .required = true},
           json_option(session)},
          [&session, file] { return export_to(session, *file); }};
}

Action ledger_import_command(Session& session) {
  auto file = std::make_shared<std::string>();
  return {
      {{.name = "FILE", .help = "What 'ledger export' wrote there", .target = file.get(), .required = true},
       json_option(session)},
      [&session, file] { return import_from(session, *file); }};
}

}  // namespace anchord::ctl

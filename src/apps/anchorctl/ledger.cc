// ledger export and import: what the hosts of a cluster tell one another of phones.
#include <fmt/format.h>

#include <memory>

#include "anchord/base/file.h"
#include "anchord/store/ledger_file.h"
#include "failure.h"
#include "files.h"
#include "flush_ledger.h"
#include "output.h"
#include "session.h"

namespace anchord::ctl {
namespace {

Outcome export_to(const Session& session, const std::string& file) {
  auto store = session.open_store();
  if (!store) return failure_of(store);
  if (auto flushed = flush_ledger(session, false); !flushed) return failure_of(flushed);
  auto text = store::export_ledger(*store, calendar_now());
  if (!text) return failure_of(text);
  if (Status done = write_file(file, as_bytes(*text), 0600); !done) return failure_of(done);
  auto size = store::ledger_size(*store);
  if (!size) return failure_of(size);
  if (session.json) {
    print_json({{"file", file}, {"devices", *size}});
  } else {
    print_line(
        fmt::format("wrote {}: {} devices; take it in on the other hosts with 'anchorctl ledger import'",
                    quoted(file), *size));
  }
  return Answer::yes;
}

Outcome import_from(const Session& session, const std::string& file) {
  session.state_dir();
  auto content = read_file(file, store::kMaxLedgerFile);
  if (!content) return failure_of(content);
  auto store = session.open_store();
  if (!store) return failure_of(store);
  auto done = store::import_ledger(*store, as_text(*content), calendar_now());
  if (!done) return failure_of(done, quoted(file));
  if (session.json) {
    print_json(
        {{"devices", done->devices}, {"lists", done->lists}, {"written_at", time_text(done->written_at)}});
  } else {
    print_line(fmt::format("took in what {} says of {} devices and {} lists; nothing was forgotten",
                           quoted(file), done->devices, done->lists));
  }
  return Answer::yes;
}

}  // namespace

void add_ledger_commands(CLI::App& app, Session& session) {
  auto& group = *app.add_subcommand("ledger", "What phones were given, between the hosts of a cluster");
  group.require_subcommand(1);
  auto add = [&](const char* name, const char* help, const char* what,
                 Outcome (*work)(const Session&, const std::string&)) {
    auto& command = *group.add_subcommand(name, help);
    auto file = std::make_shared<std::string>();
    command.add_option("FILE", *file, what)->required()->type_name("");
    session.add_json_flag(command);
    session.on(command, [&session, file, work] { return work(session, *file); });
  };
  add("export", "Write this host's ledger for the other hosts", "Where to write it", export_to);
  add("import", "Take in another host's ledger; nothing is forgotten", "What 'ledger export' wrote there",
      import_from);
}

}  // namespace anchord::ctl

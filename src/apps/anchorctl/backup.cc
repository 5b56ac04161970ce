// `backup`: the whole cluster in one file, and back.
#include "anchord/store/backup.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "confirm.h"
#include "failure.h"
#include "files.h"
#include "output.h"
#include "passphrase.h"
#include "transfer.h"

namespace anchord::ctl {
namespace {

using store::BackupFacts;

constexpr Millis kBetweenLines = 250;

struct BackupOptions {
  std::string file;
  std::string passphrase_file;
  store::RestoreRequest restore;
  bool yes = false;
};

// "\rreading the backup ... 45%" on a terminal, and nothing elsewhere.
class Percent {
 public:
  explicit Percent(std::string what) : what_(std::move(what)), shown_(::isatty(STDERR_FILENO) == 1) {}
  Percent(const Percent&) = delete;
  Percent& operator=(const Percent&) = delete;
  ~Percent() {
    if (last_ != 0) print_aside("\r\x1b[K");
  }

  store::BackupProgress report() {
    if (!shown_) return {};
    return [this](std::uint64_t done, std::uint64_t of) { show(done, of); };
  }

 private:
  void show(std::uint64_t done, std::uint64_t of) {
    Millis now = monotonic_now();
    if (of == 0 || now - last_ < kBetweenLines) return;
    last_ = now;
    print_aside(fmt::format("\r{} ... {}%", what_, done * 100 / of));
  }

  std::string what_;
  bool shown_;
  Millis last_ = 0;
};

Json facts_json(const std::string& file, const BackupFacts& facts) {
  return {{"file", file},
          {"cluster", facts.cluster},
          {"cluster_id", facts.cluster_id},
          {"made_at", time_text(facts.made_at)},
          {"files", facts.files},
          {"bytes", facts.bytes},
          {"tftp_sha256", facts.tftp_sha256}};
}

void print_backup(const std::string& what, const BackupFacts& facts) {
  print_line(what);
  print_facts({{"cluster", fmt::format("{} (id {})", facts.cluster, facts.cluster_id)},
               {"made", time_text(facts.made_at)},
               {"files", fmt::format("{}, {} bytes", facts.files, facts.bytes)},
               {"tftp", facts.tftp_sha256}});
}

Outcome create(const Session& session, const BackupOptions& options) {
  auto state = session.state_dir();
  auto passphrase = read_passphrase(options.passphrase_file, AskPassphrase::twice);
  if (!passphrase) return failure_of(passphrase);
  auto facts = [&] {
    Percent percent("making the backup");
    return store::create_backup(state, options.file, passphrase->bytes(), calendar_now(), percent.report());
  }();
  if (!facts) return failure_of(facts);
  if (facts->skipped > 0) {
    warn(fmt::format("{} files are not in the backup: they are links or no files: {}{}", facts->skipped,
                     joined(facts->first_skipped, ", "),
                     facts->skipped > facts->first_skipped.size() ? " and more" : ""));
  }
  if (session.json) {
    Json document = facts_json(options.file, *facts);
    document["skipped"] = facts->skipped;
    print_json(document);
  } else {
    print_backup("made the backup " + options.file, *facts);
    print_line("keep the file and its passphrase in different places, neither of them on this machine");
  }
  return Answer::yes;
}

Outcome verify(const Session& session, const BackupOptions& options) {
  auto passphrase = read_passphrase(options.passphrase_file, AskPassphrase::once);
  if (!passphrase) return failure_of(passphrase);
  auto facts = [&] {
    Percent percent("reading the backup");
    return store::verify_backup(options.file, passphrase->bytes(), percent.report());
  }();
  if (!facts) return failure_of(facts);
  if (session.json) {
    print_json(facts_json(options.file, *facts));
  } else {
    print_backup(options.file + " is whole", *facts);
  }
  return Answer::yes;
}

Outcome restore(const Session& session, BackupOptions options) {
  auto state = session.state_dir();
  session.remove_leftovers();
  std::error_code ignored;
  if (std::filesystem::exists(state, ignored) && !std::filesystem::is_empty(state, ignored) &&
      !may_go_on(options.yes, "restoring over " + quoted(session.state),
                 fmt::format("What is in {} now will be put aside, beside it.", quoted(session.state)))) {
    return fail("nothing was restored");
  }
  auto passphrase = read_passphrase(options.passphrase_file, AskPassphrase::once);
  if (!passphrase) return failure_of(passphrase);
  options.restore.now = calendar_now();
  auto restored = [&] {
    Percent percent("restoring the backup");
    return store::restore_backup(options.file, state, passphrase->bytes(), options.restore, percent.report());
  }();
  if (!restored) return failure_of(restored);
  std::string replaced = restored->replaced.string();
  if (session.json) {
    Json document = facts_json(options.file, restored->facts);
    document["state"] = session.state;
    document["replaced"] = replaced.empty() ? Json() : Json(replaced);
    print_json(document);
  } else {
    print_backup(fmt::format("restored {} to {}", options.file, session.state), restored->facts);
    if (!replaced.empty())
      print_line(fmt::format("what was there is in {}: remove it when all is well", replaced));
    print_line(fmt::format("start the service with: anchord --state {}", session.state));
  }
  return Answer::yes;
}

CLI::App& add_command(CLI::App& group, Session& session, const std::string& name, const std::string& help,
                      const std::shared_ptr<BackupOptions>& options) {
  auto& command = *group.add_subcommand(name, help);
  command.add_option("FILE", options->file, "The backup")->required()->type_name("");
  command
      .add_option("--passphrase-file", options->passphrase_file,
                  "A file whose first line is the passphrase (default: ask at the terminal)")
      ->type_name("FILE");
  session.add_json_flag(command);
  return command;
}

}  // namespace

void add_backup_commands(CLI::App& app, Session& session) {
  auto& group = *app.add_subcommand("backup", "The whole cluster in one encrypted file");
  group.require_subcommand(1);
  auto options = std::make_shared<BackupOptions>();
  auto& making =
      add_command(group, session, "create", "Write keys, store, provisioning and settings", options);
  session.on(making, [&session, options] { return create(session, *options); });

  auto& verifying =
      add_command(group, session, "verify", "Read and check all of it, and restore nothing", options);
  session.on(verifying, [&session, options] { return verify(session, *options); });

  auto& restoring =
      add_command(group, session, "restore", "Put what is in it in the state directory's place", options);
  restoring.add_flag("--other-cluster", options->restore.other_cluster,
                     "Although another cluster's state is there");
  restoring.add_flag("--force", options->restore.force, "Although phones would be locked");
  add_hosts_agree_flag(restoring, options->restore.hosts_agree);
  restoring.add_flag("--nothing-changed", options->restore.nothing_changed,
                     "No list has changed since the backup: phones hold none that it does not know");
  restoring.add_flag("--yes", options->yes, "Do not ask");
  session.on(restoring, [&session, options] { return restore(session, *options); });
}

}  // namespace anchord::ctl

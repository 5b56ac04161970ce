// `backup`: the whole cluster in one file, and back.
#include "anchord/store/backup.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "anchord/base/file.h"
#include "commands/commands.h"
#include "commands/confirm.h"
#include "commands/passphrase.h"
#include "render/output.h"

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

Text backup_text(const std::string& what, const BackupFacts& facts) {
  return Text(what).facts({{"cluster", fmt::format("{} (id {})", facts.cluster, facts.cluster_id)},
                           {"made", time_text(facts.made_at)},
                           {"files", fmt::format("{}, {} bytes", facts.files, facts.bytes)},
                           {"tftp", facts.tftp_sha256}});
}

Outcome create(const Session& session, const BackupOptions& options) {
  auto state = session.state_dir();
  ANCHORD_TRY_ASSIGN(auto passphrase, read_passphrase(options.passphrase_file, AskPassphrase::twice));
  ANCHORD_TRY_ASSIGN(auto facts, [&] {
    Percent percent("making the backup");
    return store::create_backup(state, options.file, passphrase.bytes(), calendar_now(), percent.report());
  }());
  if (facts.skipped > 0) {
    warn(fmt::format("{} files are not in the backup: they are links or no files: {}{}", facts.skipped,
                     joined(facts.first_skipped, ", "),
                     facts.skipped > facts.first_skipped.size() ? " and more" : ""));
  }
  Json document = facts_json(options.file, facts);
  document["skipped"] = facts.skipped;
  return Shown{
      std::move(document),
      backup_text("made the backup " + options.file, facts)
          .line("keep the file and its passphrase in different places, neither of them on this machine")};
}

Outcome verify(const BackupOptions& options) {
  ANCHORD_TRY_ASSIGN(auto passphrase, read_passphrase(options.passphrase_file, AskPassphrase::once));
  ANCHORD_TRY_ASSIGN(auto facts, [&] {
    Percent percent("reading the backup");
    return store::verify_backup(options.file, passphrase.bytes(), percent.report());
  }());
  return Shown{facts_json(options.file, facts), backup_text(options.file + " is whole", facts)};
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
  ANCHORD_TRY_ASSIGN(auto passphrase, read_passphrase(options.passphrase_file, AskPassphrase::once));
  options.restore.now = calendar_now();
  ANCHORD_TRY_ASSIGN(auto restored, [&] {
    Percent percent("restoring the backup");
    return store::restore_backup(options.file, state, passphrase.bytes(), options.restore, percent.report());
  }());
  std::string replaced = restored.replaced.string();
  Json document = facts_json(options.file, restored.facts);
  document["state"] = session.state;
  document["replaced"] = replaced.empty() ? Json() : Json(replaced);
  Text text = backup_text(fmt::format("restored {} to {}", options.file, session.state), restored.facts);
  if (!replaced.empty())
    text.line(fmt::format("what was there is in {}: remove it when all is well", replaced));
  text.line(fmt::format("start the service with: anchord --state {}", session.state));
  return Shown{std::move(document), std::move(text)};
}

Options backup_options(BackupOptions& options, Session& session) {
  return {{.name = "FILE", .help = "The backup", .target = &options.file, .required = true},
          {.name = "--passphrase-file",
           .type = "FILE",
           .help = "A file whose first line is the passphrase (default: ask at the terminal)",
           .target = &options.passphrase_file},
          json_option(session)};
}

}  // namespace

Action backup_create_command(Session& session) {
  auto options = std::make_shared<BackupOptions>();
  return {backup_options(*options, session), [&session, options] { return create(session, *options); }};
}

Action backup_verify_command(Session& session) {
  auto options = std::make_shared<BackupOptions>();
  return {backup_options(*options, session), [options] { return verify(*options); }};
}

Action backup_restore_command(Session& session) {
  auto options = std::make_shared<BackupOptions>();
  store::RestoreRequest& request = options->restore;
  Options more{{.name = "--other-cluster",
                .help = "Although another cluster's state is there",
                .target = &request.other_cluster},
               {.name = "--force", .help = "Although phones would be locked", .target = &request.force},
               hosts_agree_option(request.hosts_agree),
               {.name = "--nothing-changed",
                .help = "No list has changed since the backup: phones hold none that it does not know",
                .target = &request.nothing_changed},
               {.name = "--yes", .help = "Do not ask", .target = &options->yes}};
  return {backup_options(*options, session) + more,
          [&session, options] { return restore(session, *options); }};
}

}  // namespace anchord::ctl

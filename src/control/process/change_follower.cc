#include "process/change_follower.h"

#include <fmt/core.h>

#include "anchord/base/log.h"
#include "anchord/store/lifecycle.h"
#include "anchord/store/service_status.h"
#include "snapshot/tls_settings.h"

namespace anchord::control {
namespace {

// How often a build that failed for want of memory is tried again.
constexpr Millis kRetryMemory = 250;
// How often one that failed otherwise is, should what was wrong lie outside the store (the mode of a key
// file, a full disk).
constexpr Millis kRetryBuild = 5'000;
// How often the store is told what is served here: guards of changes want to know it within a minute.
constexpr Millis kReport = 20'000;
// How often it is looked whether certificates are about to end and keys are in a backup.
constexpr Millis kDaily = 24 * 3600 * Millis{1000};

}  // namespace

Status ChangeFollower::stage_first() {
  ANCHORD_TRY(parts_.publication.builder().choose_host());
  ANCHORD_TRY(parts_.publication.builder().stage());
  warn_daily();
  return {};
}

void ChangeFollower::publish_first() {
  publish();
  ticket_keys_due_ = monotonic_now() + kTicketKeyLife;
}

void ChangeFollower::announce_first() {
  announce(true);
}

void ChangeFollower::follow_store() {
  if (monotonic_now() >= daily_due_) warn_daily();
  if (monotonic_now() >= report_due_) report(lag_.problem().empty(), lag_.problem());
  if (monotonic_now() >= ticket_keys_due_) {
    parts_.publication.builder().rotate_ticket_keys();
    ticket_keys_due_ = monotonic_now() + kTicketKeyLife;
    rebuild_asked_ = true;
  }
  Result<bool> changed = parts_.publication.builder().store_changed();
  std::string unreadable = changed ? "" : "cannot look at the store: " + changed.error().text;
  if (unreadable != unreadable_ && !unreadable.empty()) log::error(unreadable);
  unreadable_ = std::move(unreadable);
  if (!changed) return;
  if (*changed) {
    rebuild("the store has changed");
  } else if (rebuild_asked_) {
    rebuild("asked to");
  } else if (stage_failed_ && monotonic_now() >= retry_build_) {
    rebuild("tried again");
  }
}

void ChangeFollower::rebuild(std::string_view why) {
  // Until it came to its end: there may be no memory for it.
  rebuild_asked_ = true;
  Status staged;
  const bool had_memory =
      parts_.guard.attempt("for a new snapshot", [&] { staged = parts_.publication.builder().stage(); });
  stage_failed_ = !had_memory || !staged;
  if (!had_memory) staged = fail("there is not enough memory for a new snapshot");
  if (staged) {
    parts_.publication.follow_staged();
    rebuild_asked_ = false;
    warn_of_expiry();
    return publish();
  }
  retry_build_ = monotonic_now() + (had_memory ? kRetryBuild : kRetryMemory);
  if (staged.error().text != problem_) {  // else it was said already
    log::error(fmt::format("snapshot {} stays in service ({}): {}", parts_.publication.view().version, why,
                           staged.error().text));
    problem_ = staged.error().text;
    report(false, problem_);
  }
  rebuild_asked_ = false;
}

void ChangeFollower::publish_due() {
  const Publication& publication = parts_.publication;
  if (publication.is_behind() && publication.builder().ready()) publish();
  tell_published();
}

void ChangeFollower::publish() {
  if (!parts_.publication.publish()) return;
  parts_.threads.wake();
  own_lists_due_ = true;
  // Before there are shards nothing is in service; announce_first() says it.
  const std::int64_t state = parts_.publication.builder().built_from();
  announce_due_ = announced_ >= 0;
  // A file that has changed does not mend what could not be built.
  announce_state_ = state != announced_ || (!problem_.empty() && !stage_failed_);
  announced_ = state;
  tell_published();
}

// What follows from a new view in service, until it is done.
void ChangeFollower::tell_published() {
  if (own_lists_due_) parts_.publication.keep_own_lists(parts_.activity);
  own_lists_due_ = false;
  if (announce_due_) announce(announce_state_);
  announce_due_ = false;
}

void ChangeFollower::announce(bool of_the_store) {
  const service::View& view = parts_.publication.view();
  const std::string line =
      fmt::format("snapshot {} in service: {} certificates, {} files, for host {}", view.version,
                  view.certificates.size(), view.files.size(), parts_.publication.builder().host());
  log::info(line);
  parts_.manager.status(line);
  // A write to the store, so not for every file that changes.
  if (of_the_store) {
    problem_.clear();
    report(true, "");
  }
}

void ChangeFollower::report(bool ok, std::string message) {
  Builder& builder = parts_.publication.builder();
  const service::View* current = parts_.publication.publisher().current();
  store::StatusReport report{.host = builder.host(),
                             .time = calendar_now(),
                             .snapshot_version = current != nullptr ? current->version : 0,
                             .ok = ok,
                             .message = std::move(message),
                             .serves = builder.served_state().serves};
  report_due_ = monotonic_now() + kReport;
  reported_ok_ = ok;
  Status written = report_status(builder.store(), report);
  std::string unreported = written ? "" : "cannot leave a status report: " + written.error().text;
  if (unreported != unreported_ && !unreported.empty()) log::warn(unreported);
  unreported_ = std::move(unreported);
}

// Files of a state that is staged, and not in service yet, are told by their number; a shard that lags
// is one whose thread does not run, since no peer can make it hold a view.
std::pair<Lag::Cause, std::string> ChangeFollower::cause_of_lag() {
  Publication& publication = parts_.publication;
  if (!unreadable_.empty()) return {Lag::Cause::unreadable, unreadable_};
  if (!problem_.empty()) return {Lag::Cause::refused, problem_};
  if (publication.is_half_applied())
    return {Lag::Cause::files, "there is not enough memory to take over files that have changed"};
  if (!publication.builder().ready()) {
    const std::string progress = parts_.provisioner.progress();
    return {Lag::Cause::files, "files are still being made" + (progress.empty() ? "" : ": " + progress)};
  }
  if (!publication.is_behind()) return {Lag::Cause::none, ""};
  return {Lag::Cause::shard,
          fmt::format(
              "shard {} has not looked at a new snapshot for {} of them, and no more are kept: its thread "
              "does not run; see what else has its core, and restart the service if that goes on",
              publication.publisher().slowest(), index::kMaxLiveViews)};
}

void ChangeFollower::look_for_lag() {
  auto [cause, reason] = cause_of_lag();
  const bool spoken_of = !lag_.problem().empty();
  const auto line = lag_.look(cause, std::move(reason), monotonic_now(), calendar_now());
  if (line) log::warn(*line);
  // Other hosts are told when it begins and when it ends; of what cannot be built they are told already.
  if (line || (spoken_of && cause == Lag::Cause::none && !reported_ok_)) report_due_ = 0;
}

void ChangeFollower::warn_of_expiry() {
  for (const ExpiryWatch::News& news : parts_.publication.builder().expiry().news(calendar_now()))
    news.bad ? log::error(news.text) : log::warn(news.text);
}

void ChangeFollower::warn_daily() {
  daily_due_ = monotonic_now() + kDaily;
  warn_of_expiry();
  auto backup = store::backup_state(parts_.publication.builder().store());
  if (!backup) {
    log::warn("cannot see whether there is a backup: " + backup.error().text);
  } else if (!backup->holds_tftp_key) {
    log::warn("no backup holds the present TFTP key: make one with 'anchorctl backup create FILE'");
  }
}

}  // namespace anchord::control

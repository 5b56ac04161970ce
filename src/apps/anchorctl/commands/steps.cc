#include "commands/steps.h"

#include <fmt/core.h>

#include <chrono>
#include <thread>

#include "client/control_client.h"
#include "render/progress.h"

namespace anchord::ctl {
namespace {

using State = Reload::State;

// A large folder is signed anew with a new signer; nobody waits for all of that at a
// command line.
constexpr Millis kReloadWait = 10'000;
// A problem that the service tells may be from before; one that stays is told.
constexpr Millis kProblemWait = 2'000;
constexpr auto kBetweenLooks = std::chrono::milliseconds(50);

// Whether the service shows `change` or a later one.
Reload look(const Session& session, std::int64_t change) {
  auto status = ask_service(session.state_dir(), protocol::StatusRequest());
  if (!status)
    return {service_runs(session.state_dir()) ? State::pending : State::not_running, status.error().text};
  if (status->snapshot.store_change >= change) return {State::taken, ""};
  return {State::pending, std::move(status->snapshot.problem)};
}

bool is_done(const Step& step, const Reload& reload) {
  return step.by == Step::By::command || (step.by == Step::By::service && reload.state == State::taken);
}

std::string state_text(const Step& step, const Reload& reload) {
  if (is_done(step, reload)) return "done";
  if (step.by == Step::By::administrator) return "to do";
  return reload.state == State::not_running ? "when it starts" : "under way";
}

}  // namespace

Reload wait_for_service(const Session& session, store::Store& store) {
  auto change = store.change_counter();
  if (!change) return {State::pending, change.error().text};
  session.tell_changed();
  Progress progress("waiting for the service to take the change over");
  Millis begin = monotonic_now();
  for (;;) {
    Reload seen = look(session, *change);
    Millis bound = seen.reason.empty() ? kReloadWait : kProblemWait;
    if (seen.state != State::pending || monotonic_now() - begin > bound) return seen;
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

std::string reload_text(const Reload& reload) {
  switch (reload.state) {
    case State::taken:
      return "taken over by the running service";
    case State::not_running:
      return "will be taken over when the service starts: it does not run here";
    case State::pending:
      break;
  }
  return fmt::format("NOT YET taken over by the running service: {}; see 'anchorctl status'",
                     reload.reason.empty() ? "it is still making files" : reload.reason);
}

Json reload_json(const Reload& reload) {
  return {{"running", reload.state != State::not_running},
          {"taken_over", reload.state == State::taken},
          {"text", reload_text(reload)}};
}

Json locked_json(const std::optional<trust::Locked>& locked) {
  if (!locked) return {};
  return {{"count", locked->count}, {"first", locked->first}, {"reason", locked->reason}};
}

void warn_of_locked(const std::optional<trust::Locked>& locked) {
  if (!locked) return;
  warn(fmt::format("{} were locked by force: {}", trust::phones_text(locked->count, locked->first),
                   locked->reason));
}

Step reset_phones(const trust::Cluster& cluster) {
  std::string remark =
      "in the call manager; 'anchorctl report itl' says who has not come for the new list yet";
  if (cluster.hosts.size() > 1) remark += ", of those that this host has heard of";
  return {Step::By::administrator, "reset the phones", std::move(remark)};
}

Step new_backup() {
  return {Step::By::administrator, "make a new backup", "'anchorctl backup create FILE'"};
}

void add_other_hosts(std::vector<Step>& steps, const trust::Cluster& cluster) {
  if (cluster.hosts.size() < 2) return;
  steps.push_back({Step::By::administrator, "bring the state to the cluster's other hosts",
                   "nothing is copied between hosts by itself; see docs/guides/several-hosts.md"});
}

Json steps_json(const std::vector<Step>& steps, const Reload& reload) {
  Json out = Json::array();
  for (const Step& step : steps) {
    out.push_back({{"number", out.size() + 1},
                   {"step", step.what},
                   {"by", step.by == Step::By::administrator ? "administrator" : "anchord"},
                   {"done", is_done(step, reload)},
                   {"remark", step.remark.empty() ? Json() : Json(step.remark)}});
  }
  return out;
}

Text::Table steps_table(const std::vector<Step>& steps, const Reload& reload) {
  Text::Table rows{{"STEP", "STATE", "WHAT"}};
  for (const Step& step : steps) {
    rows.push_back({std::to_string(rows.size()), state_text(step, reload),
                    step.remark.empty() ? step.what : fmt::format("{} ({})", step.what, step.remark)});
  }
  return rows;
}

}  // namespace anchord::ctl

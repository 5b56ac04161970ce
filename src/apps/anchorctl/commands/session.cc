#include "commands/session.h"

#include <fmt/core.h>

#include "anchord/base/file.h"
#include "anchord/report/problems.h"
#include "anchord/store/leftovers.h"
#include "client/control_client.h"
#include "render/output.h"

namespace anchord::ctl {

void wrong_usage(const std::string& text) {
  throw WrongUsage(text);
}

Option state_option(Session& session) {
  return {.name = "--state",
          .type = "DIR",
          .help = "State directory of the cluster",
          .target = &session.state,
          .environment = "ANCHORD_STATE"};
}

Option json_option(Session& session) {
  return {.name = "--json", .help = "Print one JSON document", .target = &session.json};
}

std::filesystem::path Session::state_dir() const {
  if (!has_state()) wrong_usage("no state directory: give --state DIR or set ANCHORD_STATE");
  return state;
}

Result<store::Store> Session::open_store() const {
  ANCHORD_TRY_ASSIGN(auto store, store::Store::open(state_dir()));
  read_only_ = store.read_only();
  if (!read_only_) remove_leftovers();
  return store;
}

void Session::warn_of_read_only() const {
  if (read_only_)
    warn(fmt::format("{} is read-only here: what it holds is shown, and nothing can be changed",
                     quoted(state_dir())));
}

void Session::remove_leftovers() const {
  for (const std::filesystem::path& left : store::remove_leftovers(state_dir()))
    warn(fmt::format(
        "{} was left by a command that was killed, may hold keys and cannot be removed: remove it "
        "as its owner",
        quoted(left)));
}

Result<trust::Cluster> Session::load_cluster(store::KeyUse keys) const {
  ANCHORD_TRY_ASSIGN(auto store, open_store());
  ANCHORD_TRY_ASSIGN(auto loaded, store.load(keys));
  return std::move(loaded.cluster);
}

void Session::tell_changed() const {
  (void)ask_service(state_dir(), protocol::ChangedRequest());
}

void Session::warn_of_backup() const {
  if (!has_state()) return;
  // A command that needs no store succeeds where there is none.
  auto store = store::Store::open(state);
  if (!store) return;
  auto backup = store::backup_state(*store);
  if (!backup) return;
  if (auto line = backup_warning(*backup)) warn(*line);
}

}  // namespace anchord::ctl

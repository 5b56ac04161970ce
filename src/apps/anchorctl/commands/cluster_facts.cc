#include "commands/cluster_facts.h"

#include "client/control_client.h"
#include "client/failure.h"

namespace anchord::ctl {
namespace {

void ask_live(const Session& session, report::Facts& facts) {
  auto answer = exchange(session.state_dir(), protocol::StatusRequest());
  if (answer)
    if (const auto* starting = std::get_if<protocol::Starting>(&*answer)) facts.starting = starting->what;
  auto status = answer ? protocol::expect<protocol::Status>(std::move(*answer))
                       : Result<protocol::Status>(failure_of(answer));
  if (status) {
    facts.service = std::move(*status);
    return;
  }
  facts.not_running = status.error().text;
  facts.silent = service_runs(session.state_dir());
}

}  // namespace

Result<report::Facts> gather_facts(const Session& session) {
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  ANCHORD_TRY_ASSIGN(auto facts, report::gather_facts(store, session.state_dir()));
  ask_live(session, facts);
  return facts;
}

}  // namespace anchord::ctl

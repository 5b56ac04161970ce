#include "commands/flush_ledger.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "anchord/base/clock.h"
#include "anchord/base/hex.h"
#include "anchord/store/certificates.h"
#include "anchord/store/ledger_session.h"
#include "anchord/store/lifecycle.h"
#include "client/control_client.h"
#include "render/progress.h"

namespace anchord::ctl {
namespace {

// Several of the service's batches, on a slow disk.
constexpr Millis kSettleWait = 10'000;
constexpr auto kBetweenReadings = std::chrono::milliseconds(50);

Result<protocol::Ledger> read_ledger(const Session& session) {
  ANCHORD_TRY_ASSIGN(auto status, ask_service(session.state_dir(), protocol::StatusRequest()));
  return std::move(status.ledger);
}

// One that was killed may have left in its journal what it gave phones last.
Status check_taken_over(const Session& session) {
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  ANCHORD_TRY_ASSIGN(auto why, store::not_taken_over(store));
  if (!why) return {};
  return fail(*why + ": start it, so that it takes over what is left");
}

Status wait_until_written(const Session& session) {
  auto seen = read_ledger(session);
  if (!seen)
    return service_runs(session.state_dir()) ? Status(std::unexpected(seen.error()))
                                             : check_taken_over(session);
  const std::uint64_t wanted = seen->noted;
  Progress progress("waiting for the service to write down what it gave phones");
  const Millis end = monotonic_now() + kSettleWait;
  while (seen->written < wanted) {
    if (monotonic_now() >= end) return fail(seen->problem.empty() ? "it takes too long" : seen->problem);
    std::this_thread::sleep_for(kBetweenReadings);
    seen = read_ledger(session);
    // One that ended in the meantime wrote everything before, or left it in its journal.
    if (!seen)
      return service_runs(session.state_dir()) ? Status(std::unexpected(seen.error()))
                                               : check_taken_over(session);
  }
  return {};
}

}  // namespace

Status flush_ledger(const Session& session, bool force) {
  Status written = wait_until_written(session);
  if (written || force) return {};
  return fail(
      fmt::format("the service has not written down what it gave phones, so nobody knows whether the "
                  "change would lock them: {}; --force does it all the same",
                  written.error().text));
}

Result<std::vector<store::Added>> add_known(const Session& session, store::Store& store,
                                            std::span<const trust::KnownCertificate> certificates,
                                            const store::ChangeRequest& request) {
  bool replaces = std::ranges::any_of(certificates, [&](const trust::KnownCertificate& known) {
    return find_certificate(store, to_hex(known.certificate.sha256())).has_value();
  });
  if (replaces) ANCHORD_TRY(flush_ledger(session, request.force));
  return store::add_known(store, certificates, request);
}

}  // namespace anchord::ctl

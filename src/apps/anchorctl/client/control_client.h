// Asks a running anchord over its control socket: one request out, one answer back.
#pragma once

#include <filesystem>

#include "anchord/base/error.h"
#include "anchord/protocol/message.h"

namespace anchord::ctl {

// Whatever it answers, Starting and Refused too. Fails when no service is there, or its answer is
// none of this version, or does not come within protocol::kTimeout.
Result<protocol::Answer> exchange(const std::filesystem::path& state_dir, const protocol::Request& request);

// The answer to that request, or why there is none.
template <class Request>
Result<typename Request::Answer> ask_service(const std::filesystem::path& state_dir, const Request& request) {
  ANCHORD_TRY_ASSIGN(auto answer, exchange(state_dir, request));
  return protocol::expect<typename Request::Answer>(std::move(answer));
}

// Whether one is there, even if it does not answer: it answers, or holds the state's lock.
bool service_runs(const std::filesystem::path& state_dir);

}  // namespace anchord::ctl

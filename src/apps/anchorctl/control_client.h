// Asks a running anchord over its control socket DIR/control.sock: one line out,
// everything up to the end of the stream back.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "anchord/base/clock.h"
#include "anchord/base/error.h"

namespace anchord::ctl {

// An operator's shell must not hang on a service that does.
constexpr Millis kControlTimeout = 2000;

// A status document is a few kilobytes; a larger answer is not one.
constexpr std::size_t kMaxControlAnswer = std::size_t{1} << 20;

// In front of the error's text when the service runs and does not serve yet: "it is starting:
// signing 2048 of 4900 files".
constexpr std::string_view kStarting = "it is starting: ";

Result<std::string> ask_service(const std::filesystem::path& state_dir, std::string_view line);

// Whether one is there, even if it does not answer: it answers, or holds the state's lock.
bool service_runs(const std::filesystem::path& state_dir);

}  // namespace anchord::ctl

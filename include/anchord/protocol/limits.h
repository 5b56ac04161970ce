// What both ends of the control socket hold to. A service and a command that are of different
// versions of the protocol refuse each other, and say so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "anchord/base/clock.h"

namespace anchord::protocol {

// Raised with every change to what a message holds, so that a field of a version is always there.
inline constexpr std::uint64_t kVersion = 1;

// In the state directory.
inline constexpr std::string_view kSocketName = "control.sock";

// Bytes of one message, with the newline at its end: no client makes the service keep more, and no
// service makes a command read more.
inline constexpr std::size_t kMaxRequest = 256;
inline constexpr std::size_t kMaxAnswer = std::size_t{1} << 20;
// Levels of objects and arrays in a message. Stops nesting that costs much more memory than its text.
inline constexpr int kMaxDepth = 8;

// For a request to come in, and for its answer to go out: an operator's shell must not hang on a
// service that does, nor a client keep its place.
inline constexpr Millis kTimeout = 2'000;

// The longest time that one trace may have all requests of phones recorded for.
inline constexpr std::uint32_t kMaxTraceSeconds = 600;

}  // namespace anchord::protocol

// What a client of the admin endpoint can make grow, and how far.
#pragma once

#include <cstddef>

#include "anchord/base/clock.h"

namespace anchord::admin {

// Connections at once. Stops floods: what is more waits in the kernel's backlog, or makes a silent one give
// way.
constexpr std::size_t kMaxConnections = 64;
// Taken from the backlog before those that there are get their turn.
constexpr int kAcceptsAtOnce = 16;
// Bytes of a request's head. Stops heads that do not end.
constexpr std::size_t kMaxHead = 8 * 1024;
// From a connection's begin, or a request's first byte, to the end of the request's head, a TLS handshake
// included. Stops those who send a byte now and then (slowloris).
constexpr Millis kRequestTime = 5'000;
// Between two requests.
constexpr Millis kIdleTime = 30'000;
// For an answer to be taken. Stops those who do not read.
constexpr Millis kAnswerTime = 15'000;
// For the peer to end a connection that is over, so that the last answer is not lost to a reset.
constexpr Millis kLingerTime = 1'000;
// What is read and thrown away meanwhile.
constexpr std::size_t kMaxLinger = 64 * 1024;
// Bytes of a connection that the kernel keeps, as it counts them.
constexpr int kSendBuffer = 128 * 1024;
// Bytes of an answer.
constexpr std::size_t kMaxAnswer = std::size_t{4} << 20;
// Bytes of answers that clients have not taken yet, all together: past it further ones are told to come
// back. Stops many who ask for much and read nothing.
constexpr std::size_t kMaxUntaken = std::size_t{16} << 20;

}  // namespace anchord::admin

// The process's log: one line per event on standard error, as text or as JSON.
//
// For operators' events. What a single peer does is counted, not logged (a flood
// must not fill a disk); at level debug it is logged too. What peers cause and operators
// should hear of all the same is limited as a kind (Peers). Thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "anchord/base/clock.h"
#include "anchord/base/error.h"

namespace anchord::log {

enum class Format { text, json };

enum class Level : std::uint8_t { trace, debug, info, warn, error, off };

inline constexpr std::array<std::string_view, 6> kLevels{"trace", "debug", "info", "warn", "error", "off"};

Result<Level> parse_level(std::string_view text);  // one of kLevels
std::string_view to_text(Level level);

void set_level(Level level);     // of the least important lines that are written; else it is info
void set_format(Format format);  // else it is text

bool debug_enabled();
void debug(std::string_view line);
void info(std::string_view line);
void warn(std::string_view line);
void error(std::string_view line);

// The kinds of lines that peers can cause. Of each so many are written in a minute
// (LineLimit), whoever causes them and on whatever thread; of the others, which level debug
// shows, tell_left_out() says how many there were.
enum class Peers : std::uint8_t {
  handshakes,    // TLS handshakes that failed
  signers,       // questions for signers that are not there
  guessing,      // sources that guess devices' names
  connections,   // connections that could not be begun
  ledger_gaps,   // times that the ledger may lack something of
  ledger_speed,  // the ledger lags behind what phones are given
  backlogs,      // the kernel would not have another backlog
  memory,        // steps that were given up for want of memory
  readers,       // slow readers of files that were replaced give way
  requests,      // what comes over the control socket and is no request
  admin,         // requests to the admin endpoint without its token
  count,
};
void warn(Peers kind, std::string_view line);
void error(Peers kind, std::string_view line);

// Says of each kind whose minute is over how many lines were left out. To be called every few
// seconds, and at the end with kNever.
void tell_left_out(Millis now = monotonic_now());

}  // namespace anchord::log

// The process's log: one line per event on standard error, as text or as JSON.
//
// For operators' events. What a single peer does is counted, not logged (a flood
// must not fill a disk); at level debug it is logged too. Thread-safe.
#pragma once

#include <string_view>

#include "anchord/base/error.h"

namespace anchord::log {

enum class Format { text, json };

// `level` is one of trace, debug, info, warn, error, off.
Status configure(std::string_view level, Format format);

bool debug_enabled();
void debug(std::string_view line);
void info(std::string_view line);
void warn(std::string_view line);
void error(std::string_view line);

}  // namespace anchord::log

#include "anchord/base/log.h"

#include <fmt/core.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>

#include "anchord/base/ascii.h"
#include "anchord/base/printable.h"
#include "line_limits.h"

namespace anchord::log {
namespace {

// %v of the JSON pattern: the line, quoted and escaped.
class JsonMessage : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const std::string quoted =
        json_text(nlohmann::json(std::string(message.payload.data(), message.payload.size())));
    out.append(quoted.data(), quoted.data() + quoted.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<JsonMessage>(); }
};

// %v of the text pattern: one line whatever is in it. Names of files and of peers are
// other people's.
class TextMessage : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const std::string line = printable({message.payload.data(), message.payload.size()});
    out.append(line.data(), line.data() + line.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<TextMessage>(); }
};

std::unique_ptr<spdlog::formatter> text_lines() {
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<TextMessage>('*').set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %-5l %*");
  return formatter;
}

std::unique_ptr<spdlog::formatter> json_lines() {
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<JsonMessage>('*').set_pattern(
      R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":%*})");
  return formatter;
}

spdlog::logger& logger() {
  static std::shared_ptr<spdlog::logger> instance = [] {
    auto made = spdlog::stderr_logger_mt("anchord");
    made->set_formatter(text_lines());
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return *instance;
}

LineLimits& limits() {
  static LineLimits instance;
  return instance;
}

// What the count of a kind is of.
constexpr std::array<const char*, LineLimits::kKinds> kLeftOut{
    "more TLS handshakes failed within a minute (tvs_handshake_failures, https_handshake_failures and "
    "..._handshakes_dropped count all)",
    "more questions of phones for signers that are not there within a minute (tvs_query_not_found counts "
    "all)",
    "more times a source asked for many devices that do not exist within a minute (http_throttled, "
    "https_throttled "
    "and tftp_throttled count what was not told)",
    "more connections could not be begun within a minute",
    "more times that the ledger may lack something of within a minute",
    "more times within a minute the ledger was not written as fast as phones are given files",
    "more times the kernel would not have another backlog within a minute",
    "more times there was not enough memory for a step within a minute (memory.failures counts all)",
    "more times within a minute slow readers of files that were replaced gave way (memory_gave_way counts "
    "all)",
    "more requests on the control socket were refused within a minute",
    "more requests to the admin endpoint had no token or a wrong one within a minute",
};

void write_limited(Peers kind, spdlog::level::level_enum level, std::string_view line) {
  logger().log(limits().allow(kind, monotonic_now()) ? level : spdlog::level::debug, line);
}

}  // namespace

Result<Level> parse_level(std::string_view text) {
  const auto found = std::ranges::find(kLevels, text);
  if (found != kLevels.end()) return static_cast<Level>(found - kLevels.begin());
  return fail(fmt::format("'{}' is not one of {}", text, joined(kLevels, ", ")));
}

std::string_view to_text(Level level) {
  return kLevels[static_cast<std::size_t>(level)];
}

void set_level(Level level) {
  logger().set_level(spdlog::level::from_str(std::string(to_text(level))));
}

void set_format(Format format) {
  logger().set_formatter(format == Format::json ? json_lines() : text_lines());
}

bool debug_enabled() {
  return logger().should_log(spdlog::level::debug);
}
void debug(std::string_view line) {
  logger().debug(line);
}
void info(std::string_view line) {
  logger().info(line);
}
void warn(std::string_view line) {
  logger().warn(line);
}
void error(std::string_view line) {
  logger().error(line);
}

void warn(Peers kind, std::string_view line) {
  write_limited(kind, spdlog::level::warn, line);
}
void error(Peers kind, std::string_view line) {
  write_limited(kind, spdlog::level::err, line);
}

void tell_left_out(Millis now) {
  const auto left_out = limits().take_left_out(now);
  for (std::size_t kind = 0; kind < left_out.size(); ++kind)
    if (left_out.at(kind) > 0) warn(std::to_string(left_out.at(kind)) + " " + kLeftOut.at(kind));
}

}  // namespace anchord::log

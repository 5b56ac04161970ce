#include "status_json.h"

#include <fmt/format.h>

#include <array>

#include "anchord/base/calendar.h"

namespace anchord::control {
namespace {

nlohmann::json time_or_null(UnixSeconds time) {
  return time != 0 ? nlohmann::json(time) : nlohmann::json();
}

}  // namespace

nlohmann::json to_json(const DeviceLog::Device& device) {
  nlohmann::json files = nlohmann::json::array();
  for (const DeviceLog::FileCount& file : device.files) {
    files.push_back({{"file", file.file},
                     {"version", fmt::format("{:016x}", file.version)},
                     {"completed", file.completed},
                     {"failed", file.failed},
                     {"last", file.last},
                     {"protocol", service::protocol_name(file.protocol)},
                     {"from", file.from.text()}});
  }
  nlohmann::json out = {{"device", device.name},  {"questions", device.questions},
                        {"last_asked", nullptr},  {"last_question", nullptr},
                        {"last_answer", nullptr}, {"files", std::move(files)}};
  if (device.questions == 0) return out;
  out["last_asked"] = device.last_asked;
  out["last_question"] = device.last_kind == service::QuestionKind::verify ? "verify" : "query";
  out["last_answer"] = device.last_yes;
  return out;
}

nlohmann::json to_json(const Provisioner::Report& report) {
  constexpr std::size_t kShown = 100;
  constexpr std::array kServed{"nothing", "last good", "as it is"};
  nlohmann::json problems = nlohmann::json::array();
  for (const auto& [file, problem] : report.problems) {
    if (problems.size() == kShown) break;
    problems.push_back({{"file", file},
                        {"reason", problem.reason},
                        {"since", problem.since},
                        {"served", kServed.at(static_cast<std::size_t>(problem.served))}});
  }
  nlohmann::json warnings = nlohmann::json::array();
  for (const auto& [file, warning] : report.warnings) {
    if (warnings.size() == kShown) break;
    warnings.push_back({{"file", file}, {"reason", warning.reason}, {"since", warning.since}});
  }
  return {{"files", report.files},
          {"bytes", report.bytes},
          {"signatures_made", report.signatures_made},
          {"signatures_kept", report.signatures_kept},
          {"watching", report.watching},
          {"cache_problem", report.cache_problem},
          {"making", {{"done", report.made}, {"of", report.to_make}}},
          {"problem_count", report.problems.size()},
          {"problems", std::move(problems)},
          {"warning_count", report.warnings.size()},
          {"warnings", std::move(warnings)},
          {"held",
           {{"files", report.held.files},
            {"certificates", report.held.certificates},
            {"until", time_or_null(report.held.until)}}}};
}

nlohmann::json to_json(const LedgerWriter::Report& report, std::uint64_t unread) {
  return {{"devices", report.devices},      {"pending", report.pending},
          {"noted", report.noted + unread}, {"written", report.written},
          {"dropped", report.dropped},      {"last_written", time_or_null(report.last_written)},
          {"problem", report.problem}};
}

// Those that end first.
nlohmann::json to_json(const ExpiryWatch& expiry, UnixSeconds now) {
  constexpr std::size_t kShown = 100;
  nlohmann::json out = nlohmann::json::array();
  for (const ExpiryWatch::Certificate& certificate : expiry.soonest_first()) {
    if (out.size() == kShown) break;
    out.push_back({{"certificate", certificate.what},
                   {"sha256", certificate.sha256.text()},
                   {"own", certificate.own},
                   {"not_before", certificate.begins},
                   {"not_after", certificate.ends},
                   {"days_left", days_left(certificate.ends, now)}});
  }
  return out;
}

nlohmann::json to_json(const Result<store::BackupState>& backup) {
  if (!backup) return {{"last", nullptr}, {"holds_tftp_key", false}, {"problem", backup.error().text}};
  return {{"last", time_or_null(backup->last.value_or(0))},
          {"holds_tftp_key", backup->holds_tftp_key},
          {"problem", ""}};
}

}  // namespace anchord::control

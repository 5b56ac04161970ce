#include "process/status_parts.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <optional>

#include "anchord/base/calendar.h"

namespace anchord::control {
namespace {

// More of each kind are counted, and not shown.
constexpr std::size_t kShown = 100;
constexpr std::size_t kRecent = 20;

std::optional<UnixSeconds> time_if_any(UnixSeconds time) {
  return time != 0 ? std::optional(time) : std::nullopt;
}

protocol::Device status_of(const DeviceLog::Device& device) {
  protocol::Device out{.device = device.name,
                       .questions = device.questions,
                       .last_asked = {},
                       .last_question = {},
                       .last_answer = {},
                       .files = {}};
  for (const DeviceLog::FileCount& file : device.files) {
    out.files.push_back({.file = file.file,
                         .version = fmt::format("{:016x}", file.version),
                         .completed = file.completed,
                         .failed = file.failed,
                         .last = file.last,
                         .protocol = service::protocol_name(file.protocol),
                         .from = file.from.text()});
  }
  if (device.questions == 0) return out;
  out.last_asked = device.last_asked;
  out.last_question = device.last_kind == service::QuestionKind::verify ? protocol::Question::verify
                                                                        : protocol::Question::query;
  out.last_answer = device.last_yes;
  return out;
}

}  // namespace

std::vector<protocol::Device> recent_devices(const DeviceLog& devices) {
  std::vector<protocol::Device> out;
  for (const DeviceLog::Device& device : devices.newest_first()) {
    if (out.size() == kRecent) break;
    out.push_back(status_of(device));
  }
  return out;
}

std::map<std::string, std::string> first_of(const std::map<std::string, std::string>& withdrawn) {
  const auto most = static_cast<std::ptrdiff_t>(std::min(kShown, withdrawn.size()));
  return {withdrawn.begin(), std::next(withdrawn.begin(), most)};
}

protocol::Provisioning status_of(const ProvisioningReport& report) {
  protocol::Provisioning out{.files = report.files,
                             .bytes = report.bytes,
                             .signatures_made = report.signatures_made,
                             .signatures_kept = report.signatures_kept,
                             .watching = report.watching,
                             .cache_problem = report.cache_problem,
                             .making = {.done = report.made, .of = report.to_make},
                             .problem_count = report.problems.size(),
                             .problems = {},
                             .warning_count = report.warnings.size(),
                             .warnings = {},
                             .held = {.files = report.held.files,
                                      .certificates = report.held.certificates,
                                      .until = time_if_any(report.held.until)}};
  for (const auto& [file, problem] : report.problems) {
    if (out.problems.size() == kShown) break;
    out.problems.push_back(
        {.file = file, .reason = problem.reason, .since = problem.since, .served = problem.served});
  }
  for (const auto& [file, warning] : report.warnings) {
    if (out.warnings.size() == kShown) break;
    out.warnings.push_back({.file = file, .reason = warning.reason, .since = warning.since});
  }
  return out;
}

protocol::Ledger status_of(const LedgerWriter::Report& report, std::uint64_t unread) {
  return {.devices = report.devices,
          .pending = report.pending,
          .noted = report.noted + unread,
          .written = report.written,
          .dropped = report.dropped,
          .last_written = time_if_any(report.last_written),
          .problem = report.problem};
}

std::vector<protocol::ExpiringCertificate> status_of(const ExpiryWatch& expiry, UnixSeconds now) {
  std::vector<protocol::ExpiringCertificate> out;
  for (const ExpiryWatch::Certificate& certificate : expiry.soonest_first()) {
    if (out.size() == kShown) break;
    out.push_back({.certificate = certificate.what,
                   .sha256 = std::string(certificate.sha256.text()),
                   .own = certificate.service.has_value(),
                   .not_before = certificate.begins,
                   .not_after = certificate.ends,
                   .days_left = days_left(certificate.ends, now)});
  }
  return out;
}

std::vector<AdminFacts::OwnCertificate> own_certificates(const ExpiryWatch& expiry) {
  std::vector<AdminFacts::OwnCertificate> out;
  for (const ExpiryWatch::Certificate& certificate : expiry.soonest_first()) {
    if (!certificate.service) continue;
    out.push_back({.service = std::string(trust::service_name(*certificate.service)),
                   .certificate = certificate.what,
                   .ends = certificate.ends});
  }
  return out;
}

protocol::Engine status_of(const store::SharedFollower::Report& report) {
  protocol::Engine out{.member = report.member.has_value(),
                       .members = {},
                       .change = 0,
                       .newest = report.newest,
                       .heard = time_if_any(report.heard),
                       .problem = report.problem};
  if (!report.member) return out;
  out.members = report.member->engine;
  out.change = report.member->number;
  return out;
}

protocol::Backup status_of(const Result<store::BackupState>& backup) {
  if (!backup) return {.last = {}, .holds_tftp_key = false, .problem = backup.error().text};
  return {
      .last = time_if_any(backup->last.value_or(0)), .holds_tftp_key = backup->holds_tftp_key, .problem = {}};
}

}  // namespace anchord::control

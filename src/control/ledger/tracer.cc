#include "ledger/tracer.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

#include "anchord/base/calendar.h"
#include "anchord/base/log.h"
#include "anchord/phone/device_name.h"
#include "ledger/device_log.h"

namespace anchord::control {
namespace {

using service::DownloadEnd;
using service::Question;
using service::QuestionKind;
using service::TlsService;
using service::Trouble;

// The alerts of RFC 8446, section 6.
enum Alert : std::uint8_t {
  handshake_failure = 40,
  bad_certificate = 42,
  unsupported_certificate = 43,
  certificate_revoked = 44,
  certificate_expired = 45,
  certificate_unknown = 46,
  illegal_parameter = 47,
  unknown_ca = 48,
  access_denied = 49,
  decode_error = 50,
  decrypt_error = 51,
  protocol_version = 70,
  insufficient_security = 71,
  internal_error = 80,
  user_canceled = 90,
};

constexpr std::array kEnds{"given: all of it was acknowledged", "sent, and not known to have arrived whole",
                           "not there"};

std::string question_text(const Question& question) {
  if (question.kind == QuestionKind::verify)
    return fmt::format("is the certificate {} good?", question.serial.text());
  return fmt::format("who is the signer {} of {}?", question.serial.text(), question.issuer.text());
}

std::string answer_text(const Question& question) {
  std::string out = question.answered_yes ? "found" : "not found";
  if (question.sast) out += ", signs lists";
  if (!question.delivered) out += "; the answer is not known to have arrived";
  return out;
}

std::string trouble_text(const Trouble& trouble, UnixSeconds tvs_since) {
  if (trouble.kind == Trouble::Kind::dropped)
    return "it ended the connection in the middle of the handshake without a word";
  if (trouble.alert != 0) return alert_text(trouble, tvs_since);
  return fmt::format("the handshake was refused: {}", trouble.reason.text());
}

// When the records' clock showed `at`.
std::int64_t unix_millis(Millis at, Millis now) {
  auto ago = static_cast<std::int64_t>(now - std::min(at, now));
  return calendar_now() * 1000 - ago;
}

}  // namespace

std::string alert_text(const Trouble& trouble, UnixSeconds tvs_since) {
  bool is_tvs = trouble.service == TlsService::tvs;
  switch (trouble.alert) {
    case bad_certificate:
    case unsupported_certificate:
    case certificate_revoked:
    case certificate_unknown:
    case unknown_ca:
    case access_denied: {
      std::string out = fmt::format("it does not trust this host's {} certificate", is_tvs ? "TVS" : "HTTPS");
      if (is_tvs && tvs_since != 0) out += ": its list is older than " + date_text(tvs_since);
      return out;
    }
    case certificate_expired:
      return fmt::format("it takes this host's {} certificate for expired: compare its clock",
                         is_tvs ? "TVS" : "HTTPS");
    case handshake_failure:
    case protocol_version:
    case insufficient_security:
      return "it shares no version or cipher of TLS with this service (--tls-min, --tls-ciphers)";
    case illegal_parameter:
    case decode_error:
    case decrypt_error:
      return fmt::format("it could not read the handshake (alert {})", trouble.alert);
    case internal_error:
      return "it failed in itself";
    case user_canceled:
      return "it gave the connection up";
    default:
      return fmt::format("it refused the handshake (alert {})", trouble.alert);
  }
}

void Tracer::note(const service::Download& download, std::string_view device) {
  std::string_view file = download.file.text();
  const char* end = kEnds.at(static_cast<std::size_t>(download.end));
  const char* protocol = service::protocol_name(download.protocol);
  // A request that is recorded says as much of what is not there.
  bool is_told = download.end == DownloadEnd::not_there && until_ != 0;
  if (log::debug_enabled())
    log::debug(fmt::format("{}: {} {} asked for '{}': {}", protocol, download.from.text(),
                           device.empty() ? "(of nobody known)" : device, file, end));
  if (device.empty() || is_told) return;
  trace_.note_device(phone::device_key(device), {.at = download.ended,
                                                 .from = download.from,
                                                 .protocol = protocol,
                                                 .what = std::string(file),
                                                 .outcome = end});
}

void Tracer::note(const service::Request& request, std::string_view device) {
  std::string_view file = request.file.text();
  const char* answered = service::answered_name(request.answered);
  const char* protocol = service::protocol_name(request.protocol);
  if (log::debug_enabled())
    log::debug(fmt::format("{}: {} {} asks for '{}': {}", protocol, request.from.text(),
                           device.empty() ? "(of nobody known)" : device, file, answered));
  if (device.empty()) return;
  trace_.note_device(phone::device_key(device), {.at = request.at,
                                                 .from = request.from,
                                                 .protocol = protocol,
                                                 .what = std::string(file),
                                                 .outcome = answered});
}

void Tracer::note(const Question& question, bool is_served) {
  std::string what = question_text(question);
  std::string outcome = answer_text(question);
  std::string name(question.device.text());
  if (log::debug_enabled())
    log::debug(fmt::format("tvs: {} {} asked: {} {}", question.from.text(), name, what, outcome));
  if (is_served && question.kind == QuestionKind::query && !question.answered_yes) {
    log::warn(
        log::Peers::signers,
        fmt::format(
            "tvs: {} at {} asked for the signer {} of '{}', and there is none: it refuses what that one "
            "signed ('anchorctl phone trace' says what it was)",
            name, question.from.text(), question.serial.text(), question.issuer.text()));
  }
  trace_.note_device(phone::device_key(name), {.at = question.at,
                                               .from = question.from,
                                               .protocol = "tvs",
                                               .what = std::move(what),
                                               .outcome = std::move(outcome)});
}

void Tracer::note(const Trouble& trouble, const std::optional<crypto::Certificate>& tvs) {
  bool is_tvs = trouble.service == TlsService::tvs;
  bool is_present = tvs && std::ranges::equal(trouble.presented,
                                              std::span(tvs->sha256()).first<sizeof trouble.presented>());
  std::string text = trouble_text(trouble, is_present ? tvs->not_before() : 0);
  const char* protocol = is_tvs ? "tvs" : "https";
  log::warn(log::Peers::handshakes, fmt::format("{}: {}: {}", protocol, trouble.from.text(), text));
  trace_.note_address({.at = trouble.at,
                       .from = trouble.from,
                       .protocol = protocol,
                       .what = "a TLS connection",
                       .outcome = std::move(text)});
}

void Tracer::tick(Millis now) {
  if (now >= until_) until_ = 0;
}

bool Tracer::wants_requests(Millis now) const {
  return now < until_ || log::debug_enabled();
}

protocol::Answer Tracer::answer(const protocol::TraceRequest& request, Millis now) {
  const auto device = phone::device_called(request.device);
  if (!device)
    return protocol::Refused{"that is no phone's name: SEP and the 12 digits of the MAC address are needed"};
  until_ = std::max(until_, now + Millis{std::min(request.seconds, protocol::kMaxTraceSeconds)} * 1000);
  protocol::Trace out{.device = *device, .last = trace_.last(), .events = {}};
  for (DeviceTrace::Event& event : trace_.events(*device, request.since)) {
    out.events.push_back({.number = event.number,
                          .at = unix_millis(event.at, now),
                          .address = event.from.text(),
                          .protocol = std::move(event.protocol),
                          .what = std::move(event.what),
                          .outcome = std::move(event.outcome)});
  }
  return out;
}

}  // namespace anchord::control

// The course of a boot: what is asked for, and what follows from the answers.
#include "anchord/trust/virtual_phone.h"

#include <fmt/core.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "anchord/base/ascii.h"
#include "anchord/base/serial_number.h"
#include "anchord/crypto/name.h"
#include "anchord/phone/file_kind.h"
#include "anchord/trust/encrypted_file.h"
#include "anchord/trust/own_list.h"
#include "anchord/trust/signed_file.h"
#include "anchord/trust/trust_list.h"
#include "anchord/trust/xml.h"
#include "anchord/wire/signed_file.h"
#include "anchord/wire/tvs.h"
#include "held_list.h"
#include "signing.h"

namespace anchord::trust {
namespace {

// A peer's text in a reason.
constexpr std::size_t kMaxShown = 128;

std::string shown(std::string_view text) {
  std::string out{text.substr(0, kMaxShown)};
  for (char& c : out)
    if (c < ' ' || c > '~') c = '?';
  return out;
}

// A header's first item is the version: one byte that no text begins with.
bool begins_as_signed(Bytes content) {
  return !content.empty() && content.front() == 1;
}

}  // namespace

std::string_view boot_end_name(BootEnd end) {
  switch (end) {
    case BootEnd::fine:
      return "fine";
    case BootEnd::degraded:
      return "degraded";
    case BootEnd::locked:
      return "locked";
  }
  std::unreachable();
}

bool VerifiedFiles::has(const PhoneMemory& held, Bytes file) const {
  return std::ranges::any_of(entries_, [&](const Entry& e) {
    return same_bytes(e.file, file) && same_bytes(e.itl, held.itl) && same_bytes(e.ctl, held.ctl);
  });
}

void VerifiedFiles::add(const PhoneMemory& held, Bytes file) {
  if (entries_.size() == kMax) entries_.pop_front();
  entries_.push_back({held.ctl, held.itl, to_buffer(file)});
}

VirtualPhone::VirtualPhone(PhoneSettings settings, PhoneMemory memory)
    : settings_(std::move(settings)), memory_(std::move(memory)) {
  settings_.tvs_servers = std::clamp(settings_.tvs_servers, std::size_t{1}, kMaxTvsServers);
}

std::string VirtualPhone::file_name(Step step) const {
  switch (step) {
    case Step::ctl_own:
      return phone::own_list_file({settings_.name, ListKind::ctl});
    case Step::ctl_any:
      return phone::kCtlFileName;
    case Step::itl_own:
      return phone::own_list_file({settings_.name, ListKind::itl});
    case Step::itl_any:
      return phone::kItlFileName;
    case Step::encrypted_own:
      return phone::file_name(phone::FileKind::configuration, settings_.name, phone::FileForm::enc_sgn);
    case Step::signed_own:
      return phone::file_name(phone::FileKind::configuration, settings_.name, phone::FileForm::sgn);
    case Step::signed_default:
      return phone::file_name(phone::FileKind::default_configuration, {}, phone::FileForm::sgn);
    case Step::plain_own:
      return phone::file_name(phone::FileKind::configuration, settings_.name);
    case Step::plain_default:
      return phone::file_name(phone::FileKind::default_configuration);
    case Step::ended:
      break;
  }
  std::unreachable();
}

VirtualPhone::Want VirtualPhone::boot(UnixSeconds) {
  questions_ = 0;
  locked_.clear();
  degraded_.clear();
  damage_.clear();
  tvs_trust_ = true;
  unsettled_ = false;
  return fetch(settings_.security_by_default ? Step::ctl_own : Step::plain_own);
}

VirtualPhone::Want VirtualPhone::fetch(Step step) {
  step_ = step;
  waiting_ = Waiting::file;
  retries_ = 0;
  return Fetch{file_name(step)};
}

VirtualPhone::Want VirtualPhone::got_file(Bytes content, UnixSeconds now, From from) {
  assert(waiting_ == Waiting::file);
  waiting_ = Waiting::nothing;
  return is_list(step_) ? got_list(content, now) : got_configuration(content, now, from);
}

VirtualPhone::Want VirtualPhone::not_found(UnixSeconds) {
  assert(waiting_ == Waiting::file);
  switch (step_) {
    case Step::ctl_own:
      return fetch(Step::ctl_any);
    case Step::ctl_any:
      return after_list();  // the cluster has none
    case Step::itl_own:
      return fetch(Step::itl_any);
    case Step::encrypted_own:
      return fetch(Step::signed_own);
    case Step::signed_own:
      return fetch(Step::signed_default);
    case Step::plain_own:
      return fetch(Step::plain_default);
    default:
      return fall_short(fmt::format("'{}' is not there", file_name(step_)));
  }
}

VirtualPhone::Want VirtualPhone::no_file(UnixSeconds) {
  assert(waiting_ == Waiting::file);
  if (is_list(step_) && retries_ < kListRetries) {
    ++retries_;
    return Fetch{file_name(step_)};
  }
  return fall_short(fmt::format("nobody answered for '{}'", file_name(step_)));
}

VirtualPhone::Want VirtualPhone::after_list() {
  if (is_ctl(step_)) return fetch(Step::itl_own);
  if (takes_unsigned()) return fetch(Step::plain_own);
  return fetch(settings_.key ? Step::encrypted_own : Step::signed_own);
}

VirtualPhone::Want VirtualPhone::fall_short(std::string reason) {
  if (degraded_.empty()) degraded_ = std::move(reason);
  if (!is_list(step_)) return finish();
  unsettled_ = true;
  return after_list();
}

VirtualPhone::Want VirtualPhone::damaged(std::string reason) {
  if (damage_.empty()) damage_ = reason;
  return fall_short(std::move(reason));
}

// What verification services have told a phone is its own: others do not know it.
bool VirtualPhone::verified_by_others(Bytes file) const {
  return settings_.verified != nullptr && answers_.empty() && settings_.verified->has(memory_, file);
}

void VirtualPhone::tell_others(Bytes file) const {
  if (settings_.verified != nullptr && answers_.empty()) settings_.verified->add(memory_, file);
}

VirtualPhone::Want VirtualPhone::got_list(Bytes content, UnixSeconds now) {
  if (same_bytes(content, is_ctl(step_) ? memory_.ctl : memory_.itl)) return after_list();
  auto list = wire::parse_trust_list(content);
  if (!list) return damaged(fmt::format("'{}' is broken: {}", file_name(step_), list.error().text()));
  if (!same_ignoring_case(list->header.file_name.substr(0, 3),
                          phone::list_prefix(is_ctl(step_) ? ListKind::ctl : ListKind::itl)))
    return damaged(fmt::format("'{}' is another kind of list", file_name(step_)));
  if (verified_by_others(content)) return install_list(content);
  bool has_ctl = is_readable(memory_.ctl);
  bool has_itl = is_readable(memory_.itl);
  bool first = !has_ctl && (is_ctl(step_) ? !has_itl : takes_unsigned());
  return first ? settle_list(content, std::nullopt) : judge(content, list->header, now);
}

VirtualPhone::Want VirtualPhone::got_configuration(Bytes content, UnixSeconds now, From from) {
  const bool vouched_for =
      step_ == Step::signed_own && from == From::trusted_server && !begins_as_signed(content);
  if (step_ == Step::plain_own || step_ == Step::plain_default || vouched_for)
    return take_configuration(to_buffer(content));
  auto file = wire::parse_signed_file(content);
  if (!file) return damaged(fmt::format("'{}' is broken: {}", file_name(step_), file.error().text()));
  if (!same_ignoring_case(file->header.file_name, file_name(step_)))
    return damaged(fmt::format("'{}' is another file", file_name(step_)));
  if (verified_by_others(content)) return open_configuration(content, *file);
  return judge(content, file->header, now);
}

VirtualPhone::Want VirtualPhone::judge(Bytes file, const wire::Header& header, UnixSeconds now) {
  if (header.issuer_name.size() > crypto::kMaxNormalName ||
      header.signer_name.size() > crypto::kMaxNormalName ||
      significant(header.serial).size() > crypto::kMaxSerialNumber)
    return fall_short(fmt::format("'{}' names a signer that no certificate can have", file_name(step_)));
  if (auto listed = listed_signer(header)) return settle(file, *listed);
  const Answer* kept = kept_answer(header.issuer_name, header.serial, now);
  if (kept != nullptr && has_role(kept->roles)) return settle(file, kept->certificate);
  file_ = to_buffer(file);
  if (!lists_tvs()) return refuse("the ITL that it holds lists no verification service", false);
  server_ = 0;
  unreachable_ = false;
  return ask();
}

VirtualPhone::Want VirtualPhone::ask() {
  wire::Header header = wire::parse_header(file_).value();
  Buffer text = device();
  Buffer message(wire::kTvsHeaderSize + wire::kMaxTvsBody);
  Writer out(message);
  wire::write_query_request(out, {.session = ++session_,
                                  .device = text,
                                  .subject = header.signer_name,
                                  .issuer = header.issuer_name,
                                  .serial = significant(header.serial)});
  assert(out.ok());
  message.resize(out.size());
  waiting_ = Waiting::answer;
  ++questions_;
  return Ask{server_, std::move(message)};
}

VirtualPhone::Want VirtualPhone::got_answer(Bytes response, UnixSeconds now) {
  assert(waiting_ == Waiting::answer);
  wire::Header header = wire::parse_header(file_).value();
  auto answer = wire::parse_tvs_response(response);
  if (!answer || answer->command != wire::TvsCommand::query_response || answer->session != session_)
    return no_answer(false, now);
  if (!answer->valid) return refuse("the verification service does not know it", true);
  auto certificate = crypto::Certificate::from_der(answer->certificate);
  if (!certificate || naming_of(header, *certificate) == Naming::other) return no_answer(false, now);
  keep_answer(header.issuer_name, header.serial,
              {*certificate, to_buffer(answer->roles), now + answer->ttl.value_or(0)});
  if (!has_role(answer->roles)) return refuse("the verification service knows it for something else", true);
  waiting_ = Waiting::nothing;
  Buffer file = std::exchange(file_, {});
  return settle(file, *certificate);
}

VirtualPhone::Want VirtualPhone::no_answer(bool not_trusted, UnixSeconds) {
  assert(waiting_ == Waiting::answer);
  if (!not_trusted) unreachable_ = true;
  if (++server_ < settings_.tvs_servers) return ask();
  if (!unreachable_)
    return refuse("the ITL that it holds lists no verification service that there is", false);
  return fall_short(
      fmt::format("no verification service answered about the signer of '{}'", file_name(step_)));
}

VirtualPhone::Want VirtualPhone::refuse(std::string_view why, bool tvs_trust) {
  if (locked_.empty()) {
    wire::Header header = wire::parse_header(file_).value();
    locked_ = fmt::format("it cannot trust '{}', the signer of '{}': {}", shown(header.signer_name),
                          file_name(step_), why);
    tvs_trust_ = tvs_trust;
  }
  return is_list(step_) ? after_list() : finish();
}

VirtualPhone::Want VirtualPhone::settle(Bytes file, const crypto::Certificate& signer) {
  return is_list(step_) ? settle_list(file, signer) : settle_configuration(file, signer);
}

VirtualPhone::Want VirtualPhone::settle_list(Bytes file, const std::optional<crypto::Certificate>& signer) {
  if (auto good = verify_trust_list(file, signer); !good)
    return damaged(fmt::format("'{}' is broken: {}", file_name(step_), shown(good.error().text)));
  tell_others(file);
  return install_list(file);
}

VirtualPhone::Want VirtualPhone::install_list(Bytes file) {
  (is_ctl(step_) ? memory_.ctl : memory_.itl) = to_buffer(file);
  // What was refused before is judged by this list the next time.
  if (!locked_.empty()) unsettled_ = true;
  return after_list();
}

VirtualPhone::Want VirtualPhone::settle_configuration(Bytes file, const crypto::Certificate& signer) {
  auto verified = verify_signed_file(file, signer);
  if (!verified)
    return damaged(fmt::format("'{}' is broken: {}", file_name(step_), shown(verified.error().text)));
  tell_others(file);
  return open_configuration(file, *verified);
}

VirtualPhone::Want VirtualPhone::open_configuration(Bytes file, const wire::SignedFile& parsed) {
  if (!parsed.header.encryption) return take_configuration(to_buffer(parsed.content));
  if (!settings_.key) return fall_short(fmt::format("'{}' is encrypted", file_name(step_)));
  auto plain = decrypt_file(file, *settings_.key);
  if (!plain) return fall_short(fmt::format("'{}' is encrypted to another phone", file_name(step_)));
  return take_configuration(std::move(*plain));
}

VirtualPhone::Want VirtualPhone::take_configuration(Buffer plain) {
  if (auto good = check_xml(plain); !good)
    return damaged(fmt::format("'{}' is no good XML: {}", file_name(step_), good.error().text));
  memory_.configuration = std::move(plain);
  return finish();
}

VirtualPhone::Want VirtualPhone::finish() {
  waiting_ = Waiting::nothing;
  step_ = Step::ended;
  if (!locked_.empty() && !unsettled_) return Done{BootEnd::locked, locked_, tvs_trust_, damage_};
  if (!locked_.empty()) return Done{BootEnd::degraded, locked_ + "; it may at its next boot", true, damage_};
  if (!degraded_.empty()) return Done{BootEnd::degraded, degraded_, true, damage_};
  return Done{};
}

}  // namespace anchord::trust

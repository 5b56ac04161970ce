// Whom a virtual phone trusts: its lists, and what verification services said.
#include <algorithm>
#include <array>
#include <cassert>

#include "anchord/base/serial_number.h"
#include "anchord/trust/virtual_phone.h"
#include "anchord/wire/tvs.h"
#include "held_list.h"
#include "signing.h"

namespace anchord::trust {
namespace {

using wire::Role;

constexpr std::array kListSigners{Role::sast};
constexpr std::array kFileSigners{Role::tftp, Role::ccm_tftp};
constexpr std::array kFileServers{Role::tftp, Role::ccm_tftp, Role::app_server};
constexpr std::array kVerificationServices{Role::tvs};
// An ITL whose records of these are there, and all of them without a certificate, is the empty
// one of a rollback. A list that never had such records says nothing of the kind.
constexpr std::array kBlankedRoles{Role::tftp, Role::ccm_tftp, Role::tvs};

bool any_role(Bytes roles, std::span<const Role> wanted) {
  return std::ranges::any_of(
      roles, [&](std::uint8_t role) { return std::ranges::find(wanted, Role{role}) != wanted.end(); });
}

}  // namespace

bool VirtualPhone::takes_unsigned() const {
  if (!settings_.security_by_default) return true;
  bool blanked = lists_blanked(memory_.itl, kBlankedRoles) && !lists_any(memory_.itl, kBlankedRoles);
  return (blanked || !is_readable(memory_.itl)) && !lists_any(memory_.ctl, kFileSigners);
}

bool VirtualPhone::lists_tvs() const {
  return lists_any(memory_.itl, kVerificationServices);
}

std::optional<crypto::Certificate> VirtualPhone::listed_signer(const wire::Header& header) const {
  std::span<const Role> roles = kListSigners;
  if (!is_list(step_)) roles = kFileSigners;
  if (auto found = find_signer(memory_.ctl, header, roles)) return found;
  // Who may sign a CTL is for the CTL to say, where there is one.
  if (is_ctl(step_) && is_readable(memory_.ctl)) return std::nullopt;
  return find_signer(memory_.itl, header, roles);
}

bool VirtualPhone::has_role(Bytes roles) const {
  return is_list(step_) ? any_role(roles, kListSigners) : any_role(roles, kFileSigners);
}

bool VirtualPhone::trusts_tvs(Bytes presented_der) const {
  return lists_certificate(memory_.itl, presented_der, kVerificationServices);
}

bool VirtualPhone::trusts_https(Bytes presented_der, UnixSeconds now) const {
  if (lists_certificate(memory_.itl, presented_der, kFileServers) ||
      lists_certificate(memory_.ctl, presented_der, kFileServers))
    return true;
  auto certificate = crypto::Certificate::from_der(presented_der);
  if (!certificate) return false;
  const Answer* kept = kept_answer(certificate->issuer().to_vendor(), certificate->serial(), now);
  return kept != nullptr && kept->certificate == *certificate && any_role(kept->roles, kFileServers);
}

VirtualPhone::Ask VirtualPhone::ask_https(Bytes presented_der, std::size_t server) {
  Buffer text = device();
  // What a peer presents may be larger than a question: the service would not take that either.
  Buffer message(wire::kTvsHeaderSize + wire::kMaxTvsBody);
  Writer out(message);
  presented_der = presented_der.first(std::min(presented_der.size(), crypto::kMaxCertificateSize));
  wire::write_verify_request(out, {.session = ++session_, .device = text, .certificate = presented_der});
  assert(out.ok());
  message.resize(out.size());
  ++questions_;
  return {server, std::move(message)};
}

bool VirtualPhone::got_https_answer(Bytes presented_der, Bytes response, UnixSeconds now) {
  auto answer = wire::parse_tvs_response(response);
  auto certificate = crypto::Certificate::from_der(presented_der);
  if (!answer || !certificate || answer->command != wire::TvsCommand::verify_response ||
      answer->session != session_ || !answer->valid)
    return false;
  keep_answer(certificate->issuer().to_vendor(), certificate->serial(),
              {*certificate, to_buffer(answer->roles), now + answer->ttl.value_or(0)});
  return any_role(answer->roles, kFileServers);
}

const VirtualPhone::Answer* VirtualPhone::kept_answer(std::string_view issuer, Bytes serial,
                                                      UnixSeconds now) const {
  auto found = answers_.find({std::string(issuer), to_buffer(significant(serial))});
  return found != answers_.end() && now < found->second.until ? &found->second : nullptr;
}

void VirtualPhone::keep_answer(std::string_view issuer, Bytes serial, Answer answer) {
  answers_.insert_or_assign({std::string(issuer), to_buffer(significant(serial))}, std::move(answer));
  if (answers_.size() <= kMaxKeptAnswers) return;
  answers_.erase(std::ranges::min_element(answers_, {}, [](const auto& kept) { return kept.second.until; }));
}

Buffer VirtualPhone::device() const {
  return to_buffer(as_bytes("CP-" + settings_.model + "-" + settings_.name));
}

}  // namespace anchord::trust

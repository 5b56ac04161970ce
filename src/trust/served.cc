#include "anchord/trust/served.h"

#include <algorithm>
#include <variant>

#include "anchord/phone/file_kind.h"
#include "anchord/trust/signed_file.h"
#include "anchord/trust/trust_list.h"
#include "anchord/trust/virtual_phone.h"
#include "anchord/wire/tvs.h"
#include "signing.h"

namespace anchord::trust {
namespace {

constexpr std::string_view kConfiguration = "<device></device>\n";

const KnownCertificate* find(const Served& served, const wire::VerifyRequest& asked) {
  auto found = std::ranges::find_if(served.answered, [&](const KnownCertificate& known) {
    return same_bytes(known.certificate.der(), asked.certificate);
  });
  return found == served.answered.end() ? nullptr : &*found;
}

const KnownCertificate* find(const Served& served, const wire::QueryRequest& asked) {
  NamedCertificate named;
  for (const KnownCertificate& known : served.answered)
    named.consider(known.certificate,
                   naming_of({asked.subject, asked.issuer, asked.serial}, known.certificate));
  if (!named.found()) return nullptr;
  return &*std::ranges::find(served.answered, *named.found(), &KnownCertificate::certificate);
}

}  // namespace

std::vector<KnownCertificate> answered_by(const Cluster& cluster) {
  return cluster.rolling_back ? std::vector<KnownCertificate>() : cluster.known;
}

Result<Served> served_by(const Cluster& cluster, UnixSeconds now) {
  Served served{.files = {}, .tvs = {}, .answered = answered_by(cluster)};
  std::vector<TrustListFields> lists{itl_fields(cluster)};
  if (cluster.has_ctl) lists.push_back(ctl_fields(cluster));
  for (const TrustListFields& fields : lists) {
    ANCHORD_TRY_ASSIGN(auto list, build_trust_list(fields, now));
    served.files[fields.file_name] = std::move(list);
  }
  const Identity* signer = cluster.rolling_back ? nullptr : &cluster.tftp;
  ANCHORD_TRY(add_configuration(served, signer, cluster.signing, now));
  for (const Identity& identity : cluster.tvs) served.tvs.push_back(identity.certificate);
  return served;
}

Status add_configuration(Served& served, const Identity* signer, const SigningSettings& signing,
                         UnixSeconds now) {
  served.files[phone::file_name(phone::FileKind::default_configuration)] =
      to_buffer(as_bytes(kConfiguration));
  if (signer == nullptr) return {};
  std::string name = phone::file_name(phone::FileKind::default_configuration, {}, phone::FileForm::sgn);
  ANCHORD_TRY_ASSIGN(auto file, sign_file(name, as_bytes(kConfiguration), *signer, signing, now));
  served.files[name] = std::move(file);
  return {};
}

Buffer answer_of(const Served& served, Bytes question) {
  auto request = wire::parse_tvs_request(question);
  if (!request) return {};
  const KnownCertificate* known =
      std::visit([&](const auto& asked) { return find(served, asked); }, *request);
  Buffer roles;
  if (known != nullptr)
    for (wire::Role role : known->roles) roles.push_back(static_cast<std::uint8_t>(role));
  Buffer message(wire::kTvsHeaderSize + wire::kMaxTvsBody);
  Writer out(message);
  std::uint32_t session = std::visit([](const auto& asked) { return asked.session; }, *request);
  std::uint32_t ttl = known == nullptr ? 0 : known->ttl;
  if (std::holds_alternative<wire::VerifyRequest>(*request)) {
    wire::write_verify_response(out, session, known != nullptr, roles, ttl);
  } else {
    wire::write_query_response(out, session, known == nullptr ? Bytes() : known->certificate.der(), roles,
                               ttl);
  }
  message.resize(out.size());
  return message;
}

VirtualPhone::Want answer_in_memory(VirtualPhone& phone, const VirtualPhone::Want& want, const Served& served,
                                    UnixSeconds now) {
  if (const auto* fetch = std::get_if<VirtualPhone::Fetch>(&want)) {
    auto file = served.files.find(fetch->name);
    return file == served.files.end() ? phone.not_found(now) : phone.got_file(file->second, now);
  }
  const auto& ask = std::get<VirtualPhone::Ask>(want);
  // One that is not there at all will not be trusted later either.
  bool trusted = ask.server < served.tvs.size() && phone.trusts_tvs(served.tvs[ask.server].der());
  return trusted ? phone.got_answer(answer_of(served, ask.message), now) : phone.no_answer(true, now);
}

VirtualPhone::Done boot_in_memory(VirtualPhone& phone, const Served& served, UnixSeconds now) {
  VirtualPhone::Want want = phone.boot(now);
  while (!done(want)) want = answer_in_memory(phone, want, served, now);
  return std::get<VirtualPhone::Done>(want);
}

}  // namespace anchord::trust

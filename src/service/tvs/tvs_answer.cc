#include "tvs/tvs_answer.h"

#include <algorithm>
#include <variant>

#include "anchord/base/serial_number.h"
#include "anchord/crypto/certificate.h"
#include "anchord/crypto/name.h"
#include "anchord/wire/header.h"
#include "anchord/wire/tvs.h"

namespace anchord::service {
namespace {

// How many certificates of one serial number are looked at for one question. Numbers from
// an authority are its own; who makes certificates by hand gives many the number 1, and
// each look costs the reading of two names.
constexpr std::size_t kMaxSerialCandidates = 32;

using Found = const index::CertificateRecord*;

void note_serial(Bytes serial, Question& record) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<char, 41> text;
  std::size_t size = 0;
  for (std::size_t i = 0; i < serial.size() && size + 2 <= text.size(); ++i) {
    text[size++] = kDigits[serial[i] >> 4];
    text[size++] = kDigits[serial[i] & 15];
  }
  record.serial.set({text.data(), size});
}

Found unless_ended(Found found, UnixSeconds now) {
  return found != nullptr && found->ends() && crypto::has_ended(found->der(), now) ? nullptr : found;
}

Found verify(const wire::VerifyRequest& request, const index::Snapshot& snapshot, UnixSeconds now,
             Writer& out, Question& record) {
  Found found = unless_ended(snapshot.certificates.find(request.certificate), now);
  record.kind = QuestionKind::verify;
  if (auto fields = crypto::read_fields(request.certificate)) note_serial(fields->serial, record);
  if (found != nullptr) {
    wire::write_verify_response(out, request.session, true, found->roles(), found->ttl());
  } else {
    wire::write_verify_response(out, request.session, false, {}, 0);
  }
  return found;
}

// Whether this certificate is the one asked for: issuer and serial, and the
// subject where it was given.
bool is_the_one(const index::CertificateRecord& candidate, const crypto::NormalName& issuer, Bytes serial,
                const crypto::NormalName* subject) {
  auto fields = crypto::read_fields(candidate.der());
  if (!fields || !same_number(fields->serial, serial)) return false;
  crypto::NormalName own;
  if (!own.from_der(fields->issuer_der) || own.text() != issuer.text()) return false;
  return subject == nullptr || (own.from_der(fields->subject_der) && own.text() == subject->text());
}

// The vendor's programs and others write names in ways that have no exact key: the only
// certificate with this serial number that fits what was said of it.
Found find_fitting(const wire::QueryRequest& request, const index::Snapshot& snapshot) {
  Found found = nullptr;
  std::size_t seen = 0;
  bool ambiguous = false;
  snapshot.certificates.for_serial(
      index::serial_key(request.serial), [&](const index::CertificateRecord& candidate) {
        ambiguous = ++seen > kMaxSerialCandidates;
        if (ambiguous) return false;
        auto fields = crypto::read_fields(candidate.der());
        bool fits = fields && same_number(fields->serial, request.serial) &&
                    crypto::name_fits(request.issuer, fields->issuer_der) &&
                    (request.subject.empty() || crypto::name_fits(request.subject, fields->subject_der));
        if (!fits) return true;
        ambiguous = found != nullptr;
        found = &candidate;
        return !ambiguous;
      });
  return ambiguous ? nullptr : found;
}

Found find_named(const wire::QueryRequest& request, const index::Snapshot& snapshot) {
  crypto::NormalName issuer;
  crypto::NormalName subject;
  const crypto::NormalName* wanted_subject = request.subject.empty() ? nullptr : &subject;
  if (issuer.from_text(request.issuer) && (wanted_subject == nullptr || subject.from_text(request.subject))) {
    Found exact = snapshot.certificates.find_named(
        index::name_key(issuer.text(), request.serial), [&](const index::CertificateRecord& candidate) {
          return is_the_one(candidate, issuer, request.serial, wanted_subject);
        });
    if (exact != nullptr) return exact;
  }
  return find_fitting(request, snapshot);
}

Found query(const wire::QueryRequest& request, const index::Snapshot& snapshot, UnixSeconds now, Writer& out,
            Question& record) {
  Found found = unless_ended(find_named(request, snapshot), now);
  record.kind = QuestionKind::query;
  constexpr std::uint8_t kZero[] = {0};
  Bytes serial = significant(request.serial);
  note_serial(serial.empty() ? Bytes(kZero) : serial, record);
  record.issuer.set(request.issuer);
  if (found != nullptr) {
    wire::write_query_response(out, request.session, found->der(), found->roles(), found->ttl());
  } else {
    wire::write_query_response(out, request.session, {}, {}, 0);
  }
  return found;
}

}  // namespace

const crypto::Sha256& SignerDigests::of(const index::CertificateRecord& signer, std::uint64_t view) {
  // Records lie a few hundred bytes apart.
  Entry& entry = entries_[reinterpret_cast<std::uintptr_t>(&signer) / 256 % entries_.size()];
  if (entry.signer != &signer || entry.view != view)
    entry = {.signer = &signer, .view = view, .digest = crypto::sha256(signer.der())};
  return entry.digest;
}

Parsed<void> answer_tvs(Bytes message, const index::Snapshot& snapshot, SignerDigests& digests,
                        UnixSeconds now, Writer& out, Question& record) {
  Parsed<wire::TvsRequest> request = wire::parse_tvs_request(message);
  if (!request) return std::unexpected(request.error());
  std::visit([&](const auto& r) { record.device.set(as_text(r.device)); }, *request);
  const auto* asked = std::get_if<wire::VerifyRequest>(&*request);
  Found found = asked != nullptr ? verify(*asked, snapshot, now, out, record)
                                 : query(std::get<wire::QueryRequest>(*request), snapshot, now, out, record);
  record.answered_yes = found != nullptr;
  if (found == nullptr) return {};
  record.ttl = found->ttl();
  const Bytes roles = found->roles();
  record.sast = std::ranges::find(roles, static_cast<std::uint8_t>(wire::Role::sast)) != roles.end();
  if (record.sast) record.certificate = digests.of(*found, snapshot.version);
  return {};
}

}  // namespace anchord::service

#include "snapshot/expiry.h"

#include <fmt/core.h>

#include <map>
#include <tuple>

#include "anchord/base/calendar.h"
#include "anchord/crypto/expiry.h"
#include "provisioning/merge_sorted.h"

namespace anchord::control {
namespace {

using crypto::Expiry;

// After those of Expiry.
constexpr int kNotBegun = static_cast<int>(Expiry::ended) + 1;

// 0: nothing is to be said.
int stage_of(const ExpiryWatch::Certificate& certificate, UnixSeconds now) {
  const Expiry expiry = crypto::expiry_of(certificate.ends, now);
  return expiry != Expiry::ended && certificate.begins > now ? kNotBegun : static_cast<int>(expiry);
}

std::string name_of(const trust::KnownCertificate& known) {
  std::string subject = known.certificate.subject().to_vendor();
  if (known.own) return fmt::format("the {} certificate {}", trust::service_name(*known.own), subject);
  if (known.retired_from)
    return fmt::format("the former {} certificate {}", trust::service_name(*known.retired_from), subject);
  return "the certificate " + subject;
}

std::string_view consequence(const ExpiryWatch::Certificate& certificate, bool refuse_expired) {
  if (certificate.service) return "phones may refuse it: replace it with 'anchorctl cert regenerate'";
  if (!certificate.added) return "phones may refuse it";
  return refuse_expired
             ? "phones that ask are told that it is unknown (--refuse-expired)"
             : "phones that ask are told that it is valid: remove it with 'anchorctl cert remove', "
               "or see --refuse-expired";
}

ExpiryWatch::News news_of(const ExpiryWatch::Certificate& certificate, int stage, UnixSeconds now,
                          bool refuse_expired) {
  if (stage == static_cast<int>(Expiry::ended))
    return {true,
            fmt::format("EXPIRED: {} ended {} days ago; {}", certificate.what,
                        (now - certificate.ends) / kSecondsPerDay, consequence(certificate, refuse_expired))};
  if (stage == kNotBegun)
    return {true, fmt::format("NOT YET VALID: {}; check this machine's clock", certificate.what)};
  return {false, fmt::format("{} ends in {} days", certificate.what, days_left(certificate.ends, now))};
}

}  // namespace

void ExpiryWatch::watch(const trust::Cluster& cluster) {
  std::vector<store::HashText> gone;
  for (const Certificate& certificate : certificates_) gone.push_back(certificate.sha256);
  change(gone, cluster.known);
}

void ExpiryWatch::change(std::span<const store::HashText> gone,
                         std::span<const trust::KnownCertificate> put) {
  std::map<store::HashText, int> said;  // of those that go, be it to come again
  for (const store::HashText& sha256 : gone) said.emplace(sha256, 0);
  for (const trust::KnownCertificate& known : put) said.emplace(known.certificate, 0);
  std::erase_if(certificates_, [&](const Certificate& certificate) {
    auto found = said.find(certificate.sha256);
    if (found == said.end()) return false;
    found->second = certificate.said;
    return true;
  });
  std::vector<Certificate> more;
  for (const trust::KnownCertificate& known : put) {
    store::HashText sha256(known.certificate);
    more.push_back({.what = name_of(known),
                    .sha256 = sha256,
                    .begins = known.certificate.not_before(),
                    .ends = known.certificate.not_after(),
                    .service = known.own,
                    .added = trust::is_added(known),
                    .said = said.at(sha256)});
  }
  merge_sorted(certificates_, std::move(more),
               [](const Certificate& c) { return std::tie(c.ends, c.sha256); });
}

std::vector<ExpiryWatch::News> ExpiryWatch::news(UnixSeconds now) {
  std::vector<News> out;
  for (Certificate& certificate : certificates_) {
    int stage = stage_of(certificate, now);
    if (stage != 0 && stage != certificate.said)
      out.push_back(news_of(certificate, stage, now, refuse_expired_));
    certificate.said = stage;
  }
  return out;
}

}  // namespace anchord::control

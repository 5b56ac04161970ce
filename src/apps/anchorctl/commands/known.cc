#include "commands/known.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <ranges>
#include <string_view>

#include "anchord/store/certificates.h"
#include "render/output.h"

namespace anchord::ctl {

using trust::KnownCertificate;

std::string known_line(const KnownCertificate& known) {
  return fmt::format("{} ({}) {}", short_hash(known.certificate), roles_text(known.roles),
                     name_text(known.certificate.subject()));
}

std::vector<wire::Role> roles_from_option(const std::string& text) {
  std::vector<wire::Role> out;
  for (auto part : std::views::split(text, ',')) {
    std::string_view name(part.begin(), part.end());
    auto role = wire::role_from_name(name);
    if (!role) {
      wrong_usage(fmt::format("--role: no role '{}': use {}", name, wire::role_choice()));
    }
    if (std::ranges::find(out, *role) != out.end()) {
      wrong_usage(fmt::format("--role: '{}' is given twice", name));
    }
    out.push_back(*role);
  }
  if (out.empty()) wrong_usage("--role is empty: give at least one role");
  return out;
}

Shown shown_added(std::span<const KnownCertificate> certificates, std::span<const store::Added> added,
                  const std::vector<KnownCertificate>* skipped) {
  UnixSeconds now = calendar_now();
  Json list = Json::array(), left_out = Json::array();
  Shown shown;
  for (std::size_t i = 0; i < certificates.size(); ++i) {
    bool replaced = added[i] == store::Added::replaced;
    list.push_back(known_json(certificates[i], now));
    list.back()["replaced"] = replaced;
    shown.text.line(fmt::format("{} {}", replaced ? "replaced" : "added", known_line(certificates[i])));
    if (auto line = expiry_warning(known_line(certificates[i]), certificates[i].certificate, now))
      warn(*line);
    for (const std::string& oddity : certificates[i].certificate.oddities())
      warn(fmt::format("{}: {}; phones are answered about it all the same", known_line(certificates[i]),
                       oddity));
  }
  shown.json = {{"certificates", list}};
  if (skipped == nullptr) return shown;
  for (const KnownCertificate& known : *skipped) {
    left_out.push_back(certificate_json(known.certificate, now));
    shown.text.line(fmt::format("skipped {}: it is the cluster's own", known_line(known)));
  }
  shown.json["skipped"] = left_out;
  return shown;
}

std::vector<KnownCertificate> take_own(std::vector<KnownCertificate>& certificates,
                                       const trust::Cluster& cluster) {
  auto is_own = [&](const KnownCertificate& known) {
    return std::ranges::any_of(cluster.known, [&](const KnownCertificate& there) {
      return there.own && there.certificate == known.certificate;
    });
  };
  std::vector<KnownCertificate> own;
  std::ranges::copy_if(certificates, std::back_inserter(own), is_own);
  std::erase_if(certificates, is_own);
  return own;
}

}  // namespace anchord::ctl

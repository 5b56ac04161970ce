#include "bundle.h"

#include <fmt/format.h>

#include <algorithm>

#include "describe.h"
#include "output.h"

namespace anchord::ctl {
namespace {

using trust::KnownCertificate;
using wire::Role;

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kCertificate = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kEnd = "-----END CERTIFICATE-----";
constexpr std::string_view kService = "service: ";
constexpr std::string_view kClusterId = "cluster-id: ";

std::string block(const trust::Cluster& cluster, trust::Service service,
                  const crypto::Certificate& certificate) {
  return fmt::format("\ncluster: {}\n{}{}\n{}{}\nsubject: {}\nexpires: {}\n{}", printable(cluster.name),
                     kClusterId, cluster.id, kService, trust::service_name(service),
                     printable(name_text(certificate.subject())), time_text(certificate.not_after()),
                     certificate.to_pem());
}

std::vector<Role> roles_for(trust::Service service) {
  switch (service) {
    case trust::Service::recovery:
      return {Role::sast};
    case trust::Service::capf:
      return {Role::capf};
    default:
      return {Role::sast, Role::tftp};
  }
}

std::string_view next_line(std::string_view& rest) {
  std::size_t end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
  return line;
}

class BundleReader {
 public:
  Status line(std::string_view text);
  Status certificate(std::string_view pem);
  Bundle take() && { return std::move(bundle_); }

 private:
  Bundle bundle_;
  std::vector<Role> roles_ = roles_for(trust::Service::tftp);
  std::size_t blocks_ = 0;
};

Status BundleReader::line(std::string_view text) {
  if (text.starts_with(kClusterId)) {
    std::string id{text.substr(kClusterId.size())};
    auto& ids = bundle_.cluster_ids;
    if (std::ranges::find(ids, id) == ids.end()) ids.push_back(std::move(id));
  }
  if (!text.starts_with(kService)) return {};
  std::string_view name = text.substr(kService.size());
  auto service = trust::service_from_name(name);
  if (service != trust::Service::tftp && service != trust::Service::recovery &&
      service != trust::Service::capf)
    return fail(
        fmt::format("its certificate {} is for the service '{}': a bundle has tftp, recovery and capf",
                    blocks_ + 1, name));
  roles_ = roles_for(*service);
  return {};
}

Status BundleReader::certificate(std::string_view pem) {
  if (++blocks_ > crypto::kMaxBundleCertificates)
    return fail(fmt::format("it holds more than {} certificates", crypto::kMaxBundleCertificates));
  auto certificate = crypto::Certificate::from_pem_or_der(as_bytes(pem));
  if (!certificate)
    return std::unexpected(std::move(certificate.error()).within(fmt::format("its certificate {}", blocks_)));
  auto& all = bundle_.certificates;
  auto there = std::ranges::find(all, *certificate, &KnownCertificate::certificate);
  if (there == all.end()) there = all.insert(all.end(), {*certificate, {}, trust::kDefaultTtl, {}});
  for (Role role : roles_)
    if (std::ranges::find(there->roles, role) == there->roles.end()) there->roles.push_back(role);
  roles_ = roles_for(trust::Service::tftp);
  return {};
}

}  // namespace

std::string write_bundle(const trust::Cluster& cluster) {
  std::string out =
      "Certificates of a cluster, for 'anchorctl cert bundle import' in another one: its phones then\n"
      "accept the lists and files that this one signs. All of it is public: there are no keys in here.\n";
  out += block(cluster, trust::Service::tftp, cluster.tftp.certificate);
  out += block(cluster, trust::Service::recovery, cluster.recovery.certificate);
  out += block(cluster, trust::Service::capf, cluster.capf.certificate);
  return out;
}

Result<Bundle> read_bundle(Bytes content) {
  std::string_view rest = as_text(content);
  if (rest.find("PRIVATE KEY-----") != rest.npos)
    return fail(
        "THERE IS A PRIVATE KEY IN IT: nothing was imported; a key must never leave its cluster, so "
        "regenerate what it belongs to, and import certificates only");
  if (rest.find(kCertificate) == rest.npos) return fail("there is no certificate (PEM) in it");
  BundleReader reader;
  while (!rest.empty()) {
    std::string_view from = rest, line = next_line(rest);
    Status done;
    if (line == kCertificate) {
      std::size_t end = from.find(kEnd);
      if (end == from.npos) return fail("it ends within a certificate");
      done = reader.certificate(from.substr(0, end + kEnd.size()));
      rest = from.substr(end + kEnd.size());
    } else if (line.starts_with(kBegin)) {
      done = fail(fmt::format("there is something else than certificates in it ({})", line));
    } else {
      done = reader.line(line);
    }
    if (!done) return std::unexpected(done.error());
  }
  return std::move(reader).take();
}

}  // namespace anchord::ctl

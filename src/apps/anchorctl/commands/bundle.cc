#include "commands/bundle.h"

#include <fmt/core.h>

#include <algorithm>

#include "anchord/crypto/pem.h"
#include "anchord/report/certificates.h"

namespace anchord::ctl {
namespace {

using trust::KnownCertificate;
using wire::Role;

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
  Status certificate(const crypto::PemObject& object);
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

Status BundleReader::certificate(const crypto::PemObject& object) {
  if (++blocks_ > crypto::kMaxBundleCertificates)
    return fail(fmt::format("it holds more than {} certificates", crypto::kMaxBundleCertificates));
  auto certificate = crypto::Certificate::from_pem(object);
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
  std::string_view text = as_text(content);
  if (text.find("PRIVATE KEY-----") != text.npos)
    return fail(
        "THERE IS A PRIVATE KEY IN IT: nothing was imported; a key must never leave its cluster, so "
        "regenerate what it belongs to, and import certificates only");
  BundleReader reader;
  crypto::PemReader objects(text);
  std::size_t count = 0;
  for (; auto object = objects.next(); ++count) {
    Status done;
    for (std::string_view before = objects.text_before(); done && !before.empty();)
      done = reader.line(next_line(before));
    if (done && !crypto::is_certificate_label(object->label))
      done =
          fail(fmt::format("there is something else than certificates in it ({})", printable(object->label)));
    if (done) done = reader.certificate(*object);
    if (!done) return std::unexpected(done.error());
  }
  if (count == 0) return fail("there is no certificate (PEM) in it");
  return std::move(reader).take();
}

}  // namespace anchord::ctl

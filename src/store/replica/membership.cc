#include "replica/membership.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "anchord/base/ascii.h"
#include "anchord/base/file.h"
#include "anchord/base/printable.h"
#include "anchord/base/trusted_folder.h"
#include "anchord/crypto/aead.h"
#include "anchord/crypto/pem.h"
#include "database/state_folder.h"

namespace anchord::store {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr int kVersion = 1;
constexpr char kEngineFile[] = "engine.json";
// A file of certificates may have all of a company's authorities.
constexpr std::size_t kMaxFile = std::size_t{1} << 20;

std::filesystem::path folder_of(const std::filesystem::path& state) {
  return state / kClusterFolder;
}

Result<crypto::Secret> read_one(const TrustedFolder& folder, const std::string& name, bool needed) {
  struct stat info{};
  if (::fstatat(folder.descriptor(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT) {
    if (!needed) return crypto::Secret();
    return fail(
        fmt::format("{} is missing: join the cluster again with a new ticket", quoted(folder.path() / name)));
  }
  ANCHORD_TRY_ASSIGN(auto content, folder.read(name, kMaxFile));
  return crypto::Secret(std::move(content));
}

Status write_one(const std::filesystem::path& state, const std::string& name, std::string_view content) {
  const std::filesystem::path file = folder_of(state) / name;
  if (content.empty()) {
    ::unlink(file.c_str());
    return {};
  }
  ANCHORD_TRY(write_file(file, as_bytes(content), 0600));
  return give_to_owner(file, state / kDatabaseName);
}

Status take_settings(Membership& out, std::string_view text, const std::filesystem::path& file) {
  const OrderedJson settings = OrderedJson::parse(text, nullptr, false);
  const auto taken = [&](const char* name, std::string& to) {
    const auto found = settings.find(name);
    if (found == settings.end() || !found->is_string()) return false;
    to = found->get<std::string>();
    return true;
  };
  if (!settings.is_object() || !settings.contains("version") || settings["version"] != kVersion ||
      !taken("host", out.host) || !taken("members", out.members) || !taken("user", out.user))
    return fail(fmt::format("{} is not as Anchord writes it: join the cluster again with a new ticket",
                            quoted(file)));
  return {};
}

Result<std::vector<crypto::Certificate>> certificates_in(std::string_view pem) {
  std::vector<crypto::Certificate> out;
  crypto::PemReader reader(pem);
  while (auto object = reader.next()) {
    if (!crypto::is_certificate_label(object->label)) continue;
    const auto der = crypto::decode_base64(object->base64);
    if (!der) return fail("a certificate in it is damaged");
    ANCHORD_TRY_ASSIGN(auto certificate, crypto::Certificate::from_der(*der));
    out.push_back(std::move(certificate));
  }
  if (out.empty()) return fail("there is no certificate in it: give a file of PEM");
  return out;
}

}  // namespace

bool has_membership(const std::filesystem::path& state) {
  struct stat info{};
  return ::lstat(folder_of(state).c_str(), &info) == 0;
}

Result<Membership> read_membership(const std::filesystem::path& state) {
  if (!has_membership(state))
    return fail(fmt::format(
        "{} is missing, so the cluster's other hosts cannot be told of changes: join it again with a "
        "new ticket, or run 'anchorctl cluster leave' to make this a single machine",
        quoted(folder_of(state))));
  ANCHORD_TRY_ASSIGN(const auto above, TrustedFolder::open(state));
  ANCHORD_TRY_ASSIGN(const auto folder, above.folder(kClusterFolder));
  Membership out;
  ANCHORD_TRY_ASSIGN(const auto settings, read_one(folder, kEngineFile, true));
  ANCHORD_TRY(take_settings(out, settings.text(), folder.path() / kEngineFile));
  ANCHORD_TRY_ASSIGN(out.cluster_key, read_one(folder, "cluster.key", true));
  if (out.cluster_key.bytes().size() != crypto::kAeadKey)
    return fail(fmt::format("{} is damaged: join the cluster again with a new ticket",
                            quoted(folder.path() / "cluster.key")));
  ANCHORD_TRY_ASSIGN(const auto ca, read_one(folder, "ca.pem", false));
  out.ca = ca.text();
  ANCHORD_TRY_ASSIGN(const auto certificate, read_one(folder, "client.pem", false));
  out.certificate = certificate.text();
  ANCHORD_TRY_ASSIGN(out.key, read_one(folder, "client.key", false));
  ANCHORD_TRY_ASSIGN(out.password, read_one(folder, "password", false));
  return out;
}

Status write_membership(const std::filesystem::path& state, const Membership& membership) {
  const std::filesystem::path folder = folder_of(state);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return fail_errno("cannot make " + quoted(folder), errno);
  ANCHORD_TRY(give_to_owner(folder, state / kDatabaseName));
  if (::chmod(folder.c_str(), 0700) != 0) return fail_errno("cannot protect " + quoted(folder), errno);
  ANCHORD_TRY(write_one(state, "ca.pem", membership.ca));
  ANCHORD_TRY(write_one(state, "client.pem", membership.certificate));
  ANCHORD_TRY(write_one(state, "client.key", membership.key.text()));
  ANCHORD_TRY(write_one(state, "password", membership.password.text()));
  ANCHORD_TRY(write_one(state, "cluster.key", membership.cluster_key.text()));
  const OrderedJson settings{{"version", kVersion},
                             {"host", membership.host},
                             {"members", membership.members},
                             {"user", membership.user}};
  ANCHORD_TRY(write_one(state, kEngineFile, json_text(settings, 2) + "\n"));
  sync_folder(folder);
  sync_folder(state);
  return {};
}

void remove_membership(const std::filesystem::path& state) {
  std::error_code ignored;
  std::filesystem::remove_all(folder_of(state), ignored);
}

std::string membership_mark(const std::filesystem::path& state) {
  struct stat info{};
  if (::stat((folder_of(state) / kEngineFile).c_str(), &info) != 0) return {};
  return fmt::format("{} {} {}", info.st_ino, info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
}

Result<engine::EtcdSettings> engine_settings(const Membership& membership, engine::ClusterId cluster) {
  engine::EtcdSettings out;
  ANCHORD_TRY_ASSIGN(out.members, engine::parse_members(membership.members));
  if (!membership.ca.empty()) {
    auto roots = certificates_in(membership.ca);
    if (!roots) return std::unexpected(std::move(roots.error()).within("the engine's authority (ca.pem)"));
    out.roots = std::move(*roots);
  }
  if (!membership.certificate.empty()) {
    auto own = certificates_in(membership.certificate);
    if (!own)
      return std::unexpected(std::move(own.error()).within("the certificate for the engine (client.pem)"));
    auto key = crypto::PrivateKey::from_pem_or_der(membership.key.bytes());
    if (!key)
      return std::unexpected(std::move(key.error()).within("the private key for the engine (client.key)"));
    out.identity = crypto::TlsIdentity{own->front(), std::move(*key)};
  }
  for (const engine::Member& member : out.members)
    if (member.tls && out.roots.empty())
      return fail(fmt::format(
          "{} is on TLS, and there is no certificate to know it by: give its authority's with --ca",
          member.url()));
  out.user = membership.user;
  out.password = trimmed(membership.password.text());
  out.cluster = cluster;
  return out;
}

OpenEngine& engine_opener() {
  static OpenEngine opener = [](engine::EtcdSettings settings) {
    return engine::open_etcd(std::move(settings));
  };
  return opener;
}

}  // namespace anchord::store

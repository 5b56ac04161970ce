#include "tables/keys.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "anchord/base/file.h"
#include "anchord/base/hex.h"
#include "anchord/crypto/secret.h"
#include "database/state_folder.h"

namespace anchord::store {

std::string key_file_name(trust::Service service, std::string_view host,
                          const crypto::Certificate& certificate) {
  std::string name{trust::service_name(service)};
  if (!host.empty()) name += fmt::format("-{}", host);
  // A part of the format of state directories, and no short_hash().
  constexpr std::size_t kDigits = 8;
  return name + "-" + to_hex(certificate.sha256()).substr(0, kDigits) + ".key";
}

Status write_key(const std::filesystem::path& file, const crypto::PrivateKey& key) {
  return write_file(file, key.to_pem().bytes(), 0600);
}

Status add_key(const std::filesystem::path& directory, const std::string& name,
               const crypto::PrivateKey& key) {
  std::filesystem::path file = key_folder(directory) / name;
  ANCHORD_TRY(write_key(file, key));
  auto done = give_to_owner(file, directory / kDatabaseName);
  if (!done) ::unlink(file.c_str());
  return done;
}

Result<crypto::PrivateKey> read_key(const TrustedFolder& keys, const std::string& name,
                                    const crypto::Certificate& certificate, std::string_view owner) {
  const std::filesystem::path file = keys.path() / name;
  std::string described = fmt::format("the private key of {} in '{}'", owner, file.string());
  struct stat info{};
  if (::fstatat(keys.descriptor(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return fail(described + " is missing: restore it from a backup");
    return fail_errno(described + " cannot be read (run as the owner of the state directory)", errno);
  }
  if (!S_ISREG(info.st_mode) && !S_ISLNK(info.st_mode))
    return fail(described + " is not a file: restore it from a backup");
  if (::faccessat(keys.descriptor(), name.c_str(), R_OK, AT_EACCESS) != 0)
    return fail_errno(described + " cannot be read (run as the owner of the state directory)", errno);
  ANCHORD_TRY_ASSIGN(auto opened, keys.file(name, O_RDONLY));
  if (::fstat(opened.get(), &info) != 0) return fail_errno("cannot stat " + quoted(file), errno);
  if ((info.st_mode & 077) != 0)
    return fail(fmt::format("{0} can be used by others (mode {1:04o}): run \"chmod 600 '{2}'\"", described,
                            info.st_mode & 07777, file.string()));
  auto read = read_descriptor(opened.get(), file, kMaxKeyFile);
  if (!read) return fail(fmt::format("{}: {}", described, read.error().text));
  crypto::Secret pem(std::move(*read));
  auto key = crypto::PrivateKey::from_pem_or_der(pem.bytes());
  if (!key)
    return fail(fmt::format("{} is damaged ({}): restore it from a backup", described, key.error().text));
  if (!key->matches(certificate))
    return fail(fmt::format("{} does not match certificate {}: restore both from one backup", described,
                            short_hash(certificate)));
  return key;
}

}  // namespace anchord::store

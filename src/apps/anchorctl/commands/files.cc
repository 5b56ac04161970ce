#include "commands/files.h"

#include "anchord/base/file.h"
#include "anchord/crypto/secret.h"
#include "client/failure.h"

namespace anchord::ctl {
namespace {

constexpr std::size_t kMaxKeyFile = 64 * 1024;
constexpr std::size_t kMaxCertificateFile = std::size_t{4} << 20;

template <class T>
Result<T> naming(const std::string& path, Result<T> result) {
  if (!result) return failure_of(result, quoted(path));
  return result;
}

}  // namespace

Result<Buffer> read_content(const std::string& path) {
  return read_file(path, kMaxContentFile);
}

Result<crypto::Certificate> read_certificate(const std::string& path) {
  ANCHORD_TRY_ASSIGN(auto content, read_file(path, kMaxCertificateFile));
  return naming(path, crypto::Certificate::from_pem_or_der(content));
}

Result<std::vector<crypto::Certificate>> read_certificates(const std::string& path) {
  ANCHORD_TRY_ASSIGN(auto content, read_file(path, kMaxCertificateFile));
  return naming(path, crypto::Certificate::all_from(content));
}

Result<crypto::PrivateKey> read_key(const std::string& path) {
  ANCHORD_TRY_ASSIGN(auto content, read_file(path, kMaxKeyFile));
  crypto::Secret secret(std::move(content));
  return naming(path, crypto::PrivateKey::from_pem_or_der(secret.bytes()));
}

Status write_public(const std::string& path, Bytes content) {
  return write_file(path, content, 0644);
}

}  // namespace anchord::ctl

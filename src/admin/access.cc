#include "anchord/admin/access.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "anchord/base/file.h"
#include "anchord/base/file_descriptor.h"

namespace anchord::admin {
namespace {

// A certificate of a long chain and a key of 4096 bits have less.
constexpr std::size_t kMaxFile = 64 * 1024;

bool is_of_token(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("-._~+/=").contains(c);
}

// `what`: "--admin-token".
Result<crypto::Secret> read_private(const char* what, const std::filesystem::path& path) {
  // A pipe without a writer would hold up the start.
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return fail_errno(fmt::format("{} {}: cannot be opened", what, quoted(path)), errno);
  struct stat info{};
  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode))
    return fail(fmt::format("{} {}: it is no regular file: name one", what, quoted(path)));
  if ((info.st_mode & (S_IRWXO | S_IWGRP)) != 0)
    return fail(fmt::format("{} {}: others may read it, or its group write to it: run chmod 600 on it", what,
                            quoted(path)));
  auto content = read_descriptor(file.get(), path, kMaxFile);
  if (!content) return std::unexpected(std::move(content.error()).within(what));
  return crypto::Secret(std::move(*content));
}

}  // namespace

Result<crypto::Secret> read_token(const std::filesystem::path& file) {
  ANCHORD_TRY_ASSIGN(const crypto::Secret content, read_private("--admin-token", file));
  std::string_view token = content.text();
  for (const char end : {'\n', '\r'})
    if (token.ends_with(end)) token.remove_suffix(1);
  if (token.size() < kShortestToken || token.size() > kLongestToken ||
      !std::ranges::all_of(token, is_of_token))
    return fail(
        fmt::format("--admin-token {}: it holds no token: write one line of {} to {} letters, digits and "
                    "-._~+/= to it, as of 'openssl rand -hex 32'",
                    quoted(file), kShortestToken, kLongestToken));
  return crypto::Secret(to_buffer(as_bytes(token)));
}

Result<crypto::TlsContext> read_tls(const std::filesystem::path& file) {
  ANCHORD_TRY_ASSIGN(const crypto::Secret content, read_private("--admin-tls", file));
  auto failed = [&](Error error) {
    return std::unexpected(std::move(error).within(fmt::format("--admin-tls {}", quoted(file))));
  };
  auto certificates = crypto::Certificate::all_from(content.bytes());
  if (!certificates) return failed(std::move(certificates.error()));
  auto key = crypto::PrivateKey::from_pem_or_der(content.bytes());
  if (!key)
    return failed({key.error().text + ": put the certificate's private key into the same file, in PEM and "
                                      "without a passphrase"});
  if (!key->matches(certificates->front()))
    return failed({"the key is not that of the first certificate: put the two that belong together there"});
  auto context = crypto::TlsContext::server({.certificate = certificates->front(),
                                             .key = std::move(*key),
                                             .ticket_keys = crypto::TicketKeys::generate()});
  if (!context) return failed(std::move(context.error()));
  return context;
}

Result<Access> read_access(const std::filesystem::path& tls, const std::filesystem::path& token) {
  Access out;
  if (!tls.empty()) {
    ANCHORD_TRY_ASSIGN(out.tls, read_tls(tls));
  }
  if (!token.empty()) {
    ANCHORD_TRY_ASSIGN(out.token, read_token(token));
  }
  return out;
}

}  // namespace anchord::admin

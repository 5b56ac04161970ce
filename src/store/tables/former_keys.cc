#include "tables/former_keys.h"

#include <algorithm>

#include "anchord/base/file.h"
#include "anchord/base/hex.h"
#include "anchord/crypto/aead.h"
#include "anchord/crypto/random.h"
#include "anchord/crypto/secret.h"
#include "database/state_folder.h"
#include "tables/certificates.h"

namespace anchord::store {
namespace {

Result<crypto::Secret> sealing_key(const std::filesystem::path& directory, bool make) {
  std::filesystem::path file = key_folder(directory) / kFormerKeysFile;
  ANCHORD_TRY_ASSIGN(auto folder, open_keys(directory));
  auto read = folder.read(kFormerKeysFile, crypto::kAeadKey);
  if (read && read->size() == crypto::kAeadKey) return crypto::Secret(std::move(*read));
  if (!make) return fail("there is no key that opens former keys");
  Buffer fresh(crypto::kAeadKey);
  crypto::fill_random(fresh);
  crypto::Secret key(std::move(fresh));
  ANCHORD_TRY(write_file(file, key.bytes(), 0600));
  ANCHORD_TRY(give_to_owner(file, directory / kDatabaseName));
  return key;
}

// The nonce, then the sealed PEM; the certificate goes with it in the clear.
Buffer seal(Bytes key, const crypto::Certificate& certificate, Bytes pem) {
  crypto::AeadNonce nonce{};
  crypto::fill_random(nonce);
  Buffer out(nonce.begin(), nonce.end());
  out.insert(out.end(), pem.begin(), pem.end());
  out.resize(out.size() + crypto::kAeadTag);
  crypto::Aead(key).seal(nonce, certificate.der(), MutableBytes(out).subspan(nonce.size()));
  return out;
}

std::optional<crypto::PrivateKey> open(Bytes key, const crypto::Certificate& certificate, Bytes sealed) {
  crypto::AeadNonce nonce{};
  if (sealed.size() < nonce.size() + crypto::kAeadTag) return std::nullopt;
  std::copy_n(sealed.begin(), nonce.size(), nonce.begin());
  crypto::Secret room(to_buffer(sealed.subspan(nonce.size())));
  MutableBytes bytes(const_cast<std::uint8_t*>(room.bytes().data()), room.bytes().size());
  if (!crypto::Aead(key).open(nonce, certificate.der(), bytes)) return std::nullopt;
  auto opened = crypto::PrivateKey::from_pem_or_der(bytes.first(bytes.size() - crypto::kAeadTag));
  if (!opened || !opened->matches(certificate)) return std::nullopt;
  return std::move(*opened);
}

}  // namespace

Status keep_former_key(const std::filesystem::path& directory, Database& database,
                       const trust::Identity& identity, UnixSeconds now) {
  ANCHORD_TRY_ASSIGN(auto key, sealing_key(directory, true));
  crypto::Secret pem = identity.key.value().to_pem();
  return execute(database,
                 R"(INSERT OR REPLACE INTO former_keys (sha256, certificate, sealed, retired_at)
                    VALUES (?, ?, ?, ?))",
                 to_hex(identity.certificate.sha256()), identity.certificate.der(),
                 Bytes(seal(key.bytes(), identity.certificate, pem.bytes())), now);
}

Result<std::vector<trust::Identity>> former_keys(const std::filesystem::path& directory, Database& database) {
  std::vector<trust::Identity> out;
  auto key = sealing_key(directory, false);
  if (!key) return out;
  Statement row(database, "SELECT sha256, certificate, sealed FROM former_keys ORDER BY retired_at DESC");
  while (row.next()) {
    auto certificate = read_certificate(database, row, 0, 1);
    if (!certificate) continue;
    if (auto opened = open(key->bytes(), *certificate, row.blob(2)))
      out.push_back({std::move(*certificate), std::move(*opened)});
  }
  if (!row.ok()) return row.failure();
  return out;
}

Status drop_former_keys(Database& database, const std::vector<crypto::Certificate>& needed) {
  std::vector<std::string> gone;
  {
    Statement row(database, "SELECT sha256 FROM former_keys");
    while (row.next()) {
      bool is_needed = std::ranges::any_of(needed, [&](const crypto::Certificate& certificate) {
        return to_hex(certificate.sha256()) == row.text(0);
      });
      if (!is_needed) gone.emplace_back(row.text(0));
    }
    if (!row.ok()) return row.failure();
  }
  for (const std::string& sha256 : gone)
    ANCHORD_TRY(execute(database, "DELETE FROM former_keys WHERE sha256 = ?", sha256));
  return {};
}

}  // namespace anchord::store

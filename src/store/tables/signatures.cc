#include "anchord/store/signatures.h"

#include <array>

#include "anchord/base/writer.h"
#include "anchord/crypto/digest.h"
#include "database/session.h"

namespace anchord::store {
namespace {

// The database's pages carry no checksums, and a phone refuses a signature of
// which one bit is wrong.
crypto::Sha256 digest_of(const SavedSignature& saved) {
  std::array<std::uint8_t, 12> sizes{};
  Writer writer(sizes);
  for (std::size_t size : {saved.name.size(), saved.input_digest.size(), saved.header.size()})
    writer.u32(static_cast<std::uint32_t>(size));
  std::array<Bytes, 5> parts{sizes, as_bytes(saved.name), saved.input_digest, saved.header,
                             saved.content_key};
  return crypto::sha256(parts);
}

}  // namespace

Result<std::vector<SavedSignature>> saved_signatures(Store& store) {
  std::vector<SavedSignature> all;
  Statement row(store.session().database,
                "SELECT name, input_digest, header, content_key, whole FROM signatures");
  while (row.next()) {
    SavedSignature saved{std::string(row.text(0)), to_buffer(row.blob(1)), to_buffer(row.blob(2)),
                         to_buffer(row.blob(3))};
    if (same_bytes(digest_of(saved), row.blob(4))) all.push_back(std::move(saved));
  }
  if (!row.ok()) return row.failure();
  return all;
}

Status save_signatures(Store& store, std::span<const SavedSignature> put,
                       std::span<const std::string> forget) {
  Database& database = store.session().database;
  ANCHORD_TRY_ASSIGN(auto writing, Transaction::write(database));
  Statement remove(database, "DELETE FROM signatures WHERE name = ?");
  for (const std::string& name : forget) {
    remove.restart(name);
    remove.next();
  }
  if (!remove.ok()) return remove.failure();
  Statement insert(database,
                   R"(INSERT OR REPLACE INTO signatures (name, input_digest, header, content_key, whole)
                      VALUES (?, ?, ?, ?, ?))");
  for (const SavedSignature& saved : put) {
    insert.restart(saved.name, Bytes(saved.input_digest), Bytes(saved.header), Bytes(saved.content_key),
                   Bytes(digest_of(saved)));
    insert.next();
  }
  if (!insert.ok()) return insert.failure();
  return writing.commit();
}

}  // namespace anchord::store

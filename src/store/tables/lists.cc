#include "anchord/store/lists.h"

#include <fmt/core.h>

#include <algorithm>
#include <cassert>

#include "anchord/trust/trust_list.h"
#include "database/session.h"
#include "replica/shared_write.h"
#include "tables/audit.h"
#include "tables/issued_lists.h"

namespace anchord::store {

Result<std::optional<SavedList>> saved_list(Store& store, std::string_view name) {
  Statement row(store.session().database, "SELECT input_digest, content, built_at FROM lists WHERE name = ?",
                name);
  if (!row.next()) {
    if (!row.ok()) return row.failure();
    return std::nullopt;
  }
  return SavedList{to_buffer(row.blob(0)), to_buffer(row.blob(1)), row.integer(2)};
}

Result<SavedList> list_for(Store& store, std::string_view name, Bytes input_digest, UnixSeconds now,
                           const std::function<Result<Buffer>(UnixSeconds timestamp)>& build) {
  Database& database = store.session().database;
  ANCHORD_TRY_ASSIGN(auto saved, saved_list(store, name));
  if (saved && same_bytes(saved->input_digest, input_digest)) return std::move(*saved);

  if (database.read_only()) {
    ANCHORD_TRY_ASSIGN(auto built, build(now));
    return SavedList{to_buffer(input_digest), std::move(built), now};
  }
  return shared_write(store.session(), Guarded::no, [&](SharedWrite& writing) -> Result<SavedList> {
    // Another process, or host, may have built it while this one waited.
    ANCHORD_TRY_ASSIGN(saved, saved_list(store, name));
    if (saved && same_bytes(saved->input_digest, input_digest)) return std::move(*saved);
    SavedList list{to_buffer(input_digest), {}, saved ? std::max(now, saved->built_at + 1) : now};
    ANCHORD_TRY_ASSIGN(auto built, build(list.built_at));
    list.content = std::move(built);
    ANCHORD_TRY(execute(database,
                        R"(INSERT OR REPLACE INTO lists (name, input_digest, built_at, content)
                           VALUES (?, ?, ?, ?))",
                        name, input_digest, list.built_at, Bytes(list.content)));
    ANCHORD_TRY(keep_issued_list(database, name, list.content, list.built_at));
    ANCHORD_TRY(note_audit(database, fmt::format("built '{}', {} bytes", name, list.content.size())));
    ANCHORD_TRY(writing.commit());
    return list;
  });
}

namespace {

Result<SavedList> current_list(Store& store, const trust::TrustListFields& fields, UnixSeconds now) {
  ANCHORD_TRY_ASSIGN(
      auto list, list_for(store, fields.file_name, trust::fields_digest(fields), now,
                          [&](UnixSeconds timestamp) { return trust::build_trust_list(fields, timestamp); }));
  // The database's pages carry no checksums, and phones ignore a list that does not verify.
  if (auto good = trust::verify_trust_list(list.content, fields.signer.certificate); !good)
    return fail(fmt::format("the saved '{}' is damaged ({}): restore the state directory from a backup",
                            fields.file_name, good.error().text));
  return list;
}

}  // namespace

Result<SavedList> current_itl(Store& store, const trust::Cluster& cluster, UnixSeconds now) {
  return current_list(store, trust::itl_fields(cluster), now);
}

Result<SavedList> current_ctl(Store& store, const trust::Cluster& cluster, UnixSeconds now) {
  assert(cluster.has_ctl);
  return current_list(store, trust::ctl_fields(cluster), now);
}

}  // namespace anchord::store

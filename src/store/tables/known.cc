#include "tables/known.h"

#include <fmt/core.h>

#include <algorithm>

#include "anchord/base/hex.h"
#include "tables/certificates.h"
#include "tables/change_log.h"

namespace anchord::store {
namespace {

// Reads the rows of sha256, certificate, roles, ttl, retired_from, retired_at that are left.
Status read_known(Database& database, Statement& row, std::vector<trust::KnownCertificate>& known) {
  while (row.next()) {
    ANCHORD_TRY_ASSIGN(auto certificate, read_certificate(database, row, 0, 1));
    auto roles = roles_from_text(row.text(2));
    if (!roles) return database.damaged(fmt::format("the roles of certificate {}", short_hash(certificate)));
    known.push_back({certificate,
                     std::move(*roles),
                     static_cast<std::uint32_t>(row.integer(3)),
                     {},
                     trust::service_from_name(row.text(4)),
                     row.integer(5)});
  }
  if (!row.ok()) return row.failure();
  return {};
}

Status read_changed(Database& database, std::span<const std::string> changed, const KnownStates& before,
                    LoadedChanges& out) {
  std::vector<trust::KnownCertificate>& known = out.cluster.known;
  Statement row(database, R"(SELECT sha256, certificate, roles, ttl, retired_from, retired_at
                             FROM certificates WHERE sha256 = ?)");
  for (const std::string& hash : changed) {
    auto text_of = [](const KnownState& state) { return state.sha256.text(); };
    auto found = std::ranges::lower_bound(before, std::string_view(hash), {}, text_of);
    const KnownState* old = found != before.end() && found->sha256.text() == hash ? &*found : nullptr;
    const std::size_t count = known.size();
    row.restart(hash);
    ANCHORD_TRY(read_known(database, row, known));
    if (known.size() == count) {
      if (old != nullptr) out.gone.push_back(old->sha256);
    } else if (old != nullptr && known_state(known.back()) == *old) {
      known.pop_back();
    }
  }
  return {};
}

Status read_and_compare(Database& database, const KnownStates& before, LoadedChanges& out) {
  std::vector<trust::KnownCertificate> all;
  ANCHORD_TRY(read_all_known(database, all));
  std::vector<HashText> there;
  for (trust::KnownCertificate& known : all) {
    KnownState state = known_state(known);
    const KnownState* old = find_state(before, state.sha256);
    there.push_back(state.sha256);
    if (old == nullptr || state != *old) out.cluster.known.push_back(std::move(known));
  }
  std::ranges::sort(there);
  for (const KnownState& old : before)
    if (!std::ranges::binary_search(there, old.sha256)) out.gone.push_back(old.sha256);
  return {};
}

}  // namespace

Status read_all_known(Database& database, std::vector<trust::KnownCertificate>& known) {
  Statement row(database, R"(SELECT sha256, certificate, roles, ttl, retired_from, retired_at
                             FROM certificates ORDER BY rowid)");
  return read_known(database, row, known);
}

Status read_known_changes(Database& database, const KnownStates& before, const ChangeMark& from,
                          LoadedChanges& out) {
  ANCHORD_TRY_ASSIGN(out.mark, end_of_changes(database));
  ANCHORD_TRY_ASSIGN(auto changed, changes_between(database, from, out.mark));
  return changed ? read_changed(database, *changed, before, out) : read_and_compare(database, before, out);
}

HashText::HashText(const crypto::Certificate& certificate) {
  std::ranges::copy(to_hex(certificate.sha256()), digits.begin());
}

KnownState known_state(const trust::KnownCertificate& known) {
  return {.sha256 = HashText(known.certificate),
          .roles = roles_text(known.roles),
          .ttl = known.ttl,
          .retired_at = known.retired_at,
          .der = to_buffer(known.certificate.der())};
}

const KnownState* find_state(const KnownStates& states, const HashText& sha256) {
  auto found = std::ranges::lower_bound(states, sha256, {}, &KnownState::sha256);
  return found != states.end() && found->sha256 == sha256 ? &*found : nullptr;
}

}  // namespace anchord::store

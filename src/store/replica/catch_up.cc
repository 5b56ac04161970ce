#include "replica/catch_up.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "anchord/base/file.h"
#include "anchord/crypto/certificate.h"
#include "anchord/crypto/private_key.h"
#include "database/state_folder.h"
#include "replica/sealed_key.h"

namespace anchord::store {
namespace {

// A change is told of within some milliseconds; when nothing comes for so long, the member that is asked may
// be cut off from the others.
constexpr Millis kWait = 500;
constexpr int kWaits = 8;

struct Revised {
  engine::Revision revision = 0;
  std::optional<Head> head;
  std::vector<SharedRow> rows;
};

Result<Revised> decode(const EngineLink& link, std::vector<engine::Event>::const_iterator begin,
                       std::vector<engine::Event>::const_iterator end) {
  Revised out{.revision = begin->at.modified, .head = {}, .rows = {}};
  const std::string head = link.key("p/head");
  for (auto event = begin; event != end; ++event) {
    if (event->at.key == head) {
      if (event->deleted)
        return fail("the head of the cluster's changes is gone from the engine: restore it there");
      ANCHORD_TRY_ASSIGN(out.head, Head::parse(event->at.value));
    } else if (const std::string_view row = link.row_of(event->at.key); !row.empty()) {
      out.rows.push_back({std::string(row), event->deleted ? std::nullopt : std::optional(event->at.value)});
    }
  }
  return out;
}

bool is_file_name(std::string_view name) {
  return !name.empty() && name.size() < 200 && name.front() != '.' &&
         name.find_first_of(std::string_view("/\0", 2)) == std::string_view::npos;
}

// A key's file that is not here yet, as the engine has it sealed.
Status fetch_key(const Session& session, EngineLink& link, const std::string& name,
                 std::string_view certificate, engine::Revision at) {
  const std::filesystem::path file = key_folder(session.directory) / name;
  if (::access(file.c_str(), F_OK) == 0) return {};
  const std::string key = link.sealed_key(name);
  ANCHORD_TRY_ASSIGN(const auto found, link.engine().range({.keys = engine::KeyRange::one(key), .at = at}));
  if (found.values.empty())
    return fail(fmt::format("the private key '{}' is missing in the engine: restore it there", key));
  ANCHORD_TRY_ASSIGN(const auto opened,
                     open_key(link.cluster_key(), key, certificate, found.values.front().value));
  if (!certificate.empty()) {
    ANCHORD_TRY_ASSIGN(const auto parsed, crypto::Certificate::from_der(as_bytes(certificate)));
    ANCHORD_TRY_ASSIGN(const auto its, crypto::PrivateKey::from_pem_or_der(opened.bytes()));
    if (!its.matches(parsed)) return fail(fmt::format("the private key '{}' is another certificate's", key));
  }
  ANCHORD_TRY(write_file(file, opened.bytes(), 0600));
  return give_to_owner(file, session.directory / kDatabaseName);
}

// The files of keys come before the rows that name them.
Status fetch_keys(const Session& session, EngineLink& link, const std::vector<SharedRow>& rows,
                  engine::Revision at) {
  for (const SharedRow& row : rows) {
    if (!row.value) continue;
    if (row.is_of("former_keys")) ANCHORD_TRY(fetch_key(session, link, kFormerKeysFile, {}, at));
    if (!row.is_of("identities")) continue;
    const std::string name(row.primary_key());
    const auto certificate = bytes_in_row(*row.value, "certificate");
    if (!is_file_name(name) || !name.ends_with(".key") || !certificate)
      return fail(fmt::format("'{}' in the engine is no own certificate: restore it there", row.key));
    ANCHORD_TRY(fetch_key(session, link, name, *certificate, at));
  }
  return {};
}

// Keys of certificates that are no longer the cluster's own. What cannot be removed is in nobody's way.
void drop_keys(Session& session, const std::vector<SharedRow>& rows) {
  for (const SharedRow& row : rows) {
    if (row.value || !row.is_of("identities") || !is_file_name(row.primary_key())) continue;
    Statement there(session.database, "SELECT 1 FROM identities WHERE key_file = ?", row.primary_key());
    if (!there.next() && there.ok())
      ::unlink((key_folder(session.directory) / std::string(row.primary_key())).c_str());
  }
}

ReplicaState state_at(const ReplicaState& before, EngineLink& link, const Head& head,
                      engine::Revision revision) {
  return {before.engine.empty() ? hex_of(link.engine().cluster()) : before.engine, revision, head.number,
          head.id, head.guarded};
}

Status put_rows(Session& session, const std::vector<SharedRow>& rows, const ReplicaState& state, bool loads) {
  Database& database = session.database;
  ANCHORD_TRY(put_shared_rows(database, rows));
  if (loads && !rows.empty())
    ANCHORD_TRY(execute(database, "UPDATE cluster SET change_counter = change_counter + 1"));
  return write_replica(database, state);
}

// Whether one may follow the other: the next change, or the same head written again.
Status check_next(const ReplicaState& state, const Revised& next) {
  if (!next.head)
    return fail(
        fmt::format("revision {} in the engine has changed the cluster's rows by no change of Anchord's: "
                    "undo what was done "
                    "there by hand, and join the cluster again with a new ticket",
                    next.revision));
  const bool again = next.head->number == state.number && next.head->id == state.change && next.rows.empty();
  if (again || next.head->number == state.number + 1) return {};
  return fail(
      fmt::format("the engine has change {} behind change {}: it was restored from another state; join the "
                  "cluster again with "
                  "a new ticket",
                  next.head->number, state.number));
}

Status apply(Session& session, EngineLink& link, const Revised& next) {
  ANCHORD_TRY_ASSIGN(const auto before, read_replica(session.database));
  if (!before || next.revision <= before->revision) return {};
  ANCHORD_TRY(fetch_keys(session, link, next.rows, next.revision));
  ANCHORD_TRY_ASSIGN(auto writing, Transaction::write(session.database));
  // Another process may have applied it while this one waited.
  ANCHORD_TRY_ASSIGN(const auto state, read_replica(session.database));
  if (!state || next.revision <= state->revision) return {};
  ANCHORD_TRY(check_next(*state, next));
  ANCHORD_TRY(
      put_rows(session, next.rows, state_at(*state, link, *next.head, next.revision), next.head->loads));
  ANCHORD_TRY(writing.commit());
  drop_keys(session, next.rows);
  return {};
}

// The events from behind what is applied up to `to`.
Status follow_to(Session& session, EngineLink& link, engine::Revision from, engine::Revision to, bool& gone) {
  const auto watch = link.engine().watch(link.followed(), from + 1);
  for (int waits = 0; waits < kWaits;) {
    auto told = watch->next(kWait);
    if (!told && told.error().problem == engine::Problem::compacted) {
      gone = true;
      return {};
    }
    if (!told) return std::unexpected(std::move(told.error()));
    if (told->events.empty()) {
      ++waits;
      if (!told->heard) watch->leave_member();
      continue;
    }
    waits = 0;
    ANCHORD_TRY(apply_events(session, link, told->events));
    if (told->events.back().at.modified >= to) return {};
  }
  return fail("the engine does not tell of changes that it has: check that its members reach each other");
}

}  // namespace

Result<EngineHead> read_head(EngineLink& link, const ReplicaState& state) {
  ANCHORD_TRY_ASSIGN(const auto found,
                     link.engine().range({.keys = engine::KeyRange::one(link.key("p/head"))}));
  if (!state.engine.empty() && hex_of(link.engine().cluster()) != state.engine)
    return fail(
        fmt::format("another etcd answers (its cluster id is {}, and this host's was {}): correct the "
                    "members' addresses, or have "
                    "the hosts leave the cluster and make it anew there",
                    hex_of(link.engine().cluster()), state.engine));
  if (found.values.empty())
    return fail(
        fmt::format("the engine has nothing of this cluster ({}): it was emptied, or is another; restore it, "
                    "or run 'anchorctl "
                    "cluster leave' to go on as a single machine",
                    link.key("")));
  const engine::KeyValue& value = found.values.front();
  ANCHORD_TRY_ASSIGN(auto head, Head::parse(value.value));
  if (value.modified < state.revision || head.number < state.number ||
      (head.number == state.number && head.id != state.change))
    return fail(fmt::format(
        "the engine has less than this host: its last change is {} ({}), and here it is {} ({}); it was "
        "restored "
        "from an older state, or is another; restore it from a newer one, or have the hosts leave it",
        head.number, head.id, state.number, state.change));
  return EngineHead{std::move(head), value.value, value.modified};
}

Status apply_events(Session& session, EngineLink& link, const std::vector<engine::Event>& events) {
  for (auto begin = events.begin(); begin != events.end();) {
    const auto end = std::find_if(begin, events.end(), [&](const engine::Event& event) {
      return event.at.modified != begin->at.modified;
    });
    ANCHORD_TRY_ASSIGN(const auto next, decode(link, begin, end));
    if (next.head || !next.rows.empty()) ANCHORD_TRY(apply(session, link, next));
    begin = end;
  }
  return {};
}

Status apply_whole(Session& session, EngineLink& link) {
  ANCHORD_TRY_ASSIGN(auto all, engine::read_all(link.engine(), link.followed()));
  std::map<std::string, std::string> rows;
  std::optional<Head> head;
  engine::Revision modified = 0;
  std::vector<SharedRow> identities;
  for (engine::KeyValue& value : all.values) {
    if (value.key == link.key("p/head")) {
      ANCHORD_TRY_ASSIGN(head, Head::parse(value.value));
      modified = value.modified;
    } else if (const std::string_view row = link.row_of(value.key); !row.empty()) {
      SharedRow one{std::string(row), std::move(value.value)};
      if (one.is_of("identities") || one.is_of("former_keys")) identities.push_back(one);
      rows.emplace(std::move(one.key), *std::move(one.value));
    }
  }
  if (!head) return fail("the head of the cluster's changes is gone from the engine: restore it there");
  ANCHORD_TRY(fetch_keys(session, link, identities, all.revision));
  ANCHORD_TRY_ASSIGN(auto writing, Transaction::write(session.database));
  ANCHORD_TRY_ASSIGN(const auto state, read_replica(session.database));
  if (!state || modified <= state->revision) return {};
  ANCHORD_TRY_ASSIGN(const auto changed, difference_to(session.database, std::move(rows)));
  ANCHORD_TRY(put_rows(session, changed, state_at(*state, link, *head, modified), true));
  ANCHORD_TRY(writing.commit());
  drop_keys(session, changed);
  return {};
}

Status catch_up(Session& session, EngineLink& link) {
  ANCHORD_TRY_ASSIGN(const auto state, read_replica(session.database));
  if (!state) return {};
  ANCHORD_TRY_ASSIGN(const auto head, read_head(link, *state));
  if (head.modified == state->revision) return {};
  bool gone = state->revision == 0;
  if (!gone) ANCHORD_TRY(follow_to(session, link, state->revision, head.modified, gone));
  return gone ? apply_whole(session, link) : Status();
}

}  // namespace anchord::store

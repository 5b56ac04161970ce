// Becoming a member of a cluster that shares its state, and being none any more.
#include "anchord/store/sharing.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "anchord/base/ascii.h"
#include "anchord/base/hex.h"
#include "anchord/crypto/aead.h"
#include "anchord/crypto/random.h"
#include "anchord/store/hosts.h"
#include "anchord/store/lists.h"
#include "changes/sharing.h"
#include "database/session.h"
#include "database/state_folder.h"
#include "replica/catch_up.h"
#include "replica/sealed_key.h"
#include "tables/audit.h"

namespace anchord::store {
namespace {

// Below etcd's usual limit of 128 operations in a transaction, and of 1.5 MB.
constexpr std::size_t kMaxOperationsAtOnce = 100;
constexpr std::size_t kMaxBytesAtOnce = 1'000'000;
// Whoever puts the state there and is killed leaves its mark for so long.
constexpr std::int64_t kMarkSeconds = 60;

std::string random_id() {
  Buffer random(8);
  crypto::fill_random(random);
  return to_hex(random);
}

std::unexpected<Error> member_already(const Member& member) {
  return fail(
      fmt::format("this is a member of the cluster in {} already, as {}: run 'anchorctl cluster leave' first",
                  member.engine, member.host));
}

// Lists bear the time at which they were made: all hosts are to have the same.
Status build_lists(Store& store) {
  ANCHORD_TRY_ASSIGN(const auto loaded, store.load(KeyUse::with_keys));
  const UnixSeconds now = calendar_now();
  ANCHORD_TRY(current_itl(store, loaded.cluster, now));
  if (loaded.cluster.has_ctl) ANCHORD_TRY(current_ctl(store, loaded.cluster, now));
  return {};
}

// What is in the engine of a cluster, put there in parts, by one host at a time.
class Upload {
 public:
  explicit Upload(EngineLink& link) : link_(link), mark_(random_id()) {}

  Status begin();
  Status put(std::string key, std::string value);
  Status flush();
  // The first change, which makes it a cluster; its revision.
  Result<engine::Revision> finish(const Head& head);
  // Takes away what was put; what cannot be is no cluster, and goes with the next one who begins.
  void give_up() { (void)clear(); }

 private:
  std::string mark_key() const { return link_.key("init"); }
  engine::Compare ours() const { return engine::Compare::has(mark_key(), mark_); }
  Status clear();

  EngineLink& link_;
  std::string mark_;
  engine::LeaseId lease_ = 0;
  engine::Txn part_;
  std::size_t bytes_ = 0;
};

Status Upload::begin() {
  ANCHORD_TRY_ASSIGN(lease_, link_.engine().grant(kMarkSeconds));
  engine::Txn txn;
  txn.compares = {engine::Compare::absent(link_.key("p/head")), engine::Compare::absent(mark_key())};
  txn.then.emplace_back(engine::Put{mark_key(), mark_, lease_});
  txn.otherwise.emplace_back(engine::Get{.keys = engine::KeyRange::one(link_.key("p/head"))});
  ANCHORD_TRY_ASSIGN(const auto answer, link_.engine().txn(txn));
  if (answer.succeeded) return clear();
  if (answer.answers.empty() || answer.answers.front().values.empty())
    return fail(
        "another host puts the cluster into the engine at this moment, or was stopped as it did: wait a "
        "minute");
  return fail(
      "the engine has this cluster already: make a ticket for this host on one that is in it ('anchorctl "
      "cluster "
      "ticket'), and join with that");
}

Status Upload::clear() {
  engine::Txn txn;
  txn.compares = {ours(), engine::Compare::absent(link_.key("p/head"))};
  for (const char* part : {"p/", "s/", "h/"})
    txn.then.emplace_back(engine::Delete{engine::KeyRange::prefix(link_.key(part))});
  ANCHORD_TRY_ASSIGN(const auto answer, link_.engine().txn(txn));
  return answer.succeeded ? Status() : fail("another host puts the cluster into the engine: try again");
}

Status Upload::put(std::string key, std::string value) {
  const std::size_t size = key.size() + value.size();
  if (part_.then.size() == kMaxOperationsAtOnce || bytes_ + size > kMaxBytesAtOnce) ANCHORD_TRY(flush());
  part_.then.emplace_back(engine::Put{std::move(key), std::move(value)});
  bytes_ += size;
  return {};
}

Status Upload::flush() {
  if (part_.then.empty()) return {};
  part_.compares = {ours()};
  ANCHORD_TRY_ASSIGN(const auto answer, link_.engine().txn(part_));
  if (!answer.succeeded) return fail("it took too long to put the cluster into the engine: try again");
  ANCHORD_TRY(link_.engine().keep_alive(lease_));
  part_ = {};
  bytes_ = 0;
  return {};
}

Result<engine::Revision> Upload::finish(const Head& head) {
  const std::string key = link_.key("p/head");
  engine::Txn txn;
  txn.compares = {ours(), engine::Compare::absent(key)};
  txn.then.emplace_back(engine::Put{key, head.text()});
  txn.then.emplace_back(status_put(link_, head.number));
  txn.then.emplace_back(engine::Delete{engine::KeyRange::one(mark_key())});
  const auto answer = link_.engine().txn(txn);
  if (answer && answer->succeeded) return answer->revision;
  if (answer) return fail("it took too long to put the cluster into the engine: try again");
  if (answer.error().problem != engine::Problem::unknown) return std::unexpected(answer.error());
  // Whether it was made is plain: nobody else puts this head there.
  ANCHORD_TRY_ASSIGN(const auto found, link_.engine().range({.keys = engine::KeyRange::one(key)}));
  if (found.values.empty() || found.values.front().value != head.text())
    return std::unexpected(answer.error());
  return found.values.front().modified;
}

// The rows and the keys.
Status upload_state(Session& session, EngineLink& link, Upload& upload) {
  ANCHORD_TRY_ASSIGN(auto rows, read_shared_rows(session.database));
  ANCHORD_TRY_ASSIGN(const auto keys, open_keys(session.directory));
  const auto put_key = [&](const std::string& name, const std::string& certificate) -> Status {
    ANCHORD_TRY_ASSIGN(auto content, keys.read(name, kMaxKeyFile));
    const crypto::Secret secret(std::move(content));
    const std::string key = link.sealed_key(name);
    return upload.put(key, seal_key(link.cluster_key(), key, certificate, secret.bytes()));
  };
  bool former = false;
  for (SharedRow& row : rows) {
    former = former || row.is_of("former_keys");
    if (row.is_of("identities"))
      ANCHORD_TRY(
          put_key(std::string(row.primary_key()), bytes_in_row(*row.value, "certificate").value_or("")));
    ANCHORD_TRY(upload.put(link.row_key(row.key), std::move(*row.value)));
  }
  if (former) ANCHORD_TRY(put_key(kFormerKeysFile, ""));
  return upload.flush();
}

Membership membership_for(EngineAccess access, std::string host) {
  Buffer key(crypto::kAeadKey);
  crypto::fill_random(key);
  return {.host = std::move(host),
          .members = std::move(access.members),
          .user = std::move(access.user),
          .ca = std::move(access.ca),
          .certificate = std::move(access.certificate),
          .key = std::move(access.key),
          .password = std::move(access.password),
          .cluster_key = crypto::Secret(std::move(key))};
}

// The row goes before the head: should this be killed in between, nothing is changed here that the engine
// does not know of.
Result<std::int64_t> put_head(Session& session, EngineLink& link, Transaction& writing, Upload& upload) {
  ANCHORD_TRY(write_membership(session.directory, link.membership()));
  const std::string engine = hex_of(link.engine().cluster());
  ANCHORD_TRY(write_replica(session.database, {.engine = engine, .revision = 0, .number = 0, .change = {}}));
  ANCHORD_TRY(writing.commit());
  const Head head{.number = 1, .id = random_id(), .host = link.host(), .at = calendar_now()};
  auto revision = upload.finish(head);
  if (!revision) return std::unexpected(std::move(revision.error()));
  ANCHORD_TRY(write_replica(session.database, {engine, *revision, head.number, head.id, 0}));
  return head.number;
}

// Undoes what `writing` has done, committed or not.
Status no_replica(Session& session, Transaction writing) {
  {
    const Transaction ended = std::move(writing);
  }
  ANCHORD_TRY_ASSIGN(const auto state, read_replica(session.database));
  if (state) {
    ANCHORD_TRY_ASSIGN(auto undoing, Transaction::write(session.database));
    ANCHORD_TRY(execute(session.database, "DELETE FROM replica"));
    ANCHORD_TRY(
        note_audit(session.database, "took the cluster out of the engine again: not all of it came there"));
    ANCHORD_TRY(undoing.commit());
  }
  session.link.reset();
  remove_membership(session.directory);
  return {};
}

}  // namespace

engine::Put status_put(const EngineLink& link, std::int64_t number) {
  return {link.key("h/" + link.host() + "/status"), fmt::format(R"({{"n":{}}})", number)};
}

Result<std::optional<Member>> membership_of(Store& store) {
  Session& session = store.session();
  ANCHORD_TRY_ASSIGN(const auto state, read_replica(session.database));
  if (!state) return std::nullopt;
  ANCHORD_TRY_ASSIGN(const auto membership, read_membership(session.directory));
  return Member{membership.host, membership.members, state->number};
}

Result<bool> is_member(Store& store) {
  ANCHORD_TRY_ASSIGN(const auto state, read_replica(store.session().database));
  return state.has_value();
}

Result<Member> share_cluster(Store& store, EngineAccess access, std::string_view host) {
  ANCHORD_TRY_ASSIGN(const auto member, membership_of(store));
  if (member) return member_already(*member);
  ANCHORD_TRY(find_host(store, host));
  ANCHORD_TRY(build_lists(store));
  return share_as_it_is(store, std::move(access), host);
}

Result<Member> share_as_it_is(Store& store, EngineAccess access, std::string_view host) {
  Session& session = store.session();
  ANCHORD_TRY_ASSIGN(const auto found, find_host(store, host));
  ANCHORD_TRY_ASSIGN(const auto link,
                     open_link(session.database, membership_for(std::move(access), found.name), ""));
  Upload upload(*link);
  ANCHORD_TRY(upload.begin());
  // Until the end nobody changes here what would not be there.
  ANCHORD_TRY_ASSIGN(auto writing, Transaction::write(session.database));
  ANCHORD_TRY(note_audit(session.database, fmt::format("put the cluster into the engine at {}, as {}",
                                                       link->membership().members, link->host())));
  auto done = upload_state(session, *link, upload);
  auto number = done ? put_head(session, *link, writing, upload) : std::unexpected(done.error());
  if (!number) {
    upload.give_up();
    ANCHORD_TRY(no_replica(session, std::move(writing)));
    return std::unexpected(std::move(number.error()));
  }
  return Member{found.name, link->membership().members, *number};
}

Result<bool> is_this_member(Session& session, std::string_view host) {
  ANCHORD_TRY_ASSIGN(const auto state, read_replica(session.database));
  if (!state) return false;
  ANCHORD_TRY_ASSIGN(const auto link, link_of(session, *state));
  return same_ignoring_case(link->host(), host);
}

Status rename_member(Session& session, std::string_view to) {
  ANCHORD_TRY_ASSIGN(const auto state, read_replica(session.database));
  if (!state) return {};
  ANCHORD_TRY_ASSIGN(auto membership, read_membership(session.directory));
  const std::string before = std::exchange(membership.host, to);
  ANCHORD_TRY(write_membership(session.directory, membership));
  ANCHORD_TRY_ASSIGN(const auto link, link_of(session, *state));
  engine::Txn txn;
  txn.then.emplace_back(engine::Delete{engine::KeyRange::prefix(link->key("h/" + before + "/"))});
  txn.then.emplace_back(status_put(*link, state->number));
  ANCHORD_TRY(link->engine().txn(txn));
  return {};
}

Result<Left> leave_cluster(Store& store, bool although_unreachable) {
  Session& session = store.session();
  ANCHORD_TRY_ASSIGN(const auto state, read_replica(session.database));
  if (!state) return fail("this is a single machine, and in no engine's cluster: there is nothing to leave");
  Left out;
  out.before.number = state->number;
  const auto tell = [&]() -> Status {
    ANCHORD_TRY_ASSIGN(const auto link, link_of(session, *state));
    out.before.host = link->host();
    out.before.engine = link->membership().members;
    engine::Txn txn;
    txn.then.emplace_back(engine::Delete{engine::KeyRange::prefix(link->key("h/" + link->host() + "/"))});
    ANCHORD_TRY(link->engine().txn(txn));
    return {};
  };
  if (auto told = tell(); !told) {
    if (!although_unreachable)
      return fail(
          fmt::format("the engine cannot be told ({}): the other hosts would wait for this one; --force "
                      "leaves all the same",
                      told.error().text));
    out.untold = told.error().text;
  }
  ANCHORD_TRY_ASSIGN(auto writing, Transaction::write(session.database));
  ANCHORD_TRY(execute(session.database, "DELETE FROM replica"));
  ANCHORD_TRY(note_audit(session.database,
                         fmt::format("left the cluster in the engine, as {}", out.before.host),
                         !out.untold.empty()));
  ANCHORD_TRY(writing.commit());
  session.link.reset();
  remove_membership(session.directory);
  return out;
}

}  // namespace anchord::store

#include "replica/shared_write.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "anchord/base/ascii.h"
#include "anchord/base/hex.h"
#include "anchord/base/trusted_folder.h"
#include "anchord/crypto/random.h"
#include "database/open_database.h"
#include "database/state_folder.h"
#include "replica/catch_up.h"
#include "replica/sealed_key.h"

namespace anchord::store {
namespace {

using engine::Problem;

constexpr int kSettleTries = 3;
constexpr Millis kLookBack = 1'000;
constexpr char kNotKnown[] =
    "it is not known whether the change was made, since the engine answers no more: look whether the audit "
    "has it "
    "('anchorctl audit') once the engine is back";

std::string new_change_id() {
  std::array<std::uint8_t, 8> random;
  crypto::fill_random(random);
  return to_hex(random);
}

// Where `state` is none no more, or another process has caught up meanwhile, the newer one counts.
Result<std::shared_ptr<EngineLink>> caught_up(Session& session) {
  ANCHORD_TRY_ASSIGN(const auto state, read_replica(session.database));
  if (!state) return nullptr;
  ANCHORD_TRY_ASSIGN(auto link, link_of(session, *state));
  if (auto done = catch_up(session, *link); !done)
    return std::unexpected(std::move(done.error()).within("nothing can be changed in the cluster"));
  return link;
}

Status refused(const engine::Failure& failure, std::size_t operations) {
  constexpr std::size_t kUsual = 100;
  std::string text = "the change is not made: " + failure.text;
  if (failure.problem == Problem::refused && operations > kUsual)
    text +=
        fmt::format("; it has {} rows: make it in parts, or have etcd take more at once (--max-txn-ops 2048)",
                    operations);
  return fail(std::move(text));
}

}  // namespace

Result<SharedWrite> SharedWrite::begin(Session& session, Guarded guarded) {
  ANCHORD_TRY_ASSIGN(auto link, caught_up(session));
  ANCHORD_TRY_ASSIGN(auto transaction, Transaction::write(session.database));
  SharedWrite out(session, std::move(transaction));
  ANCHORD_TRY_ASSIGN(auto state, read_replica(session.database));
  if (state.has_value() != (link != nullptr))
    return fail("the host has joined or left its cluster at this moment: try again");
  if (!link) return out;
  out.link_ = std::move(link);
  out.state_ = std::move(*state);
  if (guarded == Guarded::yes) ANCHORD_TRY(out.guard());
  ANCHORD_TRY_ASSIGN(out.counter_, read_number(session.database, "SELECT change_counter FROM cluster"));
  ANCHORD_TRY(begin_capture(session.database));
  return out;
}

Status SharedWrite::guard() {
  if (!link_) return {};
  ANCHORD_TRY_ASSIGN(const auto others, other_hosts(*link_));
  if (others.names.empty()) {
    alone_at_ = others.revision;
    return {};
  }
  return fail(
      fmt::format("such a change must be judged by what phones were given on all hosts, and this one does "
                  "not know what {} gave "
                  "them: run 'anchorctl cluster leave' there, take in its ledger ('anchorctl ledger export', "
                  "'ledger import'), "
                  "and join it again afterwards",
                  joined(others.names, ", ")));
}

Status SharedWrite::add_keys(const SharedRow& row, std::vector<engine::Operation>& operations) const {
  const bool is_own = row.is_of("identities");
  if (!is_own && !(row.is_of("former_keys") && row.value)) return {};
  const std::string name = is_own ? std::string(row.primary_key()) : kFormerKeysFile;
  const std::string key = link_->sealed_key(name);
  if (!row.value) {
    operations.emplace_back(engine::Delete{engine::KeyRange::one(key)});
    return {};
  }
  const bool is_there = std::ranges::any_of(operations, [&](const engine::Operation& operation) {
    const auto* put = std::get_if<engine::Put>(&operation);
    return put != nullptr && put->key == key;
  });
  if (is_there) return {};
  ANCHORD_TRY_ASSIGN(const auto folder, open_keys(session_->directory));
  ANCHORD_TRY_ASSIGN(auto content, folder.read(name, kMaxKeyFile));
  const crypto::Secret secret(std::move(content));
  const std::string certificate = is_own ? bytes_in_row(*row.value, "certificate").value_or("") : "";
  operations.emplace_back(engine::Put{key, seal_key(link_->cluster_key(), key, certificate, secret.bytes())});
  return {};
}

Result<engine::Txn> SharedWrite::make_txn(const std::vector<SharedRow>& rows, const Head& head) const {
  engine::Txn txn;
  const std::string head_key = link_->key("p/head");
  txn.compares.push_back(engine::Compare::unchanged(head_key, state_.revision));
  if (alone_at_) std::ranges::move(none_came_since(*link_, *alone_at_), std::back_inserter(txn.compares));
  txn.then.emplace_back(engine::Put{head_key, head.text()});
  for (const SharedRow& row : rows) {
    ANCHORD_TRY(add_keys(row, txn.then));
    if (row.value) {
      txn.then.emplace_back(engine::Put{link_->row_key(row.key), *row.value});
    } else {
      txn.then.emplace_back(engine::Delete{engine::KeyRange::one(link_->row_key(row.key))});
    }
  }
  return txn;
}

Status SharedWrite::commit() {
  if (!link_) return transaction_.commit();
  ANCHORD_TRY_ASSIGN(const auto rows, end_capture(session_->database));
  if (rows.empty()) return transaction_.commit();
  ANCHORD_TRY_ASSIGN(const auto counter,
                     read_number(session_->database, "SELECT change_counter FROM cluster"));
  const Head head{.number = state_.number + 1,
                  .id = new_change_id(),
                  .guarded = alone_at_ ? state_.number + 1 : state_.guarded,
                  .host = link_->host(),
                  .at = calendar_now(),
                  .loads = counter != counter_};
  ANCHORD_TRY_ASSIGN(const auto txn, make_txn(rows, head));
  const auto answer = link_->engine().txn(txn);
  if (answer && answer->succeeded) return commit_here(head, answer->revision);
  if (!answer && answer.error().problem != Problem::unknown) return refused(answer.error(), txn.then.size());
  engine::Revision revision = 0;
  switch (answer ? Settled::not_made : settle(head, revision)) {
    case Settled::made:
      return commit_here(head, revision);
    case Settled::unknown:
      return fail(kNotKnown);
    case Settled::not_made:
      conflicted_ = true;
      return fail("other hosts change the cluster at the same time, and were first each time: try again");
  }
  std::unreachable();
}

Status SharedWrite::commit_here(const Head& head, engine::Revision revision) {
  Status done =
      write_replica(session_->database, {state_.engine, revision, head.number, head.id, head.guarded});
  if (done) done = transaction_.commit();
  if (!done)
    return std::unexpected(
        std::move(done.error())
            .within("the change is made, and this host takes it over when it can write again"));
  return {};
}

// Whether a change whose answer was lost was made. When it was not, it can no longer be: it compares with a
// head that has been written since.
SharedWrite::Settled SharedWrite::settle(const Head& head, engine::Revision& revision) {
  for (int tries = 0; tries < kSettleTries; ++tries) {
    const auto now = read_head(*link_, state_);
    if (!now) return Settled::unknown;
    if (now->head.id == head.id) {
      // It may have been written again since by somebody who settled his own.
      return look_back(head, now->modified, revision);
    }
    if (now->head.number > state_.number) return look_back(head, now->modified, revision);
    if (now->modified != state_.revision) return Settled::not_made;
    engine::Txn again;
    again.compares.push_back(engine::Compare::unchanged(link_->key("p/head"), state_.revision));
    again.then.emplace_back(engine::Put{link_->key("p/head"), now->value});
    const auto written = link_->engine().txn(again);
    if (written && written->succeeded) return Settled::not_made;
  }
  return Settled::unknown;
}

// Changes have been made since: which id the next one bears is in the history.
SharedWrite::Settled SharedWrite::look_back(const Head& head, engine::Revision to,
                                            engine::Revision& revision) {
  const auto watch = link_->engine().watch(engine::KeyRange::one(link_->key("p/head")), state_.revision + 1);
  for (int tries = 0; tries < kSettleTries;) {
    const auto told = watch->next(kLookBack);
    if (!told) return Settled::unknown;
    if (told->events.empty()) ++tries;
    for (const engine::Event& event : told->events) {
      const auto its = Head::parse(event.at.value);  // of a deletion nothing, which is none
      if (!its) return Settled::unknown;
      if (its->id == head.id) {
        revision = event.at.modified;
        return Settled::made;
      }
      if (its->number > state_.number || event.at.modified >= to) return Settled::not_made;
    }
  }
  return Settled::unknown;
}

bool is_judged_by_others(Session& session) {
  const auto state = read_replica(session.database);
  if (!state) return true;
  if (!*state) return false;
  const auto link = link_of(session, **state);
  if (!link) return true;
  const auto others = other_hosts(**link);
  return !others || !others->names.empty();
}

}  // namespace anchord::store

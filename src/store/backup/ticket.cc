// Tickets: what a host needs to join a cluster that shares its state by an engine.
#include <fmt/core.h>

#include <array>
#include <nlohmann/json.hpp>

#include "anchord/base/file.h"
#include "anchord/base/printable.h"
#include "anchord/crypto/base64.h"
#include "anchord/store/hosts.h"
#include "anchord/store/ledger_session.h"
#include "anchord/store/sharing.h"
#include "backup/backup_impl.h"
#include "changes/sharing.h"
#include "database/open_database.h"
#include "database/session.h"
#include "replica/catch_up.h"

namespace anchord::store {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr std::size_t kMaxTicket = std::size_t{4} << 20;

struct Part {
  const char* name;
  std::string Membership::* text;
  crypto::Secret Membership::* secret;
};
constexpr std::array kParts{Part{"members", &Membership::members, nullptr},
                            Part{"user", &Membership::user, nullptr},
                            Part{"ca", &Membership::ca, nullptr},
                            Part{"certificate", &Membership::certificate, nullptr},
                            Part{"key", nullptr, &Membership::key},
                            Part{"password", nullptr, &Membership::password},
                            Part{"cluster_key", nullptr, &Membership::cluster_key}};

crypto::Secret ticket_text(const Membership& membership, const std::string& host, std::string_view engine) {
  OrderedJson json{{"host", host}, {"etcd", engine}};
  for (const Part& part : kParts)
    json[part.name] =
        crypto::to_base64(part.text != nullptr ? membership.*part.text : (membership.*part.secret).text());
  const std::string text = json_text(json);
  return crypto::Secret(Buffer(text.begin(), text.end()));
}

struct Ticket {
  Membership membership;
  std::string etcd;  // its cluster id
};

Result<Ticket> read_ticket(const std::filesystem::path& file) {
  auto content = read_file(file, kMaxTicket);
  if (!content)
    return fail(
        "it is a backup and no ticket: make one on a host of the cluster with 'anchorctl cluster ticket'");
  const crypto::Secret text(std::move(*content));
  const OrderedJson json = OrderedJson::parse(text.text(), nullptr, false);
  const auto words = [&](const char* name) -> std::optional<std::string> {
    const auto found = json.find(name);
    if (found == json.end() || !found->is_string()) return std::nullopt;
    return found->get<std::string>();
  };
  Ticket out;
  const auto host = words("host"), etcd = words("etcd");
  bool whole = host.has_value() && etcd.has_value();
  if (whole) out.membership.host = *host;
  if (whole) out.etcd = *etcd;
  for (const Part& part : kParts) {
    const auto encoded = words(part.name);
    const auto value = encoded ? crypto::from_base64(*encoded) : std::nullopt;
    whole = whole && value;
    if (!value) continue;
    if (part.text != nullptr) {
      out.membership.*part.text = *value;
    } else {
      out.membership.*part.secret = crypto::Secret(Buffer(value->begin(), value->end()));
    }
  }
  if (!whole) return fail("the ticket is not as Anchord makes it: make another one");
  return out;
}

// What other hosts' services have noted of themselves says nothing here.
Status end_sessions(Store& store) {
  ANCHORD_TRY_ASSIGN(auto sessions, ledger_sessions(store));
  for (LedgerSession session : sessions) {
    session.clean = true;
    ANCHORD_TRY(note_session(store, session));
  }
  return {};
}

Status check_is_new(EngineLink& link) {
  const std::string key = link.key("h/" + link.host() + "/status");
  ANCHORD_TRY_ASSIGN(const auto own,
                     link.engine().range({.keys = engine::KeyRange::one(key), .keys_only = true}));
  if (own.values.empty()) return {};
  return fail(
      fmt::format("{} is a member of the cluster already: run 'anchorctl cluster leave' there first, or, "
                  "where its state is "
                  "lost, join with --replace",
                  link.host()));
}

// In the folder where the ticket was unpacked.
Result<Member> become_member(const std::filesystem::path& folder, const JoinRequest& request) {
  ANCHORD_TRY_ASSIGN(auto ticket, read_ticket(folder / kTicketName));
  std::error_code ignored;
  std::filesystem::remove(folder / kTicketName, ignored);
  if (!request.engine.empty()) ticket.membership.members = request.engine;
  ANCHORD_TRY(write_membership(folder, ticket.membership));
  ANCHORD_TRY_ASSIGN(auto store, Store::open(folder));
  ANCHORD_TRY(end_sessions(store));
  Session& session = store.session();
  const ReplicaState nothing{.engine = ticket.etcd, .revision = 0, .number = 0, .change = {}};
  ANCHORD_TRY(write_replica(session.database, nothing));
  ANCHORD_TRY_ASSIGN(const auto link, link_of(session, nothing));
  if (!request.replace) ANCHORD_TRY(check_is_new(*link));
  ANCHORD_TRY(catch_up(session, *link));
  ANCHORD_TRY(find_host(store, link->host()));
  ANCHORD_TRY_ASSIGN(const auto state, read_replica(session.database));
  // Before it is there: from its first answer on it counts.
  engine::Txn txn;
  txn.then.emplace_back(status_put(*link, state->number));
  ANCHORD_TRY(link->engine().txn(txn));
  return Member{link->host(), link->membership().members, state->number};
}

}  // namespace

Result<BackupFacts> make_ticket(Store& store, std::string_view host, const std::filesystem::path& file,
                                Bytes passphrase, crypto::ScryptCost cost, UnixSeconds now,
                                const BackupProgress& progress) {
  Session& session = store.session();
  ANCHORD_TRY_ASSIGN(const auto state, read_replica(session.database));
  if (!state)
    return fail(
        "this is a single machine: run 'anchorctl cluster init' first, which puts its state into an engine");
  ANCHORD_TRY_ASSIGN(const auto found, find_host(store, host));
  ANCHORD_TRY_ASSIGN(const auto link, link_of(session, *state));
  if (found.name == link->host())
    return fail(fmt::format("{} is this host: name the one that is to join", found.name));
  const crypto::Secret ticket = ticket_text(link->membership(), found.name, state->engine);
  return write_archive(session.directory, file, passphrase, cost, now, progress, ticket.bytes());
}

Result<BackupFacts> write_ticket(Store& store, std::string_view host, const std::filesystem::path& file,
                                 Bytes passphrase, UnixSeconds now, const BackupProgress& progress) {
  return make_ticket(store, host, file, passphrase, crypto::kScryptCost, now, progress);
}

Result<Member> join_cluster(const std::filesystem::path& file, const std::filesystem::path& state,
                            Bytes passphrase, const JoinRequest& request, const BackupProgress& progress) {
  Member out;
  const auto finish = [&](const std::filesystem::path& folder) -> Status {
    ANCHORD_TRY_ASSIGN(out, become_member(folder, request));
    return fold_log(folder);
  };
  ANCHORD_TRY(make_state(file, state, passphrase, finish, progress));
  return out;
}

}  // namespace anchord::store

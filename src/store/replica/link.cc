#include "replica/link.h"

#include <fmt/core.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "anchord/base/printable.h"

namespace anchord::store {
namespace {

using OrderedJson = nlohmann::ordered_json;

engine::ClusterId id_of(std::string_view hex) {
  engine::ClusterId out = 0;
  std::from_chars(hex.data(), hex.data() + hex.size(), out, 16);
  return out;
}

Result<std::string> prefix_of(Database& database) {
  Statement row(database, "SELECT cluster_id FROM cluster");
  if (!row.next()) return row.failure();
  return fmt::format("/anchord/{}/", row.text(0));
}

}  // namespace

std::string hex_of(engine::ClusterId id) {
  return fmt::format("{:x}", id);
}

Result<std::optional<ReplicaState>> read_replica(Database& database) {
  Statement row(database, "SELECT engine, revision, number, change, guarded FROM replica");
  if (row.next())
    return ReplicaState{std::string(row.text(0)), row.integer(1), row.integer(2), std::string(row.text(3)),
                        row.integer(4)};
  if (!row.ok()) return row.failure();
  return std::nullopt;
}

Status write_replica(Database& database, const ReplicaState& state) {
  return execute(database,
                 R"(INSERT OR REPLACE INTO replica (id, engine, revision, number, change, guarded)
                    VALUES (1, ?, ?, ?, ?, ?))",
                 state.engine, state.revision, state.number, state.change, state.guarded);
}

std::string Head::text() const {
  return json_text(OrderedJson{{"v", kVersion},
                               {"n", number},
                               {"id", id},
                               {"trust", guarded},
                               {"host", host},
                               {"at", at},
                               {"load", loads}});
}

Result<Head> Head::parse(std::string_view text) {
  const OrderedJson json = OrderedJson::parse(text, nullptr, false);
  const auto number = [&](const char* name) -> std::int64_t {
    const auto found = json.find(name);
    return found == json.end() || !found->is_number_integer() ? -1 : found->get<std::int64_t>();
  };
  const auto words = [&](const char* name) -> std::string {
    const auto found = json.find(name);
    return found == json.end() || !found->is_string() ? "" : found->get<std::string>();
  };
  if (json.is_object() && number("v") > kVersion)
    return fail("another host of the cluster runs a newer Anchord: upgrade this one");
  if (!json.is_object() || number("v") != kVersion || number("n") < 1 || words("id").empty() ||
      number("trust") < 0)
    return fail(
        "the head of the cluster's changes in the engine is not as Anchord writes it: restore it there");
  return Head{.number = number("n"),
              .id = words("id"),
              .guarded = number("trust"),
              .host = words("host"),
              .at = number("at"),
              .loads = !json.contains("load") || json["load"] != false};
}

std::string_view EngineLink::row_of(std::string_view key) const {
  const std::string rows = row_key("");
  return key.starts_with(rows) ? key.substr(rows.size()) : std::string_view();
}

Result<std::shared_ptr<EngineLink>> open_link(Database& database, Membership membership,
                                              std::string_view engine) {
  ANCHORD_TRY_ASSIGN(auto settings, engine_settings(membership, id_of(engine)));
  ANCHORD_TRY_ASSIGN(auto prefix, prefix_of(database));
  ANCHORD_TRY_ASSIGN(auto opened, engine_opener()(std::move(settings)));
  return std::make_shared<EngineLink>(std::move(opened), std::move(membership), std::move(prefix), "");
}

Result<std::shared_ptr<EngineLink>> link_of(Session& session, const ReplicaState& state) {
  // Somebody may have left the cluster, and joined it again, since.
  std::string mark = fmt::format("{} {}", membership_mark(session.directory), state.engine);
  if (session.link && session.link->mark() == mark) return session.link;
  session.link.reset();
  ANCHORD_TRY_ASSIGN(auto membership, read_membership(session.directory));
  ANCHORD_TRY_ASSIGN(auto settings, engine_settings(membership, id_of(state.engine)));
  ANCHORD_TRY_ASSIGN(auto prefix, prefix_of(session.database));
  ANCHORD_TRY_ASSIGN(auto opened, engine_opener()(std::move(settings)));
  session.link = std::make_shared<EngineLink>(std::move(opened), std::move(membership), std::move(prefix),
                                              std::move(mark));
  return session.link;
}

Result<OtherHosts> other_hosts(EngineLink& link) {
  const std::string hosts = link.key("h/");
  constexpr std::string_view kStatus = "/status";
  ANCHORD_TRY_ASSIGN(const auto found,
                     link.engine().range({.keys = engine::KeyRange::prefix(hosts), .keys_only = true}));
  OtherHosts out{.names = {}, .revision = found.revision};
  for (const engine::KeyValue& one : found.values) {
    const std::string_view name = std::string_view(one.key).substr(hosts.size());
    if (name.ends_with(kStatus) && name != link.host() + std::string(kStatus))
      out.names.emplace_back(name.substr(0, name.size() - kStatus.size()));
  }
  return out;
}

std::vector<engine::Compare> none_came_since(const EngineLink& link, engine::Revision revision) {
  const engine::KeyRange all = engine::KeyRange::prefix(link.key("h/"));
  const engine::KeyRange own = engine::KeyRange::prefix(link.key("h/" + link.host() + "/"));
  return {engine::Compare::none_after({all.begin, own.begin}, revision),
          engine::Compare::none_after({own.end, all.end}, revision)};
}

}  // namespace anchord::store

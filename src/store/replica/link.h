// A host's connection to the engine, and how far its database has followed it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "anchord/base/bytes.h"
#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/engine/engine.h"
#include "database/session.h"
#include "replica/membership.h"

namespace anchord::store {

// The row of the table `replica`.
struct ReplicaState {
  std::string engine;
  engine::Revision revision = 0;
  std::int64_t number = 0;
  std::string change;
  std::int64_t guarded = 0;
};

// Nothing on a single machine.
Result<std::optional<ReplicaState>> read_replica(Database& database);
Status write_replica(Database& database, const ReplicaState& state);

// What the key p/head says of the change that was made last.
struct Head {
  static constexpr int kVersion = 1;
  std::int64_t number = 0;
  std::string id;  // 16 hexadecimal digits
  std::int64_t guarded = 0;
  std::string host;
  UnixSeconds at = 0;
  bool loads = true;  // what Store::load() gives has changed

  std::string text() const;
  // Fails where a newer version wrote it, or nobody that is known.
  static Result<Head> parse(std::string_view text);
};

class EngineLink {
 public:
  EngineLink(std::unique_ptr<engine::Engine> engine, Membership membership, std::string prefix,
             std::string mark)
      : engine_(std::move(engine)),
        membership_(std::move(membership)),
        prefix_(std::move(prefix)),
        mark_(std::move(mark)) {}

  engine::Engine& engine() { return *engine_; }
  const std::string& host() const { return membership_.host; }
  const Membership& membership() const { return membership_; }
  Bytes cluster_key() const { return membership_.cluster_key.bytes(); }
  const std::string& mark() const { return mark_; }

  // "p/head" as the engine has it.
  std::string key(std::string_view name) const { return prefix_ + std::string(name); }
  std::string row_key(std::string_view row) const { return key("p/t/") + std::string(row); }
  std::string sealed_key(std::string_view file) const { return key("s/key/") + std::string(file); }
  // The head and all rows, and little else.
  engine::KeyRange followed() const { return {key("p/head"), key("p/t0")}; }
  // Empty: the key is of no row.
  std::string_view row_of(std::string_view key) const;

 private:
  std::unique_ptr<engine::Engine> engine_;
  Membership membership_;
  std::string prefix_;
  std::string mark_;
};

// For a session whose database is a replica, opened or as it was before. Connects to nobody.
Result<std::shared_ptr<EngineLink>> link_of(Session& session, const ReplicaState& state);
// The same with what is given, for who joins.
Result<std::shared_ptr<EngineLink>> open_link(Database& database, Membership membership,
                                              std::string_view engine);

std::string hex_of(engine::ClusterId id);

// Which other hosts count, as those whose status the engine has; `revision` is of the answer.
struct OtherHosts {
  std::vector<std::string> names;
  engine::Revision revision = 0;
};
Result<OtherHosts> other_hosts(EngineLink& link);
// That none of them has written anything since.
std::vector<engine::Compare> none_came_since(const EngineLink& link, engine::Revision revision);

}  // namespace anchord::store

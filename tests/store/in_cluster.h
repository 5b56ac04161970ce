// A store that is a member of a cluster in an engine in memory, and another replica of it.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <string>

#include "anchord/store/sharing.h"
#include "anchord/store/store.h"
#include "changes/sharing.h"
#include "database/session.h"
#include "database/state_folder.h"
#include "fake_engine.h"
#include "replica/catch_up.h"
#include "replica/rows.h"

namespace anchord::store {

// The engines in memory, by the names of their members, and what was opened last of each.
class FakeEngines {
 public:
  static FakeEngines& all() {
    static FakeEngines engines;
    return engines;
  }
  std::string make() {
    const std::string name = "memory" + std::to_string(clusters_.size());
    clusters_[name] = std::make_unique<engine::test::FakeCluster>();
    return "http://" + name;
  }
  engine::test::FakeCluster& of(const std::string& url) {
    return *clusters_.at(url.substr(std::string("http://").size()));
  }

 private:
  FakeEngines() {
    engine_opener() =
        [this](const engine::EtcdSettings& settings) -> Result<std::unique_ptr<engine::Engine>> {
      return clusters_.at(settings.members.front().host)->open();
    };
  }
  std::map<std::string, std::unique_ptr<engine::test::FakeCluster>> clusters_;
};

inline engine::test::FakeEngine& engine_of(Store& store) {
  Session& session = store.session();
  const auto link = link_of(session, read_replica(session.database).value().value());
  return dynamic_cast<engine::test::FakeEngine&>(link.value()->engine());
}

inline std::map<std::string, std::string> shared_rows(Store& store) {
  std::map<std::string, std::string> out;
  auto rows = read_shared_rows(store.session().database).value();
  for (SharedRow& row : rows) out.emplace(std::move(row.key), std::move(row.value).value());
  return out;
}

// Hashes of the files of keys that are in use: one that was replaced stays until the next is made.
inline std::map<std::string, std::size_t> keys_in(const std::filesystem::path& dir) {
  auto database = Database::open(dir / kDatabaseName, SQLITE_OPEN_READWRITE).value();
  std::map<std::string, std::size_t> out;
  Statement row(database, "SELECT key_file FROM identities UNION SELECT ? FROM former_keys",
                std::string_view(kFormerKeysFile));
  while (row.next()) {
    const std::string name(row.text(0));
    std::ifstream in(dir / "keys" / name, std::ios::binary);
    out.emplace(name, in ? std::hash<std::string>()(std::string(std::istreambuf_iterator<char>(in), {})) : 0);
  }
  return out;
}

class Shared {
 public:
  Shared(const std::filesystem::path& dir, std::filesystem::path replica)
      : url_(FakeEngines::all().make()), dir_(dir), replica_(std::move(replica)) {
    Store store = Store::open(dir).value();
    const auto member = share_as_it_is(store, {.members = url_}, "cucm1.example.com");
    if (!member) throw std::runtime_error(member.error().text);
    std::filesystem::copy(dir, replica_, std::filesystem::copy_options::recursive);
    Membership other = read_membership(replica_).value();
    other.host = "cucm2";
    if (auto written = write_membership(replica_, other); !written)
      throw std::runtime_error(written.error().text);
  }

  const std::string& url() const { return url_; }
  const std::filesystem::path& replica() const { return replica_; }
  engine::test::FakeCluster& cluster() const { return FakeEngines::all().of(url_); }

  // What it follows to is what `dir` has, where that is what was shared.
  void expect_alike(const std::filesystem::path& dir) {
    if (dir != dir_) return;
    Store here = Store::open(dir).value(), there = Store::open(replica_).value();
    if (!read_replica(here.session().database).value()) return;
    for (const auto& one : {dir, replica_}) {
      SharedFollower follower(Store::open(one).value());
      follower.follow(0);
      EXPECT_EQ(follower.report().problem, "");
    }
    const auto theirs = shared_rows(there);
    auto ours = shared_rows(here);
    // Lists of single phones, and of other hosts' ledgers, are kept by each for itself.
    std::erase_if(ours, [&](const auto& row) {
      return row.first.starts_with("issued_lists/") && !theirs.contains(row.first);
    });
    EXPECT_TRUE(ours == theirs);
    EXPECT_EQ(keys_in(dir), keys_in(replica_));
  }

 private:
  std::string url_;
  std::filesystem::path dir_;
  std::filesystem::path replica_;
};

}  // namespace anchord::store

// A store in a folder of its own for each test, copied from one that is made once.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "../stores.h"
#include "anchord/base/hex.h"
#include "anchord/crypto/self_signed.h"
#include "anchord/store/audit.h"
#include "anchord/store/certificates.h"
#include "anchord/store/init.h"
#include "anchord/store/lifecycle.h"
#include "anchord/store/lists.h"
#include "anchord/store/phones.h"
#include "anchord/store/service_status.h"
#include "anchord/store/store.h"
#include "database/sqlite.h"
#include "in_cluster.h"

namespace anchord::store {

namespace fs = std::filesystem;

class Folder {
 public:
  explicit Folder(const fs::path& where = fs::temp_directory_path()) {
    std::string name = (where / "anchord-store-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    path = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(path); }
  fs::path path;
};

inline InitRequest example_request() {
  return {.cluster_name = "Example",
          .hosts = {{"cucm1.example.com", {"192.0.2.1"}}, {.name = "cucm2"}},
          .organization = "Example Corp",
          .unit = "Voice",
          .country = "us",
          .key = crypto::KeyKind::p256};
}

inline ChangeRequest forced() {
  return {.force = true};
}

// With ANCHORD_TEST_CLUSTER in the environment the store is a member of a cluster in an engine in memory,
// where no other host counts; another replica, which follows it, must end as it does.
class StoreTest : public testing::Test {
 protected:
  StoreTest() {
    static const Folder made;
    if (!fs::exists(made.path / "state")) {
      auto store = init_store(made.path / "state", example_request());
      if (!store) throw std::runtime_error(store.error().text);
    }
    fs::copy(made.path / "state", dir_, fs::copy_options::recursive);
    if (std::getenv("ANCHORD_TEST_CLUSTER") != nullptr) shared_.emplace(dir_, folder_.path / "replica");
  }
  ~StoreTest() override {
    if (shared_) shared_->expect_alike(dir_);
  }

  Store open() {
    auto store = Store::open(dir_);
    if (!store) throw std::runtime_error(store.error().text);
    return std::move(*store);
  }
  // From here on the cluster has one host alone.
  Store one_host() {
    InitRequest request = example_request();
    request.hosts.resize(1);
    dir_ = folder_.path / "one-host";
    Store store = init_store(dir_, request).value();
    if (shared_) shared_.emplace(dir_, folder_.path / "replica-of-one");
    return store;
  }
  std::string open_error() {
    auto store = Store::open(dir_);
    return store ? "" : store.error().text;
  }
  std::string load_error() {
    auto loaded = open().load(KeyUse::with_keys);
    return loaded ? "" : loaded.error().text;
  }
  // The one key file whose name begins so, and goes on with a hash.
  fs::path key_file(const std::string& prefix) {
    constexpr std::size_t kHashAndSuffix = 12;
    for (const auto& entry : fs::directory_iterator(dir_ / "keys")) {
      std::string name = entry.path().filename();
      if (name.starts_with(prefix) && name.size() == prefix.size() + kHashAndSuffix) return entry.path();
    }
    throw std::runtime_error("no key " + prefix);
  }
  std::string read_database() {
    std::ifstream in(database_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write_database(std::string_view content) { std::ofstream(database_, std::ios::binary) << content; }

  Folder folder_;
  fs::path dir_ = folder_.path / "state";
  fs::path database_ = dir_ / "anchord.db";
  std::optional<Shared> shared_;
};

// Certificates that differ in nothing but their names.
inline crypto::Certificate example_certificate(const std::string& common_name) {
  static const auto key = crypto::PrivateKey::generate(crypto::KeyKind::p256).value();
  crypto::SelfSignedRequest request{.not_before = 1700000000, .days = 10};
  request.subject.append("CN", common_name);
  return crypto::make_self_signed(key, request).value();
}

// What an older version of the store left behind: tests/data/store-1 and store-2.
inline void make_version(int version, const fs::path& dir) {
  const fs::path data = ANCHORD_TEST_DATA "/store-" + std::to_string(version);
  fs::create_directory(dir);
  fs::copy(data / "keys", dir / "keys");
  for (const auto& entry : fs::directory_iterator(dir / "keys"))
    fs::permissions(entry, fs::perms::owner_read | fs::perms::owner_write);
  std::ifstream sql(data / "anchord.sql");
  auto database = Database::open(dir / "anchord.db", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  if (database && database->run({std::istreambuf_iterator<char>(sql), {}})) return;
  throw std::runtime_error("cannot make " + dir.string());
}

// A number that SQL finds in a database that may be of any version.
inline std::int64_t ask_database(const fs::path& dir, std::string_view sql) {
  auto database = Database::open(dir / "anchord.db", SQLITE_OPEN_READWRITE).value();
  Statement row(database, sql);
  return row.next() ? row.integer(0) : -1;
}

inline trust::KnownCertificate example_known(const std::string& common_name) {
  return {example_certificate(common_name), {wire::Role::app_server}, 600, {}};
}

inline std::string hash_of(const crypto::Certificate& certificate) {
  return to_hex(certificate.sha256());
}

inline std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename().string());
  return names;
}

inline void expect_text(const std::string& error, std::initializer_list<std::string_view> parts) {
  EXPECT_FALSE(error.empty());
  EXPECT_EQ(error.find('\n'), error.npos) << error;
  for (std::string_view part : parts) EXPECT_NE(error.find(part), error.npos) << error;
}

}  // namespace anchord::store

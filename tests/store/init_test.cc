// Making a store.
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <set>

#include "anchord/trust/trust_list.h"
#include "fixture.h"

namespace anchord::store {
namespace {

unsigned mode_of(const fs::path& path) {
  struct stat info{};
  EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777;
}

using Init = StoreTest;

TEST_F(Init, MakesAWholeCluster) {
  auto loaded = open().load(KeyUse::with_keys);
  ASSERT_TRUE(loaded) << loaded.error().text;
  const trust::Cluster& cluster = loaded->cluster;
  EXPECT_EQ(cluster.name, "Example");
  EXPECT_EQ(cluster.mode, trust::Mode::nonsecure);
  EXPECT_EQ(cluster.signing.digest, wire::Digest::sha512);
  EXPECT_EQ(cluster.signing.spelling, crypto::NameSpelling::vendor);
  ASSERT_EQ(cluster.hosts.size(), 2U);
  EXPECT_EQ(cluster.hosts[0].addresses, std::vector<std::string>{"192.0.2.1"});
  EXPECT_EQ(cluster.hosts[1].name, "cucm2");
  ASSERT_EQ(cluster.tvs.size(), 2U);
  auto subject = [](const trust::Identity& identity) { return identity.certificate.subject().to_open(); };
  EXPECT_EQ(subject(cluster.tvs[0]), "C=US,O=Example Corp,OU=Voice,CN=TVS-cucm1.example.com");
  EXPECT_EQ(subject(cluster.tvs[1]), "C=US,O=Example Corp,OU=Voice,CN=TVS-cucm2");
  EXPECT_EQ(subject(cluster.tftp), "C=US,O=Example Corp,OU=Voice,CN=cucm1.example.com");
  EXPECT_EQ(subject(cluster.tftp_ec), subject(cluster.tftp));
  EXPECT_NE(cluster.tftp_ec.certificate, cluster.tftp.certificate);
  EXPECT_EQ(subject(cluster.recovery), "C=US,O=Example Corp,OU=Voice,CN=ITLRECOVERY_cucm1.example.com");
  EXPECT_TRUE(subject(cluster.capf).starts_with("C=US,O=Example Corp,OU=Voice,CN=CAPF-"));
  EXPECT_EQ(cluster.capf.certificate.subject().value_of("CN").size(), 13U);
  EXPECT_TRUE(cluster.tvs[1].key->matches(cluster.tvs[1].certificate));
  auto list = trust::build_trust_list(trust::itl_fields(cluster), 1);
  EXPECT_TRUE(list) << list.error().text;
}

TEST_F(Init, SignersAreRsaWhateverTheKeyKind) {
  auto cluster = open().load(KeyUse::without_keys).value().cluster;
  EXPECT_EQ(cluster.tvs[0].certificate.key_type(), crypto::KeyType::ec);
  EXPECT_EQ(cluster.capf.certificate.key_type(), crypto::KeyType::ec);
  EXPECT_EQ(cluster.tftp.certificate.key_bits(), 2048U);
  EXPECT_EQ(cluster.recovery.certificate.key_bits(), 2048U);
  EXPECT_FALSE(cluster.tftp.key);
}

TEST_F(Init, HttpsHasAnEcKeyWhateverTheKeyKind) {
  InitRequest request = example_request();
  request.key = crypto::KeyKind::rsa2048;
  auto cluster = init_store(folder_.path / "rsa", request).value().load(KeyUse::with_keys).value().cluster;
  EXPECT_EQ(cluster.tvs[0].certificate.key_type(), crypto::KeyType::rsa);
  EXPECT_EQ(cluster.tftp_ec.certificate.key_type(), crypto::KeyType::ec);
  EXPECT_EQ(cluster.tftp_ec.certificate.key_bits(), 256U);
  EXPECT_TRUE(cluster.tftp_ec.key->matches(cluster.tftp_ec.certificate));
}

TEST_F(Init, RecoveryOutlastsTheOthers) {
  auto cluster = open().load(KeyUse::without_keys).value().cluster;
  constexpr UnixSeconds kYear = 365 * 86400;
  auto left = [](const trust::Identity& identity) {
    return identity.certificate.not_after() - calendar_now();
  };
  EXPECT_GT(left(cluster.recovery), 20 * kYear);
  for (const auto* identity : {&cluster.tvs[0], &cluster.tftp, &cluster.tftp_ec, &cluster.capf}) {
    EXPECT_GT(left(*identity), 5 * kYear);
    EXPECT_LT(left(*identity), 6 * kYear);
  }
}

TEST_F(Init, LifetimesAreAsAskedAndEndsApart) {
  InitRequest request = example_request();
  request.days = 30;
  auto cluster =
      init_store(folder_.path / "short", request).value().load(KeyUse::without_keys).value().cluster;
  std::set<UnixSeconds> ends;
  for (const auto* identity :
       {&cluster.tvs[0], &cluster.tvs[1], &cluster.tftp, &cluster.tftp_ec, &cluster.capf}) {
    const crypto::Certificate& made = identity->certificate;
    EXPECT_EQ((made.not_after() - made.not_before()) / 86400, 30);
    ends.insert(made.not_after());
  }
  EXPECT_EQ(ends.size(), 5u);
  EXPECT_GT(*ends.rbegin() - *ends.begin(), 60);
  const crypto::Certificate& recovery = cluster.recovery.certificate;
  EXPECT_EQ((recovery.not_after() - recovery.not_before()) / 86400, kMaxDays);
}

TEST_F(Init, AHostHasSeveralAddresses) {
  InitRequest request = example_request();
  request.hosts[0].addresses = {"192.0.2.1", "2001:db8::1"};
  auto store = init_store(folder_.path / "both", request).value();
  auto cluster = store.load(KeyUse::without_keys).value().cluster;
  EXPECT_EQ(cluster.hosts[0].addresses, request.hosts[0].addresses);
  EXPECT_TRUE(cluster.hosts[1].addresses.empty());
  // The one in its certificates' alternative names as the other.
  const std::array<std::uint8_t, 6> v4{0x87, 4, 192, 0, 2, 1};
  const std::array<std::uint8_t, 8> v6{0x87, 16, 0x20, 0x01, 0x0d, 0xb8, 0, 0};
  for (const trust::Identity& identity : {cluster.tvs[0], cluster.tftp, cluster.tftp_ec})
    for (Bytes part : {Bytes(v4), Bytes(v6)})
      EXPECT_NE(as_text(identity.certificate.der()).find(as_text(part)), std::string_view::npos);
}

TEST_F(Init, KeysAreForTheOwnerAlone) {
  fs::path dir = folder_.path / "fresh";
  ASSERT_TRUE(init_store(dir, example_request()));
  EXPECT_EQ(mode_of(dir), 0700U);
  EXPECT_EQ(mode_of(dir / "anchord.db"), 0600U);
  EXPECT_EQ(mode_of(dir / "keys"), 0700U);
  EXPECT_EQ(names_in(dir / "keys").size(), 6U);
  for (const std::string& name : names_in(dir / "keys"))
    EXPECT_EQ(mode_of(dir / "keys" / name), 0600U) << name;
  EXPECT_EQ(names_in(dir), (std::set<std::string>{"anchord.db", "devices", "keys", "provisioning"}));
}

TEST_F(Init, KeyFilesAreNamedAfterServiceHostAndCertificate) {
  auto cluster = open().load(KeyUse::without_keys).value().cluster;
  auto name = [](std::string prefix, const trust::Identity& identity) {
    return prefix + "-" + hash_of(identity.certificate).substr(0, 8) + ".key";
  };
  EXPECT_EQ(names_in(dir_ / "keys"),
            (std::set{name("tvs-cucm1.example.com", cluster.tvs[0]), name("tvs-cucm2", cluster.tvs[1]),
                      name("tftp", cluster.tftp), name("tftp-ec", cluster.tftp_ec),
                      name("capf", cluster.capf), name("recovery", cluster.recovery)}));
}

TEST_F(Init, RefusesASecondOneAndChangesNothing) {
  std::string before = read_database();
  auto keys = names_in(dir_ / "keys");
  auto again = init_store(dir_, example_request());
  ASSERT_FALSE(again);
  expect_text(again.error().text, {dir_.string(), "already"});
  EXPECT_EQ(read_database(), before);
  EXPECT_EQ(names_in(dir_ / "keys"), keys);
}

TEST_F(Init, KeepsAFolderThatWasThereAndItsContent) {
  fs::path dir = folder_.path / "there";
  fs::create_directories(dir / "keys");
  std::ofstream(dir / "keys" / "tftp-00000000.key") << "precious";
  std::ofstream(dir / "anchord.db.new") << "left by a killed init";
  std::ofstream(dir / "anchord.db.new-wal") << "left by a killed init";
  auto before = Store::open(dir);
  ASSERT_FALSE(before);
  expect_text(before.error().text, {"no cluster", "anchorctl init"});
  auto store = init_store(dir, example_request());
  ASSERT_TRUE(store) << store.error().text;
  EXPECT_TRUE(fs::exists(dir / "keys" / "tftp-00000000.key"));
  EXPECT_TRUE(store->load(KeyUse::with_keys));
  EXPECT_EQ(names_in(dir), (std::set<std::string>{"anchord.db", "anchord.db-shm", "anchord.db-wal", "devices",
                                                  "keys", "provisioning"}));
}

TEST_F(Init, RefusesTheRemainsOfAnotherDatabase) {
  fs::path dir = folder_.path / "remains";
  fs::create_directory(dir);
  std::ofstream(dir / "anchord.db-wal") << "changes";
  auto store = init_store(dir, example_request());
  ASSERT_FALSE(store);
  expect_text(store.error().text, {"anchord.db-wal", "move the file away"});
  EXPECT_EQ(names_in(dir), (std::set<std::string>{"anchord.db-wal"}));
}

TEST_F(Init, LeavesNothingWhenItFails) {
  fs::path dir = folder_.path / "state" / "anchord.db" / "below-a-file";
  EXPECT_FALSE(init_store(dir, example_request()));
  dir = folder_.path / "blocked";
  fs::create_directories(dir / "anchord.db.new" / "not-a-file");
  EXPECT_FALSE(init_store(dir, example_request()));
  EXPECT_EQ(names_in(dir), (std::set<std::string>{"anchord.db.new"}));
}

TEST_F(Init, RefusesWhatNoCertificateCanHold) {
  fs::path dir = folder_.path / "never";
  auto error = [&](auto change) {
    InitRequest request = example_request();
    change(request);
    auto store = init_store(dir, request);
    EXPECT_FALSE(fs::exists(dir));
    return store ? std::string() : store.error().text;
  };
  expect_text(error([](auto& r) { r.cluster_name = ""; }), {"name"});
  expect_text(error([](auto& r) { r.cluster_name = "a\nb"; }), {"control character"});
  expect_text(error([](auto& r) { r.hosts.clear(); }), {"at least one host"});
  expect_text(error([](auto& r) { r.hosts[1].name = "CUCM1.example.COM"; }),
              {"there is a host 'cucm1.example.com' already"});
  for (const char* name : {"", "a/b", "..", ".a", "-a", "a b", "a:b", "\xc3\xa4"})
    expect_text(error([&](auto& r) { r.hosts[0].name = name; }), {"not a host name"});
  expect_text(error([](auto& r) { r.hosts[0].name = std::string(kMaxHostName + 1, 'a'); }),
              {"longer than 52"});
  for (const char* address : {"192.0.2", "", "192.0.2.1,192.0.2.2", "192.0.2.1 ", "::1%eth0"})
    expect_text(error([&](auto& r) { r.hosts[0].addresses = {"192.0.2.1", address}; }),
                {address, "cucm1.example.com", "not an IPv4"});
  expect_text(error([](auto& r) { r.hosts[0].addresses = {"2001:db8::1", "2001:DB8:0::1"}; }),
              {"2001:db8::1", "given twice"});
  expect_text(error([](auto& r) { r.hosts[1].addresses = {"192.0.2.1"}; }),
              {"192.0.2.1", "that of host 'cucm1.example.com'"});
  expect_text(error([](auto& r) {
                for (int i = 0; i < 17; ++i) r.hosts[1].addresses.push_back(fmt::format("192.0.3.{}", i));
              }),
              {"cucm2", "17 addresses", "16"});
  expect_text(error([](auto& r) { r.days = kMaxDays + 1; }), {"7306 days", "7305"});
  expect_text(error([](auto& r) { r.country = "USA"; }), {"USA", "two letters"});
  expect_text(error([](auto& r) { r.country = "1A"; }), {"two letters"});
  expect_text(error([](auto& r) { r.organization = std::string(65, 'o'); }), {"organization"});
  expect_text(error([](auto& r) { r.unit = std::string(65, 'o'); }), {"unit"});
  expect_text(error([](auto& r) { r.signing.digest = wire::Digest::sha256; }), {"sha256"});
  expect_text(error([](auto& r) { r.digest = wire::Digest::sha256; }), {"sha256"});
}

TEST_F(Init, TakesTheLongestNamesAndAddresses) {
  InitRequest request = example_request();
  request.hosts = {{std::string(kMaxHostName, 'h'), {"2001:db8::1"}}, {"192.0.2.9", {"192.0.2.9"}}};
  request.organization = std::string(64, 'o');
  request.unit = "";
  request.country = "";
  request.signing = {wire::Digest::sha1, crypto::NameSpelling::open};
  auto store = init_store(folder_.path / "long", request);
  ASSERT_TRUE(store) << store.error().text;
  auto cluster = store->load(KeyUse::with_keys).value().cluster;
  EXPECT_EQ(cluster.signing.digest, wire::Digest::sha1);
  EXPECT_EQ(cluster.signing.spelling, crypto::NameSpelling::open);
  EXPECT_EQ(cluster.tvs[1].certificate.subject().to_open(),
            "O=" + std::string(64, 'o') + ",CN=TVS-192.0.2.9");
}

TEST_F(Init, TheChosenDigestIsOverTheUsualOne) {
  InitRequest request = example_request();
  request.digest = wire::Digest::sha1;
  auto store = init_store(folder_.path / "chosen", request);
  ASSERT_TRUE(store) << store.error().text;
  EXPECT_EQ(store->load(KeyUse::without_keys)->cluster.signing.digest, wire::Digest::sha1);
}

TEST_F(Init, RefusesAClusterWhoseListPhonesWouldNotLoad) {
  InitRequest request = example_request();
  for (int i = 0; i < 100; ++i) request.hosts.push_back({.name = "host-" + std::to_string(i)});
  auto store = init_store(folder_.path / "large", request);
  ASSERT_FALSE(store);
  expect_text(store.error().text, {"ITLFile.tlv", "65536", "leave out"});
  EXPECT_FALSE(fs::exists(folder_.path / "large"));
}

// Killed at moments all through the writing, an init leaves either no store or a whole one.
TEST_F(Init, KilledLeavesNoStoreOrAWholeOne) {
  for (int round = 0; round < 6; ++round) {
    fs::path dir = folder_.path / ("killed-" + std::to_string(round));
    pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) ::_exit(init_store(dir, example_request()) ? 0 : 1);
    // Once it has its keys it writes files, one after the other.
    while (!fs::exists(dir / "keys") && ::waitpid(child, nullptr, WNOHANG) == 0) ::usleep(50);
    ::usleep(static_cast<useconds_t>(round * 1500));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    auto store = Store::open(dir);
    if (!store) {
      expect_text(store.error().text, {"no cluster"});
      if (round > 0) continue;  // making keys takes its time: once is enough
      store = init_store(dir, example_request());
      ASSERT_TRUE(store) << store.error().text;
    }
    auto loaded = store->load(KeyUse::with_keys);
    EXPECT_TRUE(loaded) << loaded.error().text;
  }
}

TEST_F(Init, IsWrittenInTheAudit) {
  Store store = open();
  auto entries = audit_entries(store, 10).value();
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_NE(entries[0].what.find("Example"), std::string::npos);
  EXPECT_FALSE(entries[0].who.empty());
  EXPECT_NEAR(static_cast<double>(entries[0].time), static_cast<double>(calendar_now()), 3600);
}

}  // namespace
}  // namespace anchord::store

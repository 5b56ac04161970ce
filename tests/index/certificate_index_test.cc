#include "anchord/index/certificate_index.h"

#include <gtest/gtest.h>
#include <xxhash.h>

#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

namespace anchord::index {
namespace {

// Keys are hashes: tables look at their upper bits.
std::uint64_t key_of(std::uint64_t name) {
  return name * 0x9e3779b97f4a7c15;
}

// Names and serial numbers are told apart.
std::uint64_t serial_of(std::uint64_t name) {
  return name / 2 + 1'000'000;
}

CertificateChange put(std::string_view der, std::string_view roles = "\x01", std::uint32_t ttl = 86400,
                      std::uint64_t name = 0) {
  return {CertificateChange::Kind::put, as_bytes(der), as_bytes(roles), ttl, key_of(name),
          key_of(serial_of(name))};
}

CertificateChange removal(std::string_view der) {
  return {CertificateChange::Kind::remove, as_bytes(der)};
}

CertificateIndex with(const CertificateIndex& index, std::vector<CertificateChange> changes) {
  return index.with(changes);
}

const CertificateRecord* find(const CertificateIndex& index, std::string_view der) {
  return index.find(as_bytes(der));
}

// All DERs that are offered under a name.
std::multiset<std::string> offered(const CertificateIndex& index, std::uint64_t name) {
  std::multiset<std::string> found;
  index.find_named(key_of(name), [&](const CertificateRecord& record) {
    found.emplace(as_text(record.der()));
    return false;
  });
  return found;
}

// All DERs that are offered under the serial number that belongs to a name.
std::multiset<std::string> numbered(const CertificateIndex& index, std::uint64_t name) {
  std::multiset<std::string> found;
  index.for_serial(key_of(serial_of(name)), [&](const CertificateRecord& record) {
    found.emplace(as_text(record.der()));
    return true;
  });
  return found;
}

TEST(CertificateIndex, EmptyFindsNothing) {
  CertificateIndex index;
  EXPECT_EQ(index.size(), 0u);
  EXPECT_EQ(find(index, "a"), nullptr);
  EXPECT_EQ(find(index, ""), nullptr);
  EXPECT_EQ(index.find_named(0, [](const CertificateRecord&) { return true; }), nullptr);
  EXPECT_TRUE(numbered(index, 0).empty());
  EXPECT_EQ(index.memory().der + index.memory().overhead, 0u);
  index.for_each([](const CertificateRecord&) { FAIL(); });
  EXPECT_EQ(with(index, {}).size(), 0u);
  EXPECT_EQ(with(index, {removal("a")}).size(), 0u);
}

TEST(CertificateIndex, KeepsRolesInTheirOrderAndTtl) {
  const std::string roles("\x03\x01\x00\x02", 4);
  CertificateIndex index = with({}, {put("der", roles, 0xfffffffe)});
  const CertificateRecord* record = find(index, "der");
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(as_text(record->der()), "der");
  EXPECT_EQ(as_text(record->roles()), roles);
  EXPECT_EQ(record->ttl(), 0xfffffffeu);
}

TEST(CertificateIndex, TheWholeDerDecides) {
  CertificateIndex index = with({}, {put("certificate")});
  EXPECT_EQ(find(index, "certificat"), nullptr);
  EXPECT_EQ(find(index, "certificate "), nullptr);
  EXPECT_EQ(find(index, "certificatE"), nullptr);
  EXPECT_EQ(find(index, ""), nullptr);
}

TEST(CertificateIndex, TakesEverySizeAndNumberOfRoles) {
  CertificateIndex index;
  const std::string roles(kMaxRoles, '\x04');
  for (std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{4}, kMaxDer}) {
    for (std::size_t count = 0; count <= kMaxRoles; ++count) {
      const std::string der(size, static_cast<char>(count));
      index = with(index, {put(der, std::string_view(roles).substr(0, count))});
      const CertificateRecord* record = find(index, der);
      ASSERT_NE(record, nullptr) << size << ' ' << count;
      EXPECT_EQ(as_text(record->der()), der);
      EXPECT_EQ(record->roles().size(), count);
    }
  }
}

TEST(CertificateIndexDeathTest, OverLimitsIsTheCallersBug) {
  const std::string long_der(kMaxDer + 1, 'x');
  const std::string roles(kMaxRoles + 1, '\x01');
  EXPECT_DEATH(with({}, {put(long_der)}), "kMaxDer");
  EXPECT_DEATH(with({}, {put("a", roles)}), "kMaxRoles");
}

TEST(CertificateIndex, PutReplaces) {
  CertificateIndex first = with({}, {put("a", "\x01", 1, 7), put("b", "\x01", 1, 7)});
  CertificateIndex second = with(first, {put("a", "\x02\x03", 2, 8)});
  EXPECT_EQ(second.size(), 2u);
  EXPECT_EQ(as_text(find(second, "a")->roles()), "\x02\x03");
  EXPECT_EQ(find(second, "a")->ttl(), 2u);
  EXPECT_EQ(offered(second, 7), (std::multiset<std::string>{"b"}));
  EXPECT_EQ(offered(second, 8), (std::multiset<std::string>{"a"}));
  EXPECT_EQ(numbered(second, 7), (std::multiset<std::string>{"b"}));
  EXPECT_EQ(numbered(second, 8), (std::multiset<std::string>{"a"}));
  EXPECT_EQ(numbered(first, 7), (std::multiset<std::string>{"a", "b"}));
  // The first is as it was.
  EXPECT_EQ(as_text(find(first, "a")->roles()), "\x01");
  EXPECT_EQ(offered(first, 7), (std::multiset<std::string>{"a", "b"}));
  EXPECT_TRUE(offered(first, 8).empty());
}

TEST(CertificateIndex, RemovesFromAllTables) {
  CertificateIndex first = with({}, {put("a", "", 1, 7), put("b", "", 1, 7)});
  CertificateIndex second = with(first, {removal("a"), removal("never there")});
  EXPECT_EQ(second.size(), 1u);
  EXPECT_EQ(find(second, "a"), nullptr);
  EXPECT_NE(find(second, "b"), nullptr);
  EXPECT_EQ(offered(second, 7), (std::multiset<std::string>{"b"}));
  EXPECT_EQ(numbered(second, 7), (std::multiset<std::string>{"b"}));
  EXPECT_NE(find(first, "a"), nullptr);
  EXPECT_EQ(with(second, {removal("b")}).size(), 0u);
}

TEST(CertificateIndex, ChangesOfOneBatchApplyInTheirOrder) {
  CertificateIndex base = with({}, {put("a", "", 1, 1)});
  CertificateIndex index = with(base, {put("a", "", 2, 2), removal("a"), put("a", "", 3, 3),  //
                                       put("b", "", 1, 1), removal("b"),                      //
                                       removal("c"), put("c", "", 5, 5), put("c", "", 6, 6)});
  EXPECT_EQ(index.size(), 2u);
  EXPECT_EQ(find(index, "a")->ttl(), 3u);
  EXPECT_EQ(find(index, "b"), nullptr);
  EXPECT_EQ(find(index, "c")->ttl(), 6u);
  EXPECT_EQ(offered(index, 3), (std::multiset<std::string>{"a"}));
  EXPECT_EQ(offered(index, 6), (std::multiset<std::string>{"c"}));
  for (std::uint64_t gone : {1, 2, 5}) EXPECT_TRUE(offered(index, gone).empty()) << gone;
}

TEST(CertificateIndex, ANameFindsTheOneThatTheCallerMeans) {
  CertificateIndex index = with({}, {put("a", "", 1, 1), put("b", "", 1, 1), put("c", "", 1, 2)});
  const CertificateRecord* found =
      index.find_named(key_of(1), [](const CertificateRecord& r) { return as_text(r.der()) == "b"; });
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found, find(index, "b"));
  EXPECT_EQ(offered(index, 1), (std::multiset<std::string>{"a", "b"}));
}

TEST(CertificateIndex, NameKeyTellsIssuerFromSerial) {
  EXPECT_EQ(name_key("cn=x", as_bytes("1")), name_key("cn=x", as_bytes("1")));
  EXPECT_NE(name_key("cn=x", as_bytes("1")), name_key("cn=x1", as_bytes("")));
  EXPECT_NE(name_key("cn=x", as_bytes("1")), name_key("cn=", as_bytes("x1")));
  EXPECT_NE(name_key("cn=x", as_bytes("1")), name_key("1", as_bytes("cn=x")));
}

TEST(CertificateIndex, LeadingZerosOfASerialNumberAreOfNoAccount) {
  using namespace std::string_view_literals;
  EXPECT_EQ(serial_key(as_bytes("\0\0\x05"sv)), serial_key(as_bytes("\x05"sv)));
  EXPECT_EQ(serial_key(as_bytes("\0"sv)), serial_key({}));
  EXPECT_NE(serial_key(as_bytes("\x05\0"sv)), serial_key(as_bytes("\x05"sv)));
  EXPECT_EQ(name_key("cn=x", as_bytes("\0\x05"sv)), name_key("cn=x", as_bytes("\x05"sv)));
  EXPECT_EQ(name_key("cn=x", as_bytes("\0"sv)), name_key("cn=x", {}));
}

TEST(CertificateIndex, WhoLooksForASerialNumberMayStop) {
  CertificateIndex index = with({}, {put("a", "", 1, 4), put("b", "", 1, 5), put("c", "", 1, 6)});
  EXPECT_EQ(numbered(index, 4), (std::multiset<std::string>{"a", "b"}));  // of two issuers
  EXPECT_EQ(numbered(index, 6), (std::multiset<std::string>{"c"}));
  int visited = 0;
  index.for_serial(key_of(serial_of(4)), [&](const CertificateRecord&) { return ++visited < 1; });
  EXPECT_EQ(visited, 1);
}

// Thousands under one key: one partition, one tag, one bucket.
TEST(CertificateIndex, EqualNameKeysAreAllOffered) {
  constexpr std::size_t kCount = 3000;
  std::vector<std::string> ders;
  for (std::size_t i = 0; i < kCount; ++i) ders.push_back("certificate " + std::to_string(i));
  std::vector<CertificateChange> changes;
  for (const std::string& der : ders) changes.push_back(put(der, "", 1, 42));
  CertificateIndex index = CertificateIndex().with(changes);
  EXPECT_EQ(offered(index, 42), std::multiset<std::string>(ders.begin(), ders.end()));
  for (std::size_t i = 0; i < kCount; i += 2) index = with(index, {removal(ders[i])});
  EXPECT_EQ(offered(index, 42).size(), kCount / 2);
  for (std::size_t i = 0; i < kCount; ++i) {
    const CertificateRecord* found =
        index.find_named(key_of(42), [&](const CertificateRecord& r) { return as_text(r.der()) == ders[i]; });
    EXPECT_EQ(found != nullptr, i % 2 == 1) << i;
  }
}

// DERs of which at least two agree in every bit of the hash that the table looks at.
std::vector<std::vector<std::string>> colliding_groups() {
  std::unordered_map<std::uint64_t, std::vector<std::string>> by_place;
  for (int i = 0; i < 200'000; ++i) {
    std::string der = "collide " + std::to_string(i);
    by_place[XXH3_64bits(der.data(), der.size()) >> 38].push_back(std::move(der));
  }
  std::vector<std::vector<std::string>> groups;
  for (auto& [place, ders] : by_place) {
    if (ders.size() > 1) groups.push_back(std::move(ders));
  }
  return groups;
}

TEST(CertificateIndex, CollidingHashesAreToldApart) {
  const auto groups = colliding_groups();
  ASSERT_GT(groups.size(), 50u);
  for (const std::vector<std::string>& group : groups) {
    CertificateIndex one = with({}, {put(group[0], "\x01", 1, 1)});
    EXPECT_EQ(find(one, group[1]), nullptr);
    CertificateIndex both = with(one, {put(group[1], "\x02", 2, 2)});
    ASSERT_NE(find(both, group[0]), nullptr);
    ASSERT_NE(find(both, group[1]), nullptr);
    EXPECT_EQ(find(both, group[0])->ttl(), 1u);
    EXPECT_EQ(find(both, group[1])->ttl(), 2u);
    CertificateIndex swapped =
        with(both, {removal(group[0]), put(group[1], "", 3, 3), put(group[0], "", 4, 4), removal(group[1])});
    EXPECT_EQ(find(swapped, group[1]), nullptr);
    EXPECT_EQ(find(swapped, group[0])->ttl(), 4u);
    EXPECT_EQ(swapped.size(), 1u);
  }
}

TEST(CertificateIndex, AChangeKeepsAllOtherRecords) {
  std::vector<std::string> ders;
  std::vector<CertificateChange> changes;
  for (int i = 0; i < 20'000; ++i) ders.push_back("certificate " + std::to_string(i));
  for (std::size_t i = 0; i < ders.size(); ++i) changes.push_back(put(ders[i], "\x01", 1, i));
  const CertificateIndex first = CertificateIndex().with(changes);
  const CertificateIndex added = with(first, {put("one more", "\x01", 1, 5)});
  const CertificateIndex removed = with(first, {removal(ders[77])});
  for (const std::string& der : ders) {
    EXPECT_EQ(find(added, der), find(first, der));  // the record itself, in touched partitions too
    EXPECT_EQ(find(removed, der), der == ders[77] ? nullptr : find(first, der));
  }
}

TEST(CertificateIndex, RecordsLiveAsLongAsAnyIndexThatHoldsThem) {
  CertificateIndex first = with({}, {put("a", "\x01", 1, 1), put("b", "\x01", 1, 1)});
  CertificateIndex second = with(first, {removal("a")});
  const CertificateRecord* a = find(first, "a");
  const CertificateRecord* b = find(first, "b");
  second = with(second, {put("c"), put("d")});
  EXPECT_EQ(as_text(a->der()), "a");
  first = {};
  EXPECT_EQ(as_text(b->der()), "b");
  EXPECT_EQ(find(second, "b"), b);
}

// Two changes of one index, as when the first was built and then refused.
TEST(CertificateIndex, IndexesMayBranch) {
  const CertificateIndex base = with({}, {put("a", "\x01", 1, 1), put("b", "\x01", 1, 2)});
  std::optional<CertificateIndex> refused = with(base, {removal("a"), put("c", "\x01", 1, 3)});
  CertificateIndex other = with(base, {removal("b"), put("d", "\x01", 1, 4)});
  refused.reset();
  other = with(other, {put("e", "\x01", 1, 5)});
  EXPECT_NE(find(base, "a"), nullptr);
  EXPECT_NE(find(base, "b"), nullptr);
  EXPECT_EQ(find(base, "c"), nullptr);
  EXPECT_NE(find(other, "a"), nullptr);
  EXPECT_EQ(find(other, "b"), nullptr);
  EXPECT_EQ(find(other, "c"), nullptr);
  EXPECT_NE(find(other, "d"), nullptr);
  EXPECT_EQ(offered(other, 1), (std::multiset<std::string>{"a"}));
}

TEST(CertificateIndex, MemoryCountsAndIsUsedAgain) {
  std::vector<std::string> ders;
  std::vector<CertificateChange> changes;
  std::size_t bytes = 0;
  for (int i = 0; i < 20'000; ++i) ders.push_back(std::string(900 + i % 200, 'x') + std::to_string(i));
  for (std::size_t i = 0; i < ders.size(); ++i) {
    changes.push_back(put(ders[i], "\x01\x02", 1, i));
    bytes += ders[i].size();
  }
  CertificateIndex index = CertificateIndex().with(changes);
  const CertificateIndex::Memory full = index.memory();
  EXPECT_EQ(full.der, bytes);
  EXPECT_GT(full.overhead, ders.size() * (13 + 2 + 6 + 6 + 6));  // less could not be true
  EXPECT_LT(full.overhead, ders.size() * 100);

  for (int round = 0; round < 3; ++round) {
    for (CertificateChange& change : changes) ++change.ttl;
    for (std::size_t i = 0; i < changes.size(); i += 500) {
      index = index.with(std::span(changes).subspan(i, 500));
    }
  }
  EXPECT_EQ(index.memory().der, bytes);
  EXPECT_LT(index.memory().overhead, full.overhead + (2 << 20));
  for (CertificateChange& change : changes) change.kind = CertificateChange::Kind::remove;
  index = index.with(changes);
  EXPECT_EQ(index.memory().der, 0u);
  EXPECT_EQ(index.size(), 0u);
}

// Every record grows, time and again: the room of the old ones is of no use to the new ones.
TEST(CertificateIndex, FreedRoomDoesNotAddUp) {
  std::vector<std::string> ders;
  std::vector<CertificateChange> changes;
  for (int i = 0; i < 20'000; ++i) ders.push_back(std::to_string(100'000 + i) + std::string(994, 'x'));
  for (std::size_t i = 0; i < ders.size(); ++i) changes.push_back(put(ders[i], "", 1, i));
  CertificateIndex index = CertificateIndex().with(changes);
  const CertificateIndex::Memory full = index.memory();

  const std::string roles(kMaxRoles, '\x01');
  for (std::size_t count : {4, 8, 12, 16}) {
    for (CertificateChange& change : changes) change.roles = as_bytes(roles).first(count);
    for (std::size_t i = 0; i < changes.size(); i += 500) {
      index = index.with(std::span(changes).subspan(i, 500));
    }
  }
  EXPECT_EQ(index.size(), ders.size());
  EXPECT_EQ(index.memory().der, full.der);
  EXPECT_LT(index.memory().overhead, full.overhead + full.der / 2);
  for (std::size_t i = 0; i < ders.size(); ++i) {
    const CertificateRecord* record = find(index, ders[i]);
    ASSERT_NE(record, nullptr);
    ASSERT_EQ(record->roles().size(), kMaxRoles);
    ASSERT_EQ(offered(index, i).count(ders[i]), 1u);
    ASSERT_EQ(numbered(index, i).count(ders[i]), 1u);
  }
}

struct Model {
  std::uint32_t ttl;
  std::uint64_t name;
  std::string roles;
};

void expect_same(const CertificateIndex& index, const std::map<std::string, Model>& model) {
  ASSERT_EQ(index.size(), model.size());
  for (const auto& [der, expected] : model) {
    const CertificateRecord* record = find(index, der);
    ASSERT_NE(record, nullptr);
    ASSERT_EQ(as_text(record->der()), der);
    ASSERT_EQ(record->ttl(), expected.ttl);
    ASSERT_EQ(as_text(record->roles()), expected.roles);
    const CertificateRecord* named = index.find_named(
        key_of(expected.name), [&](const CertificateRecord& r) { return as_text(r.der()) == der; });
    ASSERT_EQ(named, record);
    ASSERT_EQ(numbered(index, expected.name).count(der), 1u);
  }
  std::size_t visited = 0;
  index.for_each(
      [&](const CertificateRecord& r) { visited += model.contains(std::string(as_text(r.der()))); });
  ASSERT_EQ(visited, model.size());
}

TEST(CertificateIndex, AgreesWithAMapUnderRandomChanges) {
  std::mt19937_64 random(20240611);
  std::map<std::string, Model> model;
  CertificateIndex index;
  auto change = [&](std::size_t count) {
    std::vector<std::string> ders;
    std::vector<Model> models;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t which = random() % 150'000;
      ders.push_back(std::to_string(which * 7919) + std::string(which % 90, '.'));
      models.push_back({static_cast<std::uint32_t>(random()), random() % 50'000,
                        std::string(random() % (kMaxRoles + 1), static_cast<char>(random() % 7))});
    }
    std::vector<CertificateChange> changes;
    for (std::size_t i = 0; i < count; ++i) {
      if (random() % 4 == 0) {
        changes.push_back(removal(ders[i]));
        model.erase(ders[i]);
      } else {
        changes.push_back(put(ders[i], models[i].roles, models[i].ttl, models[i].name));
        model[ders[i]] = models[i];
      }
    }
    index = index.with(changes);
  };

  change(200'000);
  ASSERT_GT(model.size(), 70'000u);
  expect_same(index, model);
  const CertificateIndex before = index;
  const std::map<std::string, Model> model_before = model;
  for (int round = 0; round < 100; ++round) change(1 + random() % 300);
  change(50'000);
  expect_same(index, model);
  expect_same(before, model_before);
}

// Readers on their own copies while another thread makes and drops versions.
TEST(CertificateIndex, VersionsAreIndependentAcrossThreads) {
  std::vector<std::string> ders;
  std::vector<CertificateChange> changes;
  for (int i = 0; i < 500; ++i) ders.push_back("certificate " + std::to_string(i));
  for (const std::string& der : ders) changes.push_back(put(der, "\x01", 1, 9));
  const CertificateIndex base = CertificateIndex().with(changes);
  auto work = [&ders](CertificateIndex index, std::uint32_t ttl) {
    for (std::size_t i = 0; i < ders.size(); ++i) {
      index = with(index, {put(ders[i], "\x02", ttl, ttl)});
      ASSERT_EQ(find(index, ders[i])->ttl(), ttl);
      ASSERT_EQ(offered(index, ttl).size(), i + 1);
    }
  };
  std::thread one(work, base, 100);
  std::thread two(work, base, 200);
  for (int round = 0; round < 200; ++round) {
    for (const std::string& der : ders) ASSERT_EQ(find(base, der)->ttl(), 1u);
  }
  one.join();
  two.join();
}

}  // namespace
}  // namespace anchord::index

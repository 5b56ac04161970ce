// Phones: adding, changing, removing.
#include <gtest/gtest.h>

#include "fixture.h"

namespace anchord::store {
namespace {

using trust::Phone;

constexpr char kFirstPhone[] = "SEP001122334455";
constexpr char kSecondPhone[] = "SEP00112233445A";

class Phones : public StoreTest {
 protected:
  std::vector<Phone> all() { return open().load(KeyUse::without_keys).value().cluster.phones; }
  Status put(const Phone& phone) { return put_phones(store_, {&phone, 1}); }
  Store store_ = open();
};

TEST_F(Phones, AreKeptByName) {
  EXPECT_TRUE(all().empty());
  Phone first{kFirstPhone, "", example_certificate("phone")};
  std::vector<Phone> given{{kSecondPhone, "8861", {}}, first};
  ASSERT_TRUE(put_phones(store_, given));
  auto kept = all();
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(kept[0].name, kFirstPhone);
  EXPECT_EQ(kept[0].model, "");
  EXPECT_EQ(kept[0].certificate, first.certificate);
  EXPECT_EQ(kept[1].name, kSecondPhone);
  EXPECT_EQ(kept[1].model, "8861");
  EXPECT_FALSE(kept[1].certificate);
}

TEST_F(Phones, WhatIsNotGivenStays) {
  Phone whole{kFirstPhone, "8861", example_certificate("phone")};
  ASSERT_TRUE(put(whole));
  ASSERT_TRUE(put({kFirstPhone, "", {}}));
  EXPECT_EQ(all()[0].model, "8861");
  EXPECT_EQ(all()[0].certificate, whole.certificate);
  ASSERT_TRUE(put({kFirstPhone, "7821", {}}));
  EXPECT_EQ(all()[0].model, "7821");
  EXPECT_EQ(all()[0].certificate, whole.certificate);
  auto renewed = example_certificate("renewed");
  ASSERT_TRUE(put({kFirstPhone, "", renewed}));
  EXPECT_EQ(all()[0].model, "7821");
  EXPECT_EQ(all()[0].certificate, renewed);
  // To be without a certificate again it is removed first.
  std::string name = kFirstPhone;
  ASSERT_TRUE(remove_phones(store_, {&name, 1}));
  ASSERT_TRUE(put({kFirstPhone, "", {}}));
  EXPECT_FALSE(all()[0].certificate);
  EXPECT_EQ(all()[0].model, "");
}

TEST_F(Phones, OfOneCallTheLastWins) {
  std::vector<Phone> given{{kFirstPhone, "1", example_certificate("one")}, {kFirstPhone, "2", {}}};
  ASSERT_TRUE(put_phones(store_, given));
  ASSERT_EQ(all().size(), 1U);
  EXPECT_EQ(all()[0].model, "2");
  EXPECT_EQ(all()[0].certificate, given[0].certificate);
}

TEST_F(Phones, AreAllPutOrNone) {
  std::vector<Phone> given{{kFirstPhone, "8861", {}}, {"", "", {}}};
  for (const char* name : {"", "SEP00112233445", "SEP0011223344556", "sep001122334455", "SEP00112233445a",
                           "SEP00112233445G", "00:11:22:33:44:55", "../../../../etc/x"}) {
    given[1].name = name;
    auto refused = put_phones(store_, given);
    ASSERT_FALSE(refused) << name;
    expect_text(refused.error().text, {name, "not a phone's name", "SEP001122334455"});
  }
  given[1] = {kSecondPhone, std::string(65, '8'), {}};
  expect_text(put_phones(store_, given).error().text, {"model", kSecondPhone, "64"});
  given[1].model = "88\n61";
  expect_text(put_phones(store_, given).error().text, {"model", kSecondPhone, "control character"});
  EXPECT_TRUE(all().empty());
  given[1].model = std::string(64, '8');
  EXPECT_TRUE(put_phones(store_, given));
  EXPECT_EQ(all()[1].model, given[1].model);
}

TEST_F(Phones, AreAllRemovedOrNone) {
  std::vector<Phone> given{{kFirstPhone, "", {}}, {kSecondPhone, "", {}}};
  ASSERT_TRUE(put_phones(store_, given));
  std::vector<std::string> names{kFirstPhone, "SEP000000000001", "SEP000000000002"};
  auto refused = remove_phones(store_, names);
  ASSERT_FALSE(refused);
  expect_text(refused.error().text, {"no phone 'SEP000000000001'", "anchorctl phone list"});
  EXPECT_EQ(all().size(), 2U);
  names = {kFirstPhone, kSecondPhone};
  ASSERT_TRUE(remove_phones(store_, names));
  EXPECT_TRUE(all().empty());
  EXPECT_TRUE(remove_phones(store_, {}));
}

TEST_F(Phones, OneIsFoundByItsName) {
  Phone phone{kFirstPhone, "8861", example_certificate("phone")};
  ASSERT_TRUE(put(phone));
  auto found = find_phone(store_, kFirstPhone);
  ASSERT_TRUE(found) << found.error().text;
  EXPECT_EQ(found->model, "8861");
  EXPECT_EQ(found->certificate, phone.certificate);
  for (const char* name : {kSecondPhone, "", "SEP%", "sep001122334455"})
    expect_text(find_phone(store_, name).error().text, {"no phone", name, "anchorctl phone list"});
}

TEST_F(Phones, CounterAndAuditFollowChangesAndNothingElse) {
  auto counter = store_.change_counter().value();
  auto moved = [&] {
    auto now = open().change_counter().value();
    return std::exchange(counter, now) != now;
  };
  auto newest = [&] { return audit_entries(store_, 1).value()[0].what; };
  Phone phone{kFirstPhone, "8861", example_certificate("phone")};
  ASSERT_TRUE(put(phone));
  EXPECT_TRUE(moved());
  expect_text(newest(), {"put phone", kFirstPhone, "8861", hash_of(*phone.certificate).substr(0, 8)});
  auto entries = audit_entries(store_, 100)->size();
  ASSERT_TRUE(put(phone));
  ASSERT_TRUE(put({kFirstPhone, "", {}}));
  EXPECT_FALSE(moved());
  EXPECT_EQ(audit_entries(store_, 100)->size(), entries);
  ASSERT_TRUE(put({kFirstPhone, "8845", {}}));
  EXPECT_TRUE(moved());
  expect_text(newest(), {"8845"});
  std::string name = kFirstPhone;
  ASSERT_TRUE(remove_phones(store_, {&name, 1}));
  EXPECT_TRUE(moved());
  expect_text(newest(), {"removed phone", kFirstPhone});
  EXPECT_FALSE(remove_phones(store_, {&name, 1}));
  EXPECT_FALSE(moved());
}

TEST_F(Phones, AreNotAmongTheCertificatesThatPhonesTrust) {
  Phone phone{kFirstPhone, "", example_certificate("phone")};
  auto before = store_.load(KeyUse::without_keys)->cluster.known.size();
  ASSERT_TRUE(put(phone));
  EXPECT_EQ(store_.load(KeyUse::without_keys)->cluster.known.size(), before);
  EXPECT_FALSE(find_certificate(store_, hash_of(*phone.certificate)));
}

}  // namespace
}  // namespace anchord::store

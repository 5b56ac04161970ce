// What is kept of signed files.
#include <gtest/gtest.h>

#include <map>

#include "anchord/store/signatures.h"
#include "fixture.h"

namespace anchord::store {
namespace {

class Signatures : public StoreTest {
 protected:
  using ByName = std::map<std::string, std::vector<Buffer>>;
  static ByName by_name(std::span<const SavedSignature> all) {
    ByName out;
    for (const SavedSignature& saved : all)
      EXPECT_TRUE(out.insert({saved.name, {saved.input_digest, saved.header, saved.content_key}}).second)
          << saved.name;
    return out;
  }
  ByName kept() {
    Store store = open();
    auto all = saved_signatures(store);
    EXPECT_TRUE(all) << all.error().text;
    return by_name(*all);
  }
  Store store_ = open();
  std::vector<SavedSignature> examples_{
      {"ringlist.xml.sgn", Buffer(32, 1), Buffer(430, 2), {}},
      {"SEP001122334455.cnf.xml.enc.sgn", Buffer(32, 3), Buffer(750, 4), Buffer(32, 5)},
      {"", {}, {}, {}}};
};

TEST_F(Signatures, AreKept) {
  EXPECT_TRUE(kept().empty());
  ASSERT_TRUE(save_signatures(store_, examples_, {}));
  EXPECT_EQ(kept(), by_name(examples_));
}

TEST_F(Signatures, AreReplacedAndForgotten) {
  ASSERT_TRUE(save_signatures(store_, examples_, {}));
  SavedSignature renewed{"ringlist.xml.sgn", Buffer(32, 7), Buffer(400, 8), Buffer(32, 9)};
  std::vector<std::string> forget{"", "of this one nothing is kept"};
  ASSERT_TRUE(save_signatures(store_, {&renewed, 1}, forget));
  std::vector<SavedSignature> expected{renewed, examples_[1]};
  EXPECT_EQ(kept(), by_name(expected));
  // What is forgotten and put by one call is there.
  ASSERT_TRUE(save_signatures(store_, {&renewed, 1}, {&renewed.name, 1}));
  EXPECT_EQ(kept(), by_name(expected));
}

TEST_F(Signatures, AreNoChangeOfTheStore) {
  auto counter = store_.change_counter().value();
  auto entries = audit_entries(store_, 100)->size();
  ASSERT_TRUE(save_signatures(store_, examples_, {}));
  ASSERT_TRUE(save_signatures(store_, {}, {&examples_[0].name, 1}));
  EXPECT_EQ(store_.change_counter().value(), counter);
  EXPECT_EQ(audit_entries(store_, 100)->size(), entries);
}

TEST_F(Signatures, DamagedOneIsLeftOut) {
  ASSERT_TRUE(save_signatures(store_, examples_, {}));
  {
    Store closed = std::move(store_);  // so that all is in the database's file
  }
  std::string whole = read_database();
  const SavedSignature& encrypted = examples_[1];
  for (const Buffer& part : {encrypted.input_digest, encrypted.header, encrypted.content_key}) {
    std::string content = whole;
    std::size_t at = content.find(as_text(part));
    ASSERT_NE(at, content.npos);
    content[at + part.size() / 2] ^= 0x10;
    write_database(content);
    std::vector<SavedSignature> expected{examples_[0], examples_[2]};
    EXPECT_EQ(kept(), by_name(expected));
  }
  store_ = open();
  ASSERT_TRUE(save_signatures(store_, {&encrypted, 1}, {}));
  EXPECT_EQ(kept(), by_name(examples_));
}

}  // namespace
}  // namespace anchord::store

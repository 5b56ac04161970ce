// What is served of files, and which changes of that go out.
#include "provisioning/served_files.h"

#include <gtest/gtest.h>

#include "state.h"

namespace anchord::control {
namespace {

class Files : public State {
 protected:
  void SetUp() override {
    State::SetUp();
    make_store();
    signatures_.emplace(SignatureCache::load(store::Store::open(options_.state).value()).value());
    served_.emplace(100, *signatures_, memory_, unfinished_);
  }
  // As F and F.sgn, with signatures that were made now.
  void put(const std::string& name, std::string_view text) {
    const index::Blob content(to_buffer(as_bytes(text)), budget_.take(text.size()));
    MadeFiles made;
    made.files.push_back({name, index::FileBody{.header = {}, .content = content}});
    made.files.push_back(
        {name + ".sgn", index::FileBody{.header = index::Blob(Buffer(3)), .content = content}});
    made.made.push_back({.name = name + ".sgn", .input_digest = {}, .header = Buffer(3), .content_key = {}});
    served_->put(name, content, made, FileStamp{.size = text.size()});
  }
  // "+NAME" and "-NAME", in order.
  std::string changes() {
    std::string out;
    for (const index::FileChange& change : served_->changes()) {
      if (!out.empty()) out += ' ';
      out += (change.body ? '+' : '-') + change.name;
    }
    served_->changes().clear();
    served_->note_sent();
    return out;
  }

  MemoryBudget budget_{1000};
  FileMemory memory_{budget_};
  UnfinishedFiles unfinished_;
  std::optional<SignatureCache> signatures_;
  std::optional<ServedFiles> served_;
};

TEST_F(Files, WhatIsPutIsServedAndWhatIsRemovedIsNot) {
  put("de/a", "text");
  EXPECT_EQ(changes(), "+de/a +de/a.sgn");
  EXPECT_TRUE(served_->find("de/a")->is_served_plain());
  EXPECT_TRUE(served_->find("de/a")->is_served_signed());
  EXPECT_TRUE(served_->has_below("de"));
  EXPECT_FALSE(served_->has_below("e"));
  EXPECT_EQ(served_->bytes(), 4u);
  EXPECT_EQ(served_->totals().signatures_made, 1u);
  EXPECT_EQ(memory_.superseded(), 0u);
  put("de/a", "longer text");
  EXPECT_EQ(served_->bytes(), 11u);
  EXPECT_EQ(changes(), "+de/a +de/a.sgn");
  served_->remove("de/a");
  EXPECT_EQ(changes(), "-de/a -de/a.sgn");
  EXPECT_EQ(served_->bytes(), 0u);
  EXPECT_EQ(served_->find("de/a"), nullptr);
}

TEST_F(Files, WhatReadersHoldOfAFormerVersionIsSuperseded) {
  put("a", "1234567");
  const index::Blob held = served_->find("a")->content;
  put("a", "12");
  changes();
  EXPECT_EQ(memory_.superseded(), 7u);
  EXPECT_EQ(memory_.held(), 9u);
}

TEST_F(Files, WhatIsWithdrawnStaysKnown) {
  put("a", "text");
  changes();
  served_->withdraw("a");
  EXPECT_EQ(changes(), "-a -a.sgn");
  EXPECT_FALSE(served_->find("a")->is_served());
  EXPECT_EQ(served_->bytes(), 4u);
  served_->withdraw("a");
  EXPECT_EQ(changes(), "");
}

TEST_F(Files, AFileTakesThePlaceOfAnothersSignedForm) {
  put("a.sgn", "signed elsewhere");
  EXPECT_EQ(changes(), "+a.sgn +a.sgn.sgn");
  put("a", "text");
  EXPECT_EQ(served_->find("a.sgn"), nullptr);
  EXPECT_EQ(served_->bytes(), 4u);
  EXPECT_EQ(unfinished_.due(monotonic_now()), std::set<std::string>{"provisioning/a.sgn"});
}

TEST_F(Files, TheFolderHasALimitInWhichAReplacementCountsOnce) {
  put("a", std::string(90, 'x'));
  EXPECT_TRUE(served_->check_size("a", 100));
  EXPECT_TRUE(served_->check_size("b", 10));
  EXPECT_EQ(served_->check_size("b", 11).error().text,
            "would take the folder beyond 100 bytes (--max-folder-size)");
}

TEST_F(Files, AStepThatFailedLeavesWhatWasSettledAndPutsAllInDoubt) {
  put("a", "text");
  served_->settle();
  served_->changes().push_back({"b", std::nullopt});  // of a step that did not come to its end
  served_->drop_unsettled();
  EXPECT_EQ(changes(), "+a +a.sgn");
  EXPECT_TRUE(served_->find("a")->doubtful);
  EXPECT_EQ(served_->find("a")->stamp, FileStamp());
  put("a", "text");
  EXPECT_FALSE(served_->find("a")->doubtful);
}

TEST_F(Files, SignaturesAreKeptForWhatIsServedAlone) {
  put("a", "1");
  put("b", "2");
  served_->remove("b");
  signatures_->save();
  EXPECT_EQ(signatures_->problem(), "");
  signatures_.emplace(SignatureCache::load(store::Store::open(options_.state).value()).value());
  ASSERT_EQ(signatures_->before().size(), 1u);
  EXPECT_TRUE(signatures_->before().contains("a.sgn"));
  // Nothing has used it when the first look ends.
  signatures_->drop_unused();
  signatures_->save();
  EXPECT_TRUE(SignatureCache::load(store::Store::open(options_.state).value()).value().before().empty());
}

TEST(Memory, AJobsBytesAreItsOwnUntilTheyAreReleased) {
  const MemoryBudget budget(10);
  FileMemory memory(budget);
  std::uint64_t in_hand = 0;
  {
    const MemoryBudget::Share share = memory.take(6, in_hand);
    EXPECT_TRUE(share);
    EXPECT_EQ(in_hand, 6u);
    EXPECT_FALSE(memory.take(5, in_hand));
    EXPECT_EQ(in_hand, 6u);
    EXPECT_EQ(memory.superseded(), 0u);
    memory.release(in_hand);
    EXPECT_EQ(in_hand, 0u);
    EXPECT_EQ(memory.superseded(), 6u);
    memory.serve(0, 4);
    EXPECT_EQ(memory.superseded(), 2u);
  }
  EXPECT_EQ(memory.held(), 0u);
  EXPECT_FALSE(memory.take_shortage());
  memory.note_shortage();
  EXPECT_TRUE(memory.take_shortage());
  EXPECT_FALSE(memory.take_shortage());
}

}  // namespace
}  // namespace anchord::control

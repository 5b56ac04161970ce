#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "anchord/base/file.h"
#include "anchord/base/hex.h"
#include "anchord/base/reader.h"
#include "anchord/base/slot_pool.h"
#include "anchord/base/writer.h"

namespace anchord {
namespace {

const Buffer kFive{1, 2, 3, 4, 5};

TEST(Reader, ReadsBigEndian) {
  Reader in(kFive);
  EXPECT_EQ(in.u16("a"), 0x0102);
  EXPECT_EQ(in.u8("b"), 3);
  EXPECT_EQ(in.offset(), 3u);
  EXPECT_EQ(in.left(), 2u);
  EXPECT_FALSE(in.done());
  EXPECT_EQ(in.u16("c"), 0x0405);
  EXPECT_TRUE(in.done());
}

TEST(Reader, TheFirstFailureSticksAndNamesItemAndOffset) {
  Reader in(kFive, 100);
  in.u16("first");
  EXPECT_EQ(in.u32("second"), 0u);
  EXPECT_TRUE(in.take(1, "third").empty());
  EXPECT_FALSE(in.ok());
  EXPECT_EQ(in.left(), 0u);
  EXPECT_EQ(in.error().text(), "item 'second' at offset 102: runs past the end");
}

TEST(Reader, PartsAreBounded) {
  Reader in(kFive);
  Reader part = in.part(2, "part");
  part.u8("x");
  part.u16("y");
  EXPECT_FALSE(part.ok());
  EXPECT_EQ(part.error().offset, 1u);
  EXPECT_TRUE(in.ok());
  in.adopt(part);
  EXPECT_FALSE(in.ok());
  EXPECT_FALSE(Reader(kFive).part(6, "long").ok());
}

TEST(Reader, TextNeedsItsNul) {
  Buffer with{'a', 'b', 0, 'c'};
  Reader in(with);
  EXPECT_EQ(in.text_until_nul("t"), "ab");
  EXPECT_EQ(in.text_until_nul("u"), "");
  EXPECT_FALSE(in.ok());
}

TEST(Writer, StopsAtTheEndAndKeepsWhatWasWritten) {
  Buffer room(4);
  Writer out(room);
  out.u16(0x0102);
  out.u32(7);
  out.u8(9);
  EXPECT_FALSE(out.ok());
  EXPECT_EQ(out.size(), 2u);
  EXPECT_EQ(room[0], 1);
  EXPECT_EQ(room[2], 0);
}

TEST(Hex, BothWays) {
  EXPECT_EQ(to_hex(Buffer{0, 0xab, 0xff}), "00abff");
  EXPECT_EQ(from_hex("00:AB fF\n"), (Buffer{0, 0xab, 0xff}));
  EXPECT_FALSE(from_hex("0"));
  EXPECT_FALSE(from_hex("0g"));
  EXPECT_FALSE(from_hex("0 0"));
}

TEST(SlotPool, AReleasedSlotsGenerationIsDead) {
  SlotPool<int> pool(2);
  std::uint32_t a = pool.acquire();
  std::uint32_t generation = pool.generation(a);
  EXPECT_NE(pool.acquire(), SlotPool<int>::kNone);
  EXPECT_EQ(pool.acquire(), SlotPool<int>::kNone);
  EXPECT_TRUE(pool.alive(a, generation));
  pool.release(a);
  EXPECT_FALSE(pool.alive(a, generation));
  EXPECT_EQ(pool.acquire(), a);
  EXPECT_FALSE(pool.alive(a, generation));
  EXPECT_EQ(pool.used(), 2u);
}

class Files : public testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(mkdtemp(folder_.data()), nullptr); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string folder_ = "/tmp/anchord-files-XXXXXX";
};

TEST_F(Files, AreReplacedWholeWithTheModeAskedFor) {
  std::string path = folder_ + "/f";
  ASSERT_TRUE(write_file(path, kFive, 0600));
  ASSERT_TRUE(write_file(path, Buffer{9}, 0640));
  EXPECT_EQ(read_file(path, 10), Buffer{9});
  struct stat info{};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0640u);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(Files, ErrorsNameTheFile) {
  std::string path = folder_ + "/f";
  EXPECT_NE(read_file(path, 10).error().text.find(path), std::string::npos);
  ASSERT_TRUE(write_file(path, kFive, 0600));
  EXPECT_NE(read_file(path, 4).error().text.find("more than 4 bytes"), std::string::npos);
  EXPECT_EQ(read_file(path, 5), kFive);
  EXPECT_NE(read_file(folder_, 5).error().text.find("folder"), std::string::npos);
  EXPECT_FALSE(write_file(folder_ + "/none/f", kFive, 0600));
}

}  // namespace
}  // namespace anchord

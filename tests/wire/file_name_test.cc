#include "anchord/wire/file_name.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace anchord::wire {
namespace {

std::string plain(std::string_view path) {
  std::array<char, 16> room;
  auto name = plain_file_name(path, room);
  return name ? std::string(*name) : "(none)";
}

TEST(PlainFileName, LeavesOutWhatNamesNothing) {
  EXPECT_EQ(plain("a.xml"), "a.xml");
  EXPECT_EQ(plain("de/a.xml"), "de/a.xml");
  EXPECT_EQ(plain("///de//.//./a.xml"), "de/a.xml");
  EXPECT_EQ(plain("./a.xml"), "a.xml");
  EXPECT_EQ(plain(".a/..b/c.../...d"), ".a/..b/c.../...d");
  EXPECT_EQ(plain(std::string(100, '/') + "a"), "a");
}

TEST(PlainFileName, ClimbsNowhereAndIsNoFolder) {
  for (const char* path :
       {"", "/", ".", "..", "./", "//", "a/", "a/.", "a//", "..//a", "a/../b", "/../a", "a/.."})
    EXPECT_EQ(plain(path), "(none)") << path;
}

TEST(PlainFileName, KeepsToItsRoom) {
  EXPECT_EQ(plain("0123456789abcdef"), "0123456789abcdef");
  EXPECT_EQ(plain("0123456789abcdefg"), "(none)");
  EXPECT_EQ(plain("0123456/89abcdef"), "0123456/89abcdef");
  EXPECT_EQ(plain("0123456//89abcdef"), "0123456/89abcdef");
  EXPECT_EQ(plain("0123456789abcdef/"), "(none)");
  EXPECT_EQ(plain("0123456789abcdef/g"), "(none)");
}

TEST(PlainFileName, WorksInPlace) {
  std::array<char, 16> room;
  constexpr std::string_view kPath = "//a/.//bc/./d";
  kPath.copy(room.data(), kPath.size());
  EXPECT_EQ(plain_file_name({room.data(), kPath.size()}, room), "a/bc/d");
}

}  // namespace
}  // namespace anchord::wire

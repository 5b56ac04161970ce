// What needs no other user; the rest is asked of the programs (tests/e2e/test_state_directory.py).
#include "anchord/base/trusted_folder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>

namespace anchord {
namespace {

namespace fs = std::filesystem;

class TrustedFolderTest : public testing::Test {
 protected:
  TrustedFolderTest() {
    std::string pattern = (fs::temp_directory_path() / "anchord-trusted-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    fs::create_directory(folder_ / "state");
  }
  ~TrustedFolderTest() override { fs::remove_all(folder_); }

  static std::string error(const Result<TrustedFolder>& opened) { return opened ? "" : opened.error().text; }
  std::string error(const fs::path& path) { return error(TrustedFolder::open(path)); }

  fs::path folder_;
};

TEST_F(TrustedFolderTest, OpensWhatIsItsOwners) {
  auto state = TrustedFolder::open(folder_ / "state/../state/.");
  ASSERT_TRUE(state) << state.error().text;
  EXPECT_EQ(state->real(), fs::canonical(folder_ / "state"));
  EXPECT_EQ(state->owner(), ::geteuid());
}

TEST_F(TrustedFolderTest, LinksOfOnesOwnAreFollowedOnce) {
  fs::create_directory_symlink("state", folder_ / "near");
  fs::create_directory_symlink(folder_ / "near", folder_ / "far");
  auto state = TrustedFolder::open(folder_ / "far");
  ASSERT_TRUE(state) << state.error().text;
  EXPECT_EQ(state->real(), fs::canonical(folder_ / "state"));
  EXPECT_EQ(state->path(), folder_ / "far");
  fs::create_directory_symlink("round", folder_ / "round");
  EXPECT_NE(error(folder_ / "round").find("leads nowhere"), std::string::npos);
}

TEST_F(TrustedFolderTest, NobodyElseMayWriteThereOrAbove) {
  fs::permissions(folder_ / "state", fs::perms(01777));
  EXPECT_NE(error(folder_ / "state").find("mode 1777"), std::string::npos);
  fs::permissions(folder_ / "state", fs::perms(0755));
  EXPECT_EQ(error(folder_ / "state"), "");
  fs::permissions(folder_, fs::perms(0777));
  EXPECT_NE(error(folder_ / "state").find("chmod go-w '" + folder_.string() + "'"), std::string::npos);
  EXPECT_FALSE(TrustedFolder::check_above(folder_ / "none"));
  fs::permissions(folder_, fs::perms(01777));
  EXPECT_EQ(error(folder_ / "state"), "");
  EXPECT_TRUE(TrustedFolder::check_above(folder_ / "none"));
}

TEST_F(TrustedFolderTest, FilesComeFromWithin) {
  auto state = TrustedFolder::open(folder_ / "state").value();
  std::ofstream(folder_ / "outside") << "secret";
  std::ofstream(folder_ / "state/file") << "content";
  fs::create_symlink("../outside", folder_ / "state/out");
  fs::create_symlink("file", folder_ / "state/in");
  EXPECT_EQ(as_text(state.read("file", 100).value()), "content");
  EXPECT_EQ(as_text(state.read("in", 100).value()), "content");
  EXPECT_NE(state.read("out", 100).error().text.find("leads out of the folder"), std::string::npos);
  EXPECT_FALSE(state.read("../outside", 100));
  EXPECT_FALSE(state.read("file", 3));
  EXPECT_TRUE(state.check_entry("file"));
  EXPECT_TRUE(state.check_entry("none"));
  EXPECT_NE(state.check_entry("in").error().text.find("is a link"), std::string::npos);
  ASSERT_EQ(::mkfifo((folder_ / "state/pipe").c_str(), 0600), 0);
  EXPECT_FALSE(state.read("pipe", 100));
}

TEST(IsLinkOfAnother, OfTwoNamesOneMayBeSomebodyElses) {
  struct stat info{};
  info.st_nlink = 2;
  info.st_uid = ::geteuid() + 1;
  EXPECT_TRUE(is_link_of_another(info, ::geteuid()));
  EXPECT_FALSE(is_link_of_another(info, ::geteuid() + 1));
  info.st_nlink = 1;
  EXPECT_FALSE(is_link_of_another(info, ::geteuid()));
  info = {};
  info.st_nlink = 2;
  info.st_uid = ::geteuid();
  EXPECT_FALSE(is_link_of_another(info, ::geteuid() + 1));
}

}  // namespace
}  // namespace anchord

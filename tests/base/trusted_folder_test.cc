// What needs no other user; the rest is asked of the programs (tests/e2e/test_state_directory.py).
#include "anchord/base/trusted_folder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
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

class OpenBelow : public TrustedFolderTest {
 protected:
  OpenBelow() {
    fs::create_directories(folder_ / "state/a/b");
    std::ofstream(folder_ / "outside") << "secret";
    std::ofstream(folder_ / "state/file") << "content";
    std::ofstream(folder_ / "state/a/b/deep") << "content";
    folder_fd_ = FileDescriptor(::open((folder_ / "state").c_str(), O_RDONLY | O_DIRECTORY));
  }
  void link(const fs::path& target, const char* name) {
    fs::create_symlink(target, folder_ / "state" / name);
  }
  // What is read there; else the error's number.
  std::string read(const std::string& name, int flags = O_RDONLY) {
    const FileDescriptor file = open_below(folder_fd_.get(), name, flags);
    if (!file) return std::to_string(errno);
    std::array<char, 16> room;
    const ssize_t size = ::read(file.get(), room.data(), room.size());
    return size < 0 ? std::to_string(errno) : std::string(room.data(), static_cast<std::size_t>(size));
  }
  static std::string number(int error) { return std::to_string(error); }

  FileDescriptor folder_fd_;
};

TEST_F(OpenBelow, FindsWhatIsThere) {
  for (const char* name : {"file", "a/b/deep", "a/../file", "./a/./b//deep", "a/b/../../file"})
    EXPECT_EQ(read(name), "content") << name;
  EXPECT_EQ(read("none"), number(ENOENT));
  EXPECT_EQ(read("none/file"), number(ENOENT));
  EXPECT_EQ(read("file/x"), number(ENOTDIR));
  EXPECT_EQ(read("a"), number(EISDIR));
  for (const char* name : {"", ".", "a/..", "a/b/../.."}) {
    const FileDescriptor same = open_below(folder_fd_.get(), name, O_PATH);
    struct stat info{}, folder{};
    ASSERT_TRUE(same) << name;
    ASSERT_EQ(::fstat(same.get(), &info) + ::fstat(folder_fd_.get(), &folder), 0);
    EXPECT_EQ(info.st_ino, folder.st_ino) << name;
  }
}

TEST_F(OpenBelow, LinksAreFollowedWithin) {
  link("file", "near");
  link("a/b", "folder");
  link("folder/../../near", "far");
  EXPECT_EQ(read("near"), "content");
  EXPECT_EQ(read("folder/deep"), "content");
  EXPECT_EQ(read("far"), "content");
  EXPECT_TRUE(open_below(folder_fd_.get(), "folder", O_RDONLY | O_DIRECTORY));
  // Where they are not to be followed, the last one is not.
  EXPECT_EQ(read("near", O_RDONLY | O_NOFOLLOW), number(ELOOP));
  EXPECT_EQ(read("folder/deep", O_RDONLY | O_NOFOLLOW), "content");
  struct stat info{};
  ASSERT_EQ(::fstat(open_below(folder_fd_.get(), "near", O_PATH | O_NOFOLLOW).get(), &info), 0);
  EXPECT_TRUE(S_ISLNK(info.st_mode));
  ASSERT_EQ(::fstat(open_below(folder_fd_.get(), "near", O_PATH).get(), &info), 0);
  EXPECT_TRUE(S_ISREG(info.st_mode));
}

TEST_F(OpenBelow, NothingLeadsOut) {
  link("../outside", "out");
  link(folder_ / "state/file", "whole");
  link("..", "up");
  link("a/b/../../../outside", "round");
  link("loop", "loop");
  for (const char* name : {"..", "../outside", "../state/file", "a/../../outside", "/", "/etc/passwd", "out",
                           "whole", "up", "up/outside", "up/state/file", "round"})
    EXPECT_EQ(read(name), number(EXDEV)) << name;
  EXPECT_EQ(read("loop"), number(ELOOP));
  EXPECT_EQ(read("loop/x"), number(ELOOP));
}

TEST_F(OpenBelow, FoldersOnTheWayAreBounded) {
  fs::path deep;
  for (int i = 0; i < 129; ++i) fs::create_directory(folder_ / "state" / (deep /= "x"));
  EXPECT_EQ(read(deep / "none"), number(ENAMETOOLONG));
  EXPECT_EQ(read(deep.parent_path() / "none"), number(ENOENT));
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

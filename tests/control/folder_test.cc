// Reading a folder that others write to: links, unfinished files, what is no file.
#include "provisioning/folder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>

#include "../time_bound.h"
#include "anchord/base/clock.h"
#include "provisioning/folder_watch.h"
#include "state.h"

namespace anchord::control {
namespace {

class FolderTest : public State {
 protected:
  void SetUp() override {
    State::SetUp();
    ::signal(SIGIO, SIG_IGN);
    folder_path_ = folder_ + "/provisioning";
    folder_object_ = std::make_unique<Folder>(Folder::open(folder_path_).value());
  }
  void write(const std::string& name, std::string_view text) {
    std::filesystem::create_directories(std::filesystem::path(folder_path_ + "/" + name).parent_path());
    std::ofstream(folder_path_ + "/" + name) << text;
  }
  ReadFile read(const std::string& name, std::uint64_t limit = 1000) {
    return folder_object_->read(name, {.bytes = limit, .name = "--flag"});
  }

  std::map<std::string, FileStamp> walk() {
    std::map<std::string, FileStamp> out;
    problems_.clear();
    folder_object_->walk(
        {.enter = [&](const std::string&) {},
         .see = [&](std::string name, const FileStamp& stamp) { out.emplace(name, stamp); },
         .problem = [&](const std::string& name, std::string why) { problems_[name] = why; }});
    return out;
  }

  std::string folder_path_;
  std::unique_ptr<Folder> folder_object_;
  std::map<std::string, std::string> problems_;
};

TEST_F(FolderTest, FindsFilesInFoldersAndNoTemporaryOnes) {
  for (const char* name : {"a.xml", "de/b.xml", "de/x/c.xml", ".hidden", "a.xml~", ".git/d.xml"})
    write(name, "x");
  auto found = walk();
  ASSERT_EQ(found.size(), 3u);
  EXPECT_TRUE(found.contains("de/x/c.xml"));
  ReadFile file = read("de/b.xml");
  EXPECT_EQ(file.state, ReadFile::State::whole);
  EXPECT_EQ(as_text(file.content), "x");
  EXPECT_EQ(file.stamp, found.at("de/b.xml"));
}

TEST_F(FolderTest, FollowsLinksInsideAndNoneThatLeadOut) {
  write("a", "inside");
  std::ofstream(folder_ + "/secret") << "outside";
  std::filesystem::create_symlink("a", folder_path_ + "/in");
  std::filesystem::create_symlink("../secret", folder_path_ + "/out");
  std::filesystem::create_symlink(folder_ + "/secret", folder_path_ + "/absolute");
  std::filesystem::create_symlink("nothing", folder_path_ + "/dangling");
  std::filesystem::create_symlink("loop", folder_path_ + "/loop");
  std::filesystem::create_symlink(".", folder_path_ + "/here");
  EXPECT_EQ(as_text(read("in").content), "inside");
  EXPECT_EQ(read("in").stamp, walk().at("in"));
  for (const char* name : {"out", "absolute"}) {
    EXPECT_EQ(read(name).state, ReadFile::State::refused) << name;
    EXPECT_EQ(read(name).reason, "is a link that leads out of the folder");
  }
  EXPECT_EQ(read("dangling").reason, "is a link that leads nowhere");
  EXPECT_EQ(read("loop").reason, "is a link that leads nowhere");
  EXPECT_EQ(read("here").reason, "is a link to a folder");
  EXPECT_EQ(read("../secret").state, ReadFile::State::refused);
  EXPECT_FALSE(walk().contains("here/a"));
}

TEST_F(FolderTest, RefusesWhatIsNoFileOrTooLarge) {
  ASSERT_EQ(mkfifo((folder_path_ + "/pipe").c_str(), 0600), 0);
  EXPECT_EQ(read("pipe").reason, "is no ordinary file");
  write("large", std::string(101, 'x'));
  EXPECT_EQ(read("large", 100).reason, "has 101 bytes; the limit is 100 (--flag)");
  EXPECT_EQ(read("large", 101).state, ReadFile::State::whole);
  // A sparse one costs its writer nothing and would cost us its size.
  write("sparse", "");
  ASSERT_EQ(truncate((folder_path_ + "/sparse").c_str(), off_t{1} << 40), 0);
  EXPECT_EQ(read("sparse").reason, "has 1099511627776 bytes; the limit is 1000 (--flag)");
  std::filesystem::create_directory(folder_path_ + "/folder");
  EXPECT_EQ(read("folder").state, ReadFile::State::missing);
  EXPECT_EQ(read("none").state, ReadFile::State::missing);
  EXPECT_EQ(read("large/none").state, ReadFile::State::missing);
  EXPECT_EQ(read("").state, ReadFile::State::missing);
}

TEST_F(FolderTest, LeavesAFileAloneThatSomebodyStillWrites) {
  write("a", "half");
  std::ofstream writer(folder_path_ + "/a", std::ios::app);
  EXPECT_EQ(read("a").state, ReadFile::State::unfinished);
  writer.close();
  EXPECT_EQ(read("a").state, ReadFile::State::whole);
}

TEST(IsQuiet, GoesByNanosecondsSinceTheLastChange) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  FileStamp stamp{.modified = 5, .changed = 1'000 * kSecond + 999'999'999};
  EXPECT_FALSE(is_quiet(stamp, stamp.changed));
  EXPECT_FALSE(is_quiet(stamp, stamp.changed + kSecond / 4));
  EXPECT_FALSE(is_quiet(stamp, stamp.changed + 299'999'999));
  EXPECT_TRUE(is_quiet(stamp, stamp.changed + 300'000'000));
  // Of a clock that was set back since: it would have to wait for that time to come.
  EXPECT_TRUE(is_quiet(stamp, stamp.changed - 1));
}

// Without a lease, which the kernel gives for one's own files, and for all with CAP_LEASE.
class AsAnotherUser {
 public:
  AsAnotherUser() : is_other_(::geteuid() == 0 && ::seteuid(65534) == 0) {}
  ~AsAnotherUser() {
    if (is_other_ && ::seteuid(0) != 0) std::abort();
  }
  explicit operator bool() const { return is_other_; }

 private:
  bool is_other_;
};

TEST_F(FolderTest, AFileOfAnotherUserIsTakenWhenItIsLeftAlone) {
  write("a", "half");
  ReadFile::State state = ReadFile::State::missing;
  // However slow this machine is, one of the looks comes soon after a change.
  for (int i = 0; i < 1000 && state != ReadFile::State::unfinished; ++i) {
    write("a", "whole");
    AsAnotherUser other;
    if (!other) GTEST_SKIP() << "not root: there is no other user";
    state = read("a").state;
  }
  EXPECT_EQ(state, ReadFile::State::unfinished);
  // A time that its writer has set says nothing of that.
  std::filesystem::last_write_time(folder_path_ + "/a",
                                   std::filesystem::file_time_type::clock::now() + std::chrono::hours(24));
  AsAnotherUser other;
  for (Millis end = monotonic_now() + time_bound();
       state == ReadFile::State::unfinished && monotonic_now() < end;)
    state = read("a").state;
  EXPECT_EQ(state, ReadFile::State::whole);
}

TEST_F(FolderTest, DeepFoldersAreNamed) {
  std::string name;
  for (unsigned i = 0; i <= Folder::kMaxDepth; ++i) name += "d/";
  write(name + "x", "deep");
  EXPECT_TRUE(walk().empty());
  ASSERT_EQ(problems_.size(), 1u);
  EXPECT_EQ(problems_.begin()->second, "is more than 16 folders deep");
}

TEST_F(FolderTest, TheWatchTellsOfFinishedMovedAndRemovedFiles) {
  FolderWatch watch = FolderWatch::open(folder_path_).value();
  std::filesystem::create_directory(folder_path_ + "/de");
  ASSERT_TRUE(watch.watch(""));
  ASSERT_TRUE(watch.watch("de"));
  {
    std::ofstream half(folder_path_ + "/a");
    half << "half" << std::flush;
    EXPECT_TRUE(watch.take().names.empty());
  }
  write("de/b", "x");
  write(".tmp", "x");
  EXPECT_EQ(watch.take().names, (std::set<std::string>{"a", "de/b"}));
  std::filesystem::rename(folder_path_ + "/.tmp", folder_path_ + "/c");
  std::filesystem::remove(folder_path_ + "/a");
  std::filesystem::create_symlink("c", folder_path_ + "/link");
  std::filesystem::create_hard_link(folder_path_ + "/c", folder_path_ + "/hard");
  FolderWatch::Events events = watch.take();
  for (const char* name : {"a", "c", "link", "hard"}) EXPECT_TRUE(events.names.contains(name)) << name;
  EXPECT_FALSE(events.rescan);
  std::filesystem::create_directory(folder_path_ + "/new");
  EXPECT_TRUE(watch.take().rescan);
}

}  // namespace
}  // namespace anchord::control

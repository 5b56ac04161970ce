// What has changed in the two folders, by events, by time and by a look at everything.
#include "provisioning/scanner.h"

#include <gtest/gtest.h>

#include <fstream>

#include "../time_bound.h"
#include "anchord/io/socket.h"
#include "state.h"

namespace anchord::control {
namespace {

class Scanning : public State {
 protected:
  void SetUp() override {
    State::SetUp();
    make_store();
    scanner_.emplace(Scanner::open(options_.state).value());
    asked_.emplace(io::Waker::create().value());
  }
  void write(const std::string& name) {
    const std::filesystem::path path = options_.state / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << name;
  }
  std::set<std::string> list(Unreadable& unreadable) {
    std::set<std::string> out;
    scanner_->list_files([&](std::string name, const FileStamp&) { out.insert(std::move(name)); },
                         unreadable);
    return out;
  }
  // Until that many names were told.
  Scanner::Changed take(std::size_t names) {
    Scanner::Changed out;
    for (const Millis end = monotonic_now() + time_bound(); out.files.size() + out.devices.size() < names;) {
      if (monotonic_now() >= end) {
        ADD_FAILURE() << "waited in vain";
        break;
      }
      scanner_->wait(asked_->descriptor(), end, true);
      Scanner::Changed more = scanner_->take(monotonic_now());
      out.files.merge(more.files);
      out.devices.merge(more.devices);
    }
    return out;
  }

  std::optional<Scanner> scanner_;
  std::optional<io::Waker> asked_;
};

TEST(UnreadableFolders, AreAboveWhatLiesInThem) {
  Unreadable unreadable;
  EXPECT_FALSE(unreadable.is_above("provisioning/a"));
  unreadable.add("provisioning/de", "is locked");
  EXPECT_TRUE(unreadable.has("provisioning/de"));
  EXPECT_TRUE(unreadable.is_above("provisioning/de/x/y"));
  EXPECT_FALSE(unreadable.is_above("provisioning/de"));
  EXPECT_FALSE(unreadable.is_above("provisioning/den/x"));
  EXPECT_FALSE(unreadable.is_above("devices/de/x"));
  unreadable.add("devices/", "is locked");  // the folder itself
  EXPECT_TRUE(unreadable.is_above("devices/a.pem"));
}

TEST_F(Scanning, EventsNameFilesOfEachFolder) {
  Unreadable unreadable;
  EXPECT_TRUE(list(unreadable).empty());
  scanner_->list_devices([](std::string, const FileStamp&) {}, [](const std::string&) {}, unreadable);
  EXPECT_TRUE(scanner_->watches());
  write("provisioning/a");
  write("devices/b.pem");
  const Scanner::Changed changed = take(2);
  EXPECT_EQ(changed.files, std::set<std::string>{"a"});
  EXPECT_EQ(changed.devices, std::set<std::string>{"b.pem"});
}

TEST_F(Scanning, AFileWhoseTimeHasComeIsNamedUntilItIsForgotten) {
  scanner_->unfinished().look_again("provisioning/a");
  scanner_->unfinished().look_again("devices/b");
  for (int i = 0; i < 2; ++i) {
    const Scanner::Changed changed = scanner_->take(monotonic_now());
    EXPECT_EQ(changed.files, std::set<std::string>{"a"});
    EXPECT_EQ(changed.devices, std::set<std::string>{"b"});
    EXPECT_FALSE(changed.everything);
  }
  scanner_->unfinished().forget("provisioning/a");
  EXPECT_TRUE(scanner_->take(monotonic_now()).files.empty());
}

TEST_F(Scanning, ANewFolderNeedsALookAtEverything) {
  Unreadable unreadable;
  list(unreadable);
  write("provisioning/de/a");
  bool everything = false;
  for (const Millis end = monotonic_now() + time_bound(); !everything && monotonic_now() < end;) {
    scanner_->wait(asked_->descriptor(), end, true);
    everything = scanner_->take(monotonic_now()).everything;
  }
  EXPECT_TRUE(everything);
  EXPECT_EQ(list(unreadable), std::set<std::string>{"de/a"});
  EXPECT_TRUE(unreadable.reasons().empty());
}

TEST_F(Scanning, WithoutEventsOnlyWhoeverAsksEndsTheWait) {
  Unreadable unreadable;
  list(unreadable);
  write("provisioning/a");
  asked_->wake();
  scanner_->wait(asked_->descriptor(), kNever, false);
  EXPECT_EQ(take(1).files, std::set<std::string>{"a"});
}

}  // namespace
}  // namespace anchord::control

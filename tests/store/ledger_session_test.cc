// Sessions and gaps of the ledger, and the lock of the one service.
#include "anchord/store/ledger_session.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "anchord/store/journal_file.h"
#include "anchord/store/service_lock.h"
#include "fixture.h"

namespace anchord::store {
namespace {

class LedgerSessions : public StoreTest {
 protected:
  std::string reason(Store& store) { return not_taken_over(store).value().value_or(""); }
  JournalFile journal(const LedgerSession& session) {
    fs::create_directory(journal_folder(dir_));
    return JournalFile::make(
               journal_folder(dir_) / "shard-0", {LogShape{8, 16}, LogShape{8, 16}},
               {.host = "h", .program = "1", .boot_id = session.boot_id, .started = session.started}, 0)
        .value();
  }
};

TEST_F(LedgerSessions, OneForEachHost) {
  Store store = open();
  std::int64_t counter = store.change_counter().value();
  EXPECT_TRUE(ledger_sessions(store).value().empty());
  ASSERT_TRUE(note_session(store, {.host = "b", .boot_id = "x", .started = 1, .written = 2, .clean = false}));
  ASSERT_TRUE(note_session(store, {.host = "a", .boot_id = "y", .started = 3, .written = 4, .clean = false}));
  ASSERT_TRUE(note_session(store, {.host = "b", .boot_id = "z", .started = 5, .written = 6, .clean = true}));
  auto all = ledger_sessions(store).value();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].host, "a");
  EXPECT_EQ(all[1].boot_id, "z");
  EXPECT_EQ(all[1].started, 5);
  EXPECT_EQ(all[1].written, 6);
  EXPECT_TRUE(all[1].clean);
  EXPECT_EQ(store.change_counter().value(), counter);
}

TEST_F(LedgerSessions, WhatAKilledServiceLeftIsSaid) {
  Store store = open();
  EXPECT_EQ(reason(store), "");
  LedgerSession session{.host = "h", .boot_id = boot_id(), .started = 10, .written = 10, .clean = false};
  ASSERT_FALSE(session.boot_id.empty());
  ASSERT_TRUE(note_session(store, session));
  EXPECT_NE(reason(store).find("its journal is gone"), std::string::npos);
  JournalFile file = journal(session);
  EXPECT_EQ(reason(store), "");  // it was killed, and had written everything
  file.head().positions[1].tail = 1;
  EXPECT_NE(reason(store).find("was killed before"), std::string::npos);
  file.head().positions[1].head = 1;
  EXPECT_EQ(reason(store), "");
  file.head().missing_since = 7;
  EXPECT_NE(reason(store).find("was killed before"), std::string::npos);
  session.clean = true;
  ASSERT_TRUE(note_session(store, session));
  EXPECT_EQ(reason(store), "");

  session.clean = false;
  session.boot_id = "another";
  JournalFile older = journal(session);
  ASSERT_TRUE(note_session(store, session));
  EXPECT_NE(reason(store).find("the machine stopped"), std::string::npos);
  std::ofstream(journal_folder(dir_) / "shard-0") << "nothing of the kind";
  EXPECT_NE(reason(store).find("shard-0"), std::string::npos);
}

TEST_F(LedgerSessions, OneServiceAlone) {
  EXPECT_EQ(service_of(dir_), std::nullopt);
  int told[2], wait[2];
  ASSERT_EQ(::pipe(told) + ::pipe(wait), 0);
  pid_t child = ::fork();
  if (child == 0) {
    auto lock = ServiceLock::take(dir_);
    char byte = lock ? 'y' : 'n';
    [[maybe_unused]] ssize_t n = ::write(told[1], &byte, 1);
    ::close(wait[1]);
    n = ::read(wait[0], &byte, 1);
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(told[0], &byte, 1), 1);
  EXPECT_EQ(byte, 'y');
  EXPECT_EQ(service_of(dir_), child);
  auto second = ServiceLock::take(dir_);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().text.find("another anchord (pid " + std::to_string(child) + ") serves from"),
            std::string::npos);
  ::close(wait[1]);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(service_of(dir_), std::nullopt);
  EXPECT_TRUE(ServiceLock::take(dir_));
  EXPECT_NE(ServiceLock::take(dir_ / "none").error().text.find("no state directory"), std::string::npos);
  for (int fd : {told[0], told[1], wait[0]}) ::close(fd);
}

}  // namespace
}  // namespace anchord::store

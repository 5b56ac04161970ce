// What a service leaves in its journal, and what the next one makes of it.
#include "ledger/journal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>
#include <random>

#include "anchord/base/file.h"
#include "anchord/crypto/digest.h"
#include "ledger/ledger_writer.h"
#include "state.h"

namespace anchord::control {
namespace {

using service::Download;
using service::DownloadEnd;
using service::Question;
using store::LedgerGap;
using store::LedgerSession;

Download download(std::string_view device, std::uint64_t version) {
  Download out{.version = version, .end = DownloadEnd::given, .ended = monotonic_now()};
  out.device.set(device);
  out.file.set("ITLFile.tlv");
  return out;
}

class JournalTest : public State {
 protected:
  void SetUp() override {
    State::SetUp();
    std::filesystem::create_directory(options_.state);
  }

  Journal open(std::vector<LedgerSession> sessions = {}, unsigned shards = 2) {
    auto out = Journal::open(options_.state, shards, "one", sessions, now_);
    if (!out) throw std::runtime_error(out.error().text);
    return std::move(*out);
  }
  // What is taken over: devices, in order.
  static std::vector<std::string> left_in(Journal& journal) {
    std::vector<std::string> out;
    journal.take_over([&](const auto& record, UnixSeconds) { out.emplace_back(record.device.text()); });
    return out;
  }
  std::filesystem::path file(unsigned shard = 0) {
    return options_.state / "journal" / ("shard-" + std::to_string(shard));
  }
  void change(std::uint64_t at, std::string_view bytes) {
    std::fstream out(file(), std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(static_cast<std::streamoff>(at));
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  template <class Value>
  void change(std::uint64_t at, Value value) {
    change(at, std::string_view(reinterpret_cast<const char*>(&value), sizeof value));
  }
  void seal() {
    constexpr std::size_t kEnd = offsetof(store::JournalHead, checksum);
    crypto::Sha256 sum = crypto::sha256(Bytes(read_file(file(), 1 << 26).value()).first(kEnd));
    change(kEnd, as_text(sum));
  }
  // A session that is killed with one record in its journal.
  LedgerSession killed() {
    Journal journal = open();
    EXPECT_TRUE(journal.of_shard(0).downloads.push(download("SEP001122334455", 1)));
    journal.settle(0, 0, now_);
    return journal.session();
  }

  UnixSeconds now_ = 1'800'000'000;
};

constexpr std::uint64_t kPositions = offsetof(store::JournalHead, positions);

TEST_F(JournalTest, AllItsRoomIsAllocatedAndItIsTheOwnersAlone) {
  Journal journal = open();
  struct stat info{};
  ASSERT_EQ(::stat(file().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  EXPECT_GE(info.st_blocks * 512, info.st_size);
  EXPECT_GE(static_cast<std::size_t>(info.st_size), sizeof(Download) * service::DownloadLog::kCapacity);
  EXPECT_TRUE(journal.settled());
  EXPECT_TRUE(journal.gaps().empty());
}

TEST_F(JournalTest, WhatWasNotWrittenIsTakenOverOnceItIsNotWrittenAgain) {
  for (int i = 0; i < 3; ++i) {
    Journal journal = open();
    EXPECT_EQ(left_in(journal),
              i == 0 ? std::vector<std::string>{} : std::vector<std::string>{"SEP001122334455"});
    EXPECT_TRUE(journal.gaps().empty());
    if (i == 0) {
      ASSERT_TRUE(journal.of_shard(0).downloads.push(download("SEP001122334455", 1)));
    }
    journal.settle(1, 0, now_);  // noted, and not written
    EXPECT_FALSE(journal.settled());
  }
  {
    Journal journal = open();
    EXPECT_EQ(left_in(journal).size(), 1u);
    journal.settle(1, 0, now_);
    journal.settle(1, 1, now_);
    EXPECT_TRUE(journal.settled());
  }
  Journal journal = open();
  EXPECT_TRUE(left_in(journal).empty());
}

TEST_F(JournalTest, WhatCameAfterTheMarkIsNotFreedWithIt) {
  Journal journal = open();
  auto& downloads = journal.of_shard(0).downloads;
  auto read = [&] { return downloads.read([](const Download&) {}); };
  ASSERT_TRUE(downloads.push(download("SEP001122334455", 1)));
  read();
  journal.settle(1, 0, now_);
  ASSERT_TRUE(downloads.push(download("SEP001122334455", 2)));
  read();
  journal.settle(2, 1, now_);
  EXPECT_EQ(downloads.used(), 1u);
  journal.settle(2, 2, now_);
  EXPECT_EQ(downloads.used(), 0u);
}

TEST_F(JournalTest, OrderAndPlacesOutliveTheEndOfTheRing) {
  constexpr std::uint32_t kAll = service::DownloadLog::kCapacity;
  {
    Journal journal = open();
    auto& downloads = journal.of_shard(1).downloads;
    for (std::uint32_t i = 0; i < kAll / 4 * 3; ++i)
      ASSERT_TRUE(downloads.push(download("SEP000000000000", i)));
    downloads.drain([](const Download&) {});
    for (std::uint32_t i = 0; i < kAll; ++i) ASSERT_TRUE(downloads.push(download("SEP001122334455", i)));
    EXPECT_FALSE(downloads.push(download("SEP001122334455", kAll)));
  }
  Journal journal = open();
  std::uint64_t next = 0;
  journal.take_over([&](const auto& record, UnixSeconds) {
    if constexpr (std::is_same_v<std::decay_t<decltype(record)>, Download>) {
      EXPECT_EQ(record.version, next++);
    }
  });
  EXPECT_EQ(next, kAll);
  ASSERT_EQ(journal.gaps().size(), 1u);  // one found no place
  EXPECT_EQ(journal.gaps()[0].why, "the service's journal was full");
}

TEST_F(JournalTest, RecordsSayWhenTheyWereMade) {
  {
    Journal journal = open();
    Download old = download("SEP001122334455", 1);
    ASSERT_GT(old.ended, 5'000u);
    old.ended -= 5'000;
    ASSERT_TRUE(journal.of_shard(0).downloads.push(old));
    Download lying = download("SEP001122334455", 2);
    lying.ended = kNever;
    ASSERT_TRUE(journal.of_shard(0).downloads.push(lying));
    journal.settle(0, 0, now_ + 100);
  }
  now_ += 100;
  std::vector<UnixSeconds> times;
  Journal journal = open();
  journal.take_over([&](const auto&, UnixSeconds time) { times.push_back(time); });
  ASSERT_EQ(times.size(), 2u);
  EXPECT_LE(times[0], now_ - 5);
  EXPECT_GE(times[0], now_ - 100);
  EXPECT_EQ(times[1], now_);
}

TEST_F(JournalTest, AMachineThatStoppedLeavesAGap) {
  LedgerSession session = killed();
  session.written = now_ - 7;
  change(offsetof(store::JournalHead, boot_id), std::string_view("another"));
  seal();
  EXPECT_EQ(store::look_at_journal(file())->owner.boot_id.substr(0, 7), "another");
  Journal journal = open({session});
  EXPECT_TRUE(left_in(journal).empty());  // what of it reached the disk nobody knows
  ASSERT_EQ(journal.gaps().size(), 1u);
  EXPECT_EQ(journal.gaps()[0].began, now_ - 7);
  EXPECT_EQ(journal.gaps()[0].ended, now_);
  EXPECT_EQ(journal.gaps()[0].why, "the machine stopped while the service ran");
}

TEST_F(JournalTest, AnotherHostsThatCameWithACopyIsNone) {
  LedgerSession session = killed();
  change(offsetof(store::JournalHead, boot_id), std::string_view("another"));
  change(offsetof(store::JournalHead, host), std::string_view("two\0", 4));
  seal();
  session.host = "two";
  Journal journal = open({session});
  EXPECT_TRUE(left_in(journal).empty());
  EXPECT_TRUE(journal.gaps().empty());
}

// Without the clean end's word that all was written.
TEST_F(JournalTest, WhatIsDamagedIsAGapAndMadeAnew) {
  struct Damage {
    const char* what;
    std::uint64_t at;
    std::uint64_t value;
  };
  for (Damage damage :
       {Damage{"magic", 0, 1}, Damage{"layout", 8, 99}, Damage{"record size", 16, 1},
        Damage{"capacity", 20, 1u << 31}, Damage{"version", 32, 7}, Damage{"boot", 64, 7},
        Damage{"checksum", offsetof(store::JournalHead, checksum), 7},
        Damage{"tail beyond the capacity", kPositions + 128, service::DownloadLog::kCapacity + 1},
        Damage{"head behind the tail", kPositions + 128 + 64, 99},
        Damage{"tail at the end of numbers", kPositions + 128, ~std::uint64_t{0}}}) {
    SCOPED_TRACE(damage.what);
    LedgerSession session = killed();
    session.written = now_ - 3;
    change(damage.at, damage.value);
    {
      Journal journal = open({session});
      EXPECT_TRUE(left_in(journal).empty());
      ASSERT_EQ(journal.gaps().size(), 1u);
      EXPECT_EQ(journal.gaps()[0].began, now_ - 3);
    }
    // Until the ledger knows of the gap, the file says that there is one.
    Journal again = open({session});
    ASSERT_EQ(again.gaps().size(), 1u);
    EXPECT_EQ(again.gaps()[0].began, now_ - 3);
    again.settle(1, 0, now_);
    EXPECT_FALSE(again.settled());
    again.settle(1, 1, now_);
    EXPECT_TRUE(again.settled());
    std::filesystem::remove_all(options_.state / "journal");
  }
}

TEST_F(JournalTest, AFileOfAnotherSizeOrKindIsMadeAnew) {
  LedgerSession session = killed();
  std::filesystem::resize_file(file(), 100);
  EXPECT_EQ(open({session}).gaps().size(), 1u);
  std::filesystem::resize_file(file(), 1 << 25);
  EXPECT_EQ(open({session}).gaps().size(), 1u);
  std::filesystem::remove(file());
  std::filesystem::create_symlink("/etc/passwd", file());
  auto refused = Journal::open(options_.state, 1, "one", {session}, now_);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("shard-0"), std::string::npos);
}

TEST_F(JournalTest, AfterACleanEndNothingIsMissingWhateverTheFilesSay) {
  LedgerSession session = killed();
  session.clean = true;
  Journal journal = open({session});
  EXPECT_TRUE(left_in(journal).empty());
  EXPECT_TRUE(journal.gaps().empty());
  // A session that the store was never told of is another.
  session.started -= 1;
  ASSERT_TRUE(journal.of_shard(0).downloads.push(download("SEP001122334455", 1)));
  Journal next = open({session});
  EXPECT_EQ(left_in(next).size(), 1u);
}

TEST_F(JournalTest, AJournalThatIsGoneIsAGap) {
  LedgerSession session = killed();
  session.written = now_ - 9;
  std::filesystem::remove_all(options_.state / "journal");
  Journal journal = open({session});
  ASSERT_EQ(journal.gaps().size(), 1u);
  EXPECT_EQ(journal.gaps()[0].began, now_ - 9);
}

TEST_F(JournalTest, FilesOfShardsThatThereAreNoLongerAreTakenOverAndRemoved) {
  {
    Journal journal = open({}, 3);
    ASSERT_TRUE(journal.of_shard(2).downloads.push(download("SEP001122334455", 1)));
  }
  Journal journal = open({}, 1);
  EXPECT_EQ(left_in(journal).size(), 1u);
  journal.settle(1, 0, now_);
  EXPECT_FALSE(std::filesystem::exists(file(1)));
  EXPECT_TRUE(std::filesystem::exists(file(2)));
  journal.settle(1, 1, now_);
  EXPECT_FALSE(std::filesystem::exists(file(2)));
}

TEST_F(JournalTest, WhereTheLedgerCannotBeWrittenThereIsRoomAndAKillIsAGap) {
  constexpr std::uint32_t kHalf = service::DownloadLog::kCapacity / 2;
  auto fill = [](Journal& journal) {
    auto& downloads = journal.of_shard(0).downloads;
    for (std::uint32_t i = 0; i < kHalf; ++i) EXPECT_TRUE(downloads.push(download("SEP001122334455", i)));
    downloads.read([](const Download&) {});
  };
  {
    Journal journal = open();
    for (std::uint64_t noted = 1; noted < 6; ++noted) {
      fill(journal);
      journal.settle(noted * kHalf, 0, now_ + 1);
    }
    EXPECT_EQ(journal.of_shard(0).downloads.lost(), 0u);
    EXPECT_FALSE(journal.settled());
  }
  {
    Journal journal = open();
    ASSERT_EQ(journal.gaps().size(), 1u);
    EXPECT_LE(journal.gaps()[0].began, now_);
  }
  std::filesystem::remove_all(options_.state / "journal");
  // When it is written after all, nothing is missing.
  Journal journal = open();
  fill(journal);
  journal.settle(kHalf, 0, now_);
  EXPECT_FALSE(journal.settled());
  journal.settle(kHalf, kHalf, now_);
  journal.settle(kHalf, kHalf, now_);
  EXPECT_TRUE(journal.settled());
}

TEST_F(JournalTest, RecordsThatFindNoPlaceAreAGapOnce) {
  Journal journal = open();
  auto& questions = journal.of_shard(0).questions;
  while (questions.push(Question{})) {
  }
  questions.read([](const Question&) {});
  auto gaps = journal.settle(1, 0, now_ + 4);
  ASSERT_EQ(gaps.size(), 1u);
  EXPECT_EQ(gaps[0].began, now_);
  EXPECT_EQ(gaps[0].ended, now_ + 4);
  EXPECT_TRUE(journal.settle(2, 0, now_ + 5).empty());
  EXPECT_FALSE(journal.settled());
  journal.settle(2, 2, now_ + 6);
  EXPECT_TRUE(journal.settled());
}

// Any bytes at all: nothing breaks, and there is no endless work.
TEST_F(JournalTest, AnyBytesAreTakenOrMadeAnew) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 40; ++round) {
    LedgerSession session = killed();
    auto& number = random;
    int changes = static_cast<int>(number() % 40) + 1;
    for (int i = 0; i < changes; ++i) {
      // Mostly in records, and in what changes while it is served, under a head that is right.
      std::uint64_t at =
          i % 4 == 0 ? offsetof(store::JournalHead, alive) + number() % 32 : 4096 + number() % 70'000;
      if (round % 4 == 0) at = number() % 6000;
      change(at, round % 2 == 0 ? number() : number() % 70'000);
    }
    Journal journal = open({session});
    std::size_t records = left_in(journal).size();
    EXPECT_LE(records, service::DownloadLog::kCapacity + service::QuestionLog::kCapacity);
    for (const LedgerGap& gap : journal.gaps()) {
      EXPECT_LE(gap.began, gap.ended);
      EXPECT_LE(gap.ended, now_);
    }
    journal.settle(records, records, now_);
    journal.settle(records, records, now_);
    std::filesystem::remove_all(options_.state / "journal");
  }
}

}  // namespace
}  // namespace anchord::control

#include "anchord/index/rcu.h"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "anchord/index/snapshot.h"

namespace anchord::index {
namespace {

// Knows how many of it are alive, and spoils itself when it goes.
struct View {
  View(std::uint64_t v, std::atomic<int>& counter) : version(v), check(v * 3), alive(counter) { ++alive; }
  ~View() {
    check = 0;
    --alive;
  }
  View(const View&) = delete;
  View& operator=(const View&) = delete;

  bool sound() const { return check == version * 3; }

  std::uint64_t version;
  std::uint64_t check;
  std::atomic<int>& alive;
};

class RcuTest : public ::testing::Test {
 protected:
  void publish(RcuPublisher<View>& publisher, std::uint64_t version) {
    publisher.publish(std::make_unique<const View>(version, alive_));
  }
  std::atomic<int> alive_{0};
};

using RcuDeathTest = RcuTest;

TEST_F(RcuTest, TheLastPublishedIsCurrent) {
  RcuPublisher<View> publisher(0);
  EXPECT_EQ(publisher.current(), nullptr);
  publish(publisher, 1);
  EXPECT_EQ(publisher.current()->version, 1u);
  publish(publisher, 5);
  EXPECT_EQ(publisher.current()->version, 5u);
  EXPECT_EQ(alive_, 1);  // there is no reader who could hold the first
}

TEST_F(RcuTest, FreesWhatEveryReaderHasLetGo) {
  RcuPublisher<View> publisher(2);
  for (std::uint64_t v = 1; v <= 4; ++v) publish(publisher, v);
  EXPECT_EQ(publisher.reclaim(), 4u);
  publisher.release_before(0, 4);
  EXPECT_EQ(publisher.reclaim(), 4u);  // the other has said nothing yet
  publisher.release_before(1, 3);
  EXPECT_EQ(publisher.reclaim(), 2u);
  EXPECT_EQ(alive_, 2);
  publisher.release_before(1, kReaderGone);
  EXPECT_EQ(publisher.reclaim(), 1u);
  publisher.release_before(0, kReaderGone);
  EXPECT_EQ(publisher.reclaim(), 1u);  // the current one stays, whatever they say
  EXPECT_TRUE(publisher.current()->sound());
}

TEST_F(RcuDeathTest, EndingBeforeTheReadersIsABug) {
  EXPECT_DEATH({ RcuPublisher<View> publisher(1); }, "kReaderGone");
}

TEST_F(RcuDeathTest, VersionsMustGrow) {
  RcuPublisher<View> publisher(0);
  publish(publisher, 2);
  EXPECT_DEATH(publish(publisher, 2), "version");
}

TEST_F(RcuTest, ARefreshedReaderHoldsTheNewestOnly) {
  RcuPublisher<View> publisher(1);
  RcuReader<View> pins(publisher, 0);
  publish(publisher, 1);
  EXPECT_EQ(pins.refresh().version, 1u);
  publish(publisher, 2);
  publish(publisher, 3);
  EXPECT_EQ(pins.current().version, 1u);
  EXPECT_EQ(alive_, 3);
  EXPECT_EQ(pins.refresh().version, 3u);
  EXPECT_EQ(pins.live(), 1u);
  EXPECT_EQ(publisher.reclaim(), 1u);
}

TEST_F(RcuTest, APinnedViewLivesUntilItsLastHolder) {
  RcuPublisher<View> publisher(1);
  RcuReader<View> pins(publisher, 0);
  publish(publisher, 1);
  pins.refresh();
  auto first = pins.pin();
  auto second = pins.pin();
  EXPECT_EQ(first->version, 1u);
  publish(publisher, 2);
  pins.refresh();
  auto third = pins.pin();
  publish(publisher, 3);
  pins.refresh();
  EXPECT_EQ(third.version, 2u);
  EXPECT_EQ(pins.live(), 3u);

  pins.unpin(first.version);
  EXPECT_EQ(publisher.reclaim(), 3u);
  EXPECT_TRUE(second->sound());
  pins.unpin(second.version);
  EXPECT_EQ(publisher.reclaim(), 2u);
  EXPECT_TRUE(third->sound());
  pins.unpin(third.version);
  EXPECT_EQ(publisher.reclaim(), 1u);
  EXPECT_EQ(pins.live(), 1u);
}

TEST_F(RcuTest, AnOldPinKeepsWhatCameAfterIt) {
  RcuPublisher<View> publisher(1);
  RcuReader<View> pins(publisher, 0);
  publish(publisher, 1);
  pins.refresh();
  auto oldest = pins.pin();
  publish(publisher, 2);
  pins.refresh();
  auto middle = pins.pin();
  publish(publisher, 3);
  pins.refresh();
  pins.unpin(middle.version);
  EXPECT_EQ(pins.live(), 2u);
  EXPECT_EQ(publisher.reclaim(), 3u);  // acknowledgements go by the oldest
  pins.unpin(oldest.version);
  EXPECT_EQ(publisher.reclaim(), 1u);
}

TEST_F(RcuTest, UnpinningTheViewInUseKeepsIt) {
  RcuPublisher<View> publisher(1);
  RcuReader<View> pins(publisher, 0);
  publish(publisher, 1);
  pins.refresh();
  pins.unpin(pins.pin().version);
  EXPECT_EQ(pins.live(), 1u);
  EXPECT_TRUE(pins.current().sound());
  EXPECT_TRUE(pins.pin()->sound());
  pins.unpin(1);
}

TEST_F(RcuDeathTest, UnpinningWhatIsNotPinnedIsABug) {
  RcuPublisher<View> publisher(1);
  RcuReader<View> pins(publisher, 0);
  publish(publisher, 4);
  pins.refresh();
  EXPECT_DEATH(pins.unpin(4), "holders");
  EXPECT_DEATH(pins.unpin(3), "holders");
  EXPECT_DEATH(pins.unpin(5), "holders");
}

TEST_F(RcuTest, AFullReaderStaysOnItsNewestUntilOneIsLetGo) {
  RcuPublisher<View> publisher(1);
  RcuReader<View> pins(publisher, 0);
  for (std::uint64_t v = 1; v <= kMaxLiveViews; ++v) {
    publish(publisher, v);
    EXPECT_EQ(pins.refresh().version, v);
    pins.pin();
  }
  publish(publisher, 1000);
  EXPECT_EQ(pins.refresh().version, kMaxLiveViews);
  EXPECT_EQ(pins.pin().version, kMaxLiveViews);
  EXPECT_EQ(pins.live(), kMaxLiveViews);
  pins.unpin(10);
  EXPECT_EQ(pins.refresh().version, 1000u);
  for (std::uint64_t v = 1; v <= kMaxLiveViews; ++v) {
    if (v != 10) pins.unpin(v);
  }
  pins.unpin(kMaxLiveViews);
  EXPECT_EQ(pins.live(), 1u);
  EXPECT_EQ(publisher.reclaim(), 1u);
}

TEST_F(RcuTest, AFullReaderMovesOnWhenItsNewestIsFree) {
  RcuPublisher<View> publisher(1);
  RcuReader<View> pins(publisher, 0);
  for (std::uint64_t v = 1; v <= kMaxLiveViews; ++v) {
    publish(publisher, v);
    pins.refresh();
    if (v < kMaxLiveViews) pins.pin();
  }
  publish(publisher, 1000);
  EXPECT_EQ(pins.refresh().version, 1000u);
  for (std::uint64_t v = 1; v < kMaxLiveViews; ++v) pins.unpin(v);
}

TEST_F(RcuTest, AReaderThatEndsIsRetired) {
  RcuPublisher<View> publisher(1);
  publish(publisher, 1);
  {
    RcuReader<View> pins(publisher, 0);
    pins.refresh();
    publish(publisher, 2);
    EXPECT_EQ(publisher.reclaim(), 2u);
  }
  EXPECT_EQ(publisher.reclaim(), 1u);
}

TEST_F(RcuTest, ViewsStaySoundUnderReadersThatPinAtRandom) {
  constexpr unsigned kReaders = 3;
  constexpr std::uint64_t kVersions = 2000;
  RcuPublisher<View> publisher(kReaders);
  publish(publisher, 1);
  std::vector<std::thread> readers;
  for (unsigned reader = 0; reader < kReaders; ++reader) {
    readers.emplace_back([&publisher, reader] {
      RcuReader<View> pins(publisher, reader);
      std::mt19937 random(reader);
      std::deque<RcuReader<View>::Pin> held;
      std::uint64_t newest = 0;
      while (newest < kVersions || !held.empty()) {
        const View& view = pins.refresh();
        ASSERT_TRUE(view.sound());
        ASSERT_GE(view.version, newest);
        newest = view.version;
        if (newest < kVersions && held.size() < 200 && random() % 2 == 0) held.push_back(pins.pin());
        for (const auto& pin : held) ASSERT_TRUE(pin->sound());
        if (!held.empty() && random() % 2 == 0) {
          std::swap(held.front(), held[random() % held.size()]);
          pins.unpin(held.front().version);
          held.pop_front();
        }
      }
    });
  }
  for (std::uint64_t v = 2; v <= kVersions; ++v) {
    publish(publisher, v);
    // As the service's publisher does: wait for readers rather than fill memory.
    while (publisher.reclaim() > kMaxLiveViews) std::this_thread::yield();
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(publisher.reclaim(), 1u);
  EXPECT_EQ(alive_, 1);
}

TEST(SnapshotPublishing, LookupsGoOnWhileVersionsChange) {
  constexpr std::uint64_t kVersions = 300;
  constexpr std::uint32_t kCertificates = 64;
  std::vector<std::string> ders;
  for (std::uint32_t i = 0; i < kCertificates; ++i) ders.push_back("certificate " + std::to_string(i));

  // Every certificate's TTL is the version that put all of them.
  auto next = [&ders](const Snapshot* last, std::uint64_t version) {
    std::vector<CertificateChange> changes;
    for (const std::string& der : ders) {
      changes.push_back(
          {.der = as_bytes(der), .ttl = static_cast<std::uint32_t>(version), .name_key = version});
    }
    auto snapshot = std::make_unique<Snapshot>(last == nullptr ? Snapshot() : *last);
    snapshot->version = version;
    snapshot->certificates = snapshot->certificates.with(changes);
    return snapshot;
  };

  RcuPublisher<Snapshot> publisher(2);
  publisher.publish(next(nullptr, 1));
  std::vector<std::thread> readers;
  for (unsigned reader = 0; reader < 2; ++reader) {
    readers.emplace_back([&, reader] {
      RcuReader<Snapshot> pins(publisher, reader);
      for (std::uint64_t version = 0; version < kVersions;) {
        const Snapshot& snapshot = pins.refresh();
        version = snapshot.version;
        for (const std::string& der : ders) {
          const CertificateRecord* record = snapshot.certificates.find(as_bytes(der));
          ASSERT_NE(record, nullptr);
          ASSERT_EQ(record->ttl(), version);
          ASSERT_EQ(
              snapshot.certificates.find_named(
                  version, [&](const CertificateRecord& r) { return same_bytes(r.der(), as_bytes(der)); }),
              record);
        }
      }
    });
  }
  for (std::uint64_t v = 2; v <= kVersions; ++v) publisher.publish(next(publisher.current(), v));
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace anchord::index

// The fixed containers of a shard, against the standard library's.
#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <map>
#include <random>
#include <thread>

#include "anchord/service/activity_log.h"
#include "limits/neighbours.h"
#include "limits/peer_map.h"
#include "limits/slot_list.h"
#include "stream/awaited_records.h"
#include "stream/buffer_pool.h"
#include "stream/held_buffers.h"

namespace anchord::service {
namespace {

io::Address address(unsigned n) {
  io::Address out{.port = static_cast<std::uint16_t>(n % 7)};
  out.host.bytes[15] = static_cast<std::uint8_t>(n);
  out.host.bytes[3] = static_cast<std::uint8_t>(n >> 8);
  return out;
}

TEST(PeerMap, AgreesWithAMapThroughRandomChanges) {
  for (std::uint64_t seed : {0ull, 1ull, 0xfeedull}) {
    std::mt19937 random(static_cast<unsigned>(seed));
    constexpr std::uint32_t kMax = 40;
    PeerMap map(kMax, seed);
    std::map<io::Address, std::uint32_t> right;
    for (int step = 0; step < 50'000; ++step) {
      io::Address key = address(random() % 60);
      if (random() % 2) {
        map.erase(key);
        right.erase(key);
      } else if (right.contains(key) || right.size() < kMax) {
        std::uint32_t value = random() % 1000;
        map.set(key, value);
        right[key] = value;
      }
      io::Address asked = address(random() % 60);
      auto found = right.find(asked);
      ASSERT_EQ(map.find(asked), found == right.end() ? PeerMap::kNone : found->second);
      ASSERT_EQ(map.size(), right.size());
    }
  }
}

TEST(SlotList, KeepsOrderAndRemovesFromAnywhere) {
  std::mt19937 random(3);
  SlotList list(20);
  std::list<std::uint32_t> right;
  for (int step = 0; step < 20'000; ++step) {
    std::uint32_t slot = random() % 20;
    switch (random() % 3) {
      case 0:
        if (!list.contains(slot)) {
          list.push_back(slot);
          right.push_back(slot);
        }
        break;
      case 1:
        list.remove(slot);
        right.remove(slot);
        break;
      default:
        list.move_to_back(slot);
        right.remove(slot);
        right.push_back(slot);
    }
    ASSERT_EQ(list.size(), right.size());
    ASSERT_EQ(list.front(), right.empty() ? SlotList::kNone : right.front());
    ASSERT_EQ(list.back(), right.empty() ? SlotList::kNone : right.back());
  }
}

TEST(Neighbours, AgreeWithListsThroughRandomChanges) {
  constexpr std::uint32_t kSlots = 30;
  struct One {
    std::uint32_t slot;
    unsigned from;
    Progress stage;
  };
  auto source = [](unsigned n) { return address(n << 8).host; };
  std::mt19937 random(5);
  Neighbours neighbours(kSlots, 9);
  std::list<One> right;  // each at its stage for longer than those behind it at the same one
  for (int step = 0; step < 50'000; ++step) {
    std::uint32_t slot = random() % kSlots;
    auto stage = static_cast<Progress>(random() % 4);
    auto one = std::ranges::find(right, slot, &One::slot);
    switch (random() % 3) {
      case 0:
        if (one != right.end()) break;
        right.push_back({slot, static_cast<unsigned>(random() % 6), Progress::mute});
        neighbours.add(slot, source(right.back().from));
        break;
      case 1:
        neighbours.advance(slot, stage);
        if (one == right.end() || one->stage >= stage) break;
        one->stage = stage;
        right.splice(right.end(), right, one);
        break;
      default:
        neighbours.remove(slot);
        if (one != right.end()) right.erase(one);
    }
    unsigned from = random() % 6;
    ASSERT_EQ(neighbours.count(source(from)), std::ranges::count(right, from, &One::from));
    for (Progress asked : {Progress::mute, Progress::speaking, Progress::handshake_done}) {
      auto first =
          std::ranges::find_if(right, [&](const One& o) { return o.from == from && o.stage == asked; });
      ASSERT_EQ(neighbours.longest(source(from), asked),
                first == right.end() ? Neighbours::kNone : first->slot);
    }
  }
}

TEST(HeldBuffers, QueuesOfSeveralConnectionsDoNotMix) {
  HeldBuffers held;
  HeldBuffers::Queue a;
  HeldBuffers::Queue b;
  held.push(a, 65535, 10);
  held.push(b, 0, 20);
  held.push(a, 7, 30);
  EXPECT_EQ(a.count, 2u);
  EXPECT_EQ(held.front(a), 65535);
  EXPECT_EQ(held.front_length(a), 10u);
  held.pop(a);
  EXPECT_EQ(held.front(a), 7);
  held.pop(a);
  EXPECT_TRUE(a.empty());
  held.push(a, 9, 1);
  EXPECT_EQ(held.front(a), 9);
  EXPECT_EQ(held.front(b), 0);
}

TEST(BufferPool, HandsOutTheLastUsedFirst) {
  BufferPool pool(3, 5000);
  std::uint32_t a = pool.acquire();
  std::uint32_t b = pool.acquire();
  EXPECT_GE(pool[a].size(), 5000u);
  std::fill(pool[a].begin(), pool[a].end(), std::uint8_t{1});
  std::fill(pool[b].begin(), pool[b].end(), std::uint8_t{2});
  EXPECT_EQ(pool[a].back(), 1);
  EXPECT_EQ(pool.out(), 2u);
  pool.release(a);
  EXPECT_EQ(pool.acquire(), a);
}

TEST(AwaitedRecords, AreSettledInOrderAsFarAsIsAcknowledged) {
  using Awaited = AwaitedRecords<int, 3>;
  BufferPool pool(2, Awaited::kRoom);
  Awaited awaited;
  std::vector<int> seen;
  auto see = [&](int record) { seen.push_back(record); };
  EXPECT_EQ(awaited.last(), 0u);
  EXPECT_TRUE(awaited.add(1, pool));
  awaited.stamp(10, pool);
  EXPECT_TRUE(awaited.add(2, pool));
  EXPECT_TRUE(awaited.add(3, pool));
  EXPECT_EQ(awaited.last(), 10u);  // where the others end is not known
  awaited.settle(1'000, pool, see);
  EXPECT_EQ(seen, (std::vector{1}));
  EXPECT_EQ(awaited.last(), 0u);
  awaited.stamp(20, pool);
  EXPECT_TRUE(awaited.add(4, pool));
  EXPECT_FALSE(awaited.add(5, pool));
  awaited.stamp(30, pool);
  EXPECT_EQ(awaited.last(), 30u);
  awaited.settle(19, pool, see);
  EXPECT_EQ(seen, (std::vector{1}));
  awaited.settle(20, pool, see);
  EXPECT_EQ(seen, (std::vector{1, 2, 3}));
  EXPECT_EQ(pool.out(), 1u);
  awaited.settle(30, pool, see);
  EXPECT_EQ(seen, (std::vector{1, 2, 3, 4}));
  EXPECT_EQ(pool.out(), 0u);
}

TEST(AwaitedRecords, TheRestIsGivenUp) {
  using Awaited = AwaitedRecords<int, 3>;
  BufferPool pool(1, Awaited::kRoom);
  Awaited awaited;
  std::vector<int> seen;
  auto see = [&](int record) { seen.push_back(record); };
  awaited.give_up(pool, see);
  awaited.add(1, pool);
  awaited.stamp(10, pool);
  awaited.add(2, pool);
  awaited.give_up(pool, see);
  EXPECT_EQ(seen, (std::vector{1, 2}));
  EXPECT_EQ(awaited.last(), 0u);
  EXPECT_EQ(pool.out(), 0u);
  awaited.add(3, pool);
  awaited.stamp(5, pool);  // of another connection
  EXPECT_EQ(awaited.last(), 5u);
}

TEST(QuestionLog, DropsWhenFullAndKeepsOrderAcrossThreads) {
  QuestionLog log;
  Question question;
  for (std::uint32_t i = 0; i < QuestionLog::kCapacity; ++i) ASSERT_TRUE(log.push(question));
  EXPECT_FALSE(log.push(question));
  log.drain([](const Question&) {});

  constexpr int kCount = 50'000;
  std::thread writer([&] {
    for (int i = 0; i < kCount;) {
      Question numbered;
      numbered.device.set(std::to_string(i));
      if (log.push(numbered)) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  int next = 0;
  while (next < kCount) {
    log.drain([&](const Question& q) {
      EXPECT_EQ(q.device.text(), std::to_string(next));
      ++next;
    });
    std::this_thread::yield();
  }
  writer.join();
}

TEST(Question, DeviceNamesAreCut) {
  Question question;
  question.device.set(std::string(500, 'x'));
  EXPECT_EQ(question.device.text(), std::string(54, 'x'));
}

}  // namespace
}  // namespace anchord::service

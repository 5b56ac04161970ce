// A shard where one allocation after the other fails, and whose slow readers give way: others are served.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "../failing_new.h"
#include "browser.h"

namespace anchord::sim {
namespace {

// The ring of the simulation allocates; a real one does not.
class NoneOfTheRing final : public io::Ring {
 public:
  explicit NoneOfTheRing(io::SimRing& ring) : ring_(ring) {}

  Millis now() const override { return ring_.now(); }
  std::uint64_t micros_since_wait() const override { return ring_.micros_since_wait(); }
  void accept(int listener, std::uint64_t tag) override {
    with([&] { ring_.accept(listener, tag); });
  }
  void set_backlog(int listener, int length) override {
    with([&] { ring_.set_backlog(listener, length); });
  }
  void receive(int connection, std::uint64_t tag) override {
    with([&] { ring_.receive(connection, tag); });
  }
  void receive_datagrams(int socket, std::uint64_t tag) override {
    with([&] { ring_.receive_datagrams(socket, tag); });
  }
  void send(int connection, Bytes bytes, std::uint64_t tag) override {
    with([&] { ring_.send(connection, bytes, tag); });
  }
  void send_iovecs(int connection, const io::IovecList& pieces, std::uint64_t tag) override {
    with([&] { ring_.send_iovecs(connection, pieces, tag); });
  }
  io::OutDatagram& new_datagram() override {
    PauseHere pause;
    return ring_.new_datagram();
  }
  void send_datagram(int socket, const io::OutDatagram& datagram, std::uint64_t tag) override {
    with([&] { ring_.send_datagram(socket, datagram, tag); });
  }
  void submit() override {
    with([&] { ring_.submit(); });
  }
  void watch_waker(std::uint64_t tag) override {
    with([&] { ring_.watch_waker(tag); });
  }
  void cancel(std::uint64_t tag) override {
    with([&] { ring_.cancel(tag); });
  }
  void finish(int connection) override {
    with([&] { ring_.finish(connection); });
  }
  std::size_t unacknowledged(int connection) override {
    PauseHere pause;
    return ring_.unacknowledged(connection);
  }
  void shutdown(int socket) override {
    with([&] { ring_.shutdown(socket); });
  }
  void close(int descriptor) override {
    with([&] { ring_.close(descriptor); });
  }
  io::Address peer(const io::Completion& accepted) override {
    PauseHere pause;
    return ring_.peer(accepted);
  }
  Bytes buffer(io::Group group, std::uint16_t id, std::size_t length) override {
    PauseHere pause;
    return ring_.buffer(group, id, length);
  }
  io::Datagram datagram(const io::Completion& completion) override {
    PauseHere pause;
    return ring_.datagram(completion);
  }
  void recycle(io::Group group, std::uint16_t id) override {
    with([&] { ring_.recycle(group, id); });
  }
  std::span<const io::Completion> wait(Millis deadline) override {
    PauseHere pause;
    return ring_.wait(deadline);
  }

 private:
  template <class Call>
  void with(Call&& call) {
    PauseHere pause;
    call();
  }

  io::SimRing& ring_;
};

WorldSettings settings(std::uint64_t seed) {
  WorldSettings out;
  out.ring.faults.seed = seed;
  out.ring_of = [](io::SimRing& ring) { return std::make_unique<NoneOfTheRing>(ring); };
  return out;
}

constexpr std::size_t kLarge = 600'000;

// Clients of every kind, among views that come while they read.
struct Clients {
  explicit Clients(World& w, unsigned first)
      : world(w),
        phone(w, first, {}),
        plain(w, first + 1, {}, {get("big.bin"), get("none")}),
        tls(w, first + 2, {.tls = true}, {get("big.bin"), get("small.xml")}) {
    fetchers.push_back(std::make_unique<Fetcher>(w, first + 3, "mid.bin", wire::TftpOptions{}));
  }

  void pump() {
    phone.pump();
    plain.pump();
    tls.pump();
    deliver(world, fetchers);
  }
  unsigned satisfied() const {
    return static_cast<unsigned>(phone.satisfied()) + static_cast<unsigned>(plain.satisfied()) +
           static_cast<unsigned>(tls.satisfied()) + static_cast<unsigned>(fetchers[0]->done());
  }

  World& world;
  Phone phone;
  Browser plain;
  Browser tls;
  std::vector<std::unique_ptr<Fetcher>> fetchers;
};

void publish(World& world, std::uint8_t version) {
  world.publish({file("big.bin", file_content(version, kLarge)),
                 file("mid.bin", file_content(version, 9'000)),
                 file("small.xml", file_content(version, 900))});
}

TEST(ShardWithoutMemory, NeedsNoneToServe) {
  World world(settings(3));
  publish(world, 1);
  Clients clients(world, 1);
  {
    FailHere failing(0);
    unsigned ticks = 0;
    world.run_for(20'000, [&] {
      PauseHere pause;
      clients.pump();
      if (++ticks % 7 == 0 && ticks < 60) publish(world, static_cast<std::uint8_t>(ticks));
    });
    EXPECT_FALSE(failing.happened());
  }
  EXPECT_EQ(clients.satisfied(), 4u);
  EXPECT_EQ(world.counters.no_memory.get(), 0u);
  world.run_for(120'000);
  expect_no_http_left(world);
}

// A slow browser, and a phone that stops in the middle of a file.
TEST(SlowReaders, OfWhatWasReplacedGiveWayFromTheOldestViewOn) {
  constexpr std::uint64_t kNone = service::Shard::kNone;
  WorldSettings small_buffers = settings(4);
  small_buffers.ring.socket_buffer = 64 * 1024;
  World world(small_buffers);
  publish(world, 1);  // version 2 of the view
  world.publish({file("other.bin", file_content(7, kLarge))});
  Browser slow(world, 1, {}, {get("big.bin")});
  Browser of_another(world, 2, {}, {get("other.bin")});
  std::vector<std::unique_ptr<Fetcher>> fetchers;
  std::vector<Browser*> readers{&slow, &of_another};
  bool reading = false;
  auto run = [&](Millis time) {
    world.run_for(time, [&] {
      deliver(world, fetchers);
      if (!fetchers.empty() && fetchers[0]->content().size() > 1'000) fetchers[0]->go_silent();
      for (Browser* reader : readers) {
        reader->pump();
        world.sim.peer_stall(reader->peer(), !reading && reader->body_so_far() > 0);
      }
    });
  };
  auto until = [&](auto&& condition) {
    for (int i = 0; i < 2'000 && !condition(); ++i) run(1);
    ASSERT_TRUE(condition());
  };
  until([&] { return slow.body_so_far() > 0 && of_another.body_so_far() > 0; });
  fetchers.push_back(std::make_unique<Fetcher>(world, 3, "mid.bin", wire::TftpOptions{}));
  until([&] { return fetchers[0]->content().size() > 1'000; });
  EXPECT_EQ(world.shard->give_way(kNone), kNone);  // nobody reads what was replaced
  publish(world, 2);
  run(50);
  Browser later(world, 4, {}, {get("big.bin")});
  readers.push_back(&later);
  until([&] { return later.body_so_far() > 0; });
  publish(world, 3);
  run(50);
  EXPECT_EQ(world.shard->give_way(1), 3u);  // the oldest, and nobody goes
  EXPECT_EQ(world.counters.memory_gave_way.get(), 0u);
  EXPECT_EQ(world.shard->give_way(4), 4u);
  EXPECT_EQ(world.counters.memory_gave_way.get(), 2u);
  EXPECT_EQ(world.shard->give_way(kNone), kNone);
  EXPECT_EQ(world.counters.memory_gave_way.get(), 3u);
  reading = true;
  for (Browser* reader : readers) world.sim.peer_stall(reader->peer(), false);
  run(20'000);
  EXPECT_FALSE(slow.satisfied());
  EXPECT_TRUE(slow.ended());
  EXPECT_FALSE(later.satisfied());
  EXPECT_TRUE(of_another.satisfied());
  EXPECT_EQ(world.counters.tftp_active.get(), 0u);
}

}  // namespace
}  // namespace anchord::sim

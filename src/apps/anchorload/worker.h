// One thread of a run: a ring, its part of the clients, and the loop that hands tasks
// to whoever is free.
//
// Without a rate a client gets its next task as soon as one has ended. With a rate
// tasks are due at fixed times whatever the server does; who waits for a free client
// waits on the clock, so that a server that stalls does not hide it.
#pragma once

#include <atomic>
#include <deque>
#include <latch>
#include <memory>
#include <random>
#include <span>
#include <vector>

#include "anchord/base/timer_wheel.h"
#include "anchord/io/uring.h"
#include "client.h"
#include "plan.h"
#include "run_statistics.h"

namespace anchord::load {

Nanos nanos_now();

// What a client rests after a failure: a dead server must not turn the run into a
// loop that does nothing but fail.
constexpr Millis kErrorPause = 100;

// Between the threads of a run.
struct Start {
  explicit Start(unsigned threads) : ready(threads) {}

  std::latch ready;  // all rings and sockets are made, or have failed
  std::latch go{1};
  // Set before `go`.
  Nanos at = 0;
  Nanos measured = 0;  // behind the warm-up
  bool cancelled = false;
};

class Worker {
 public:
  // What the main thread may look at while it runs.
  struct Progress {
    std::atomic<std::uint64_t> completed = 0;
    std::atomic<std::uint64_t> failed = 0;
    std::atomic<std::uint64_t> bytes = 0;
    std::atomic<bool> ended = false;
  };

  Worker(const Plan& plan, Protocol& protocol, unsigned index, io::Waker waker);

  // The thread: makes everything, waits for `start`, and returns when all is over.
  void run(Start& start);

  // From other threads.
  void wake() const { waker_.wake(); }
  void stop() {
    stop_.store(true, std::memory_order_relaxed);
    wake();
  }
  const Progress& progress() const { return progress_; }

  // The first tasks, as many as there are clients: until all of them were handed to the kernel.
  struct Burst {
    Nanos begin = 0;
    Nanos end = 0;  // 0: so many have never begun
  };

  // After the thread has ended.
  const Status& status() const { return status_; }  // why it could not begin
  const RunStatistics& statistics() const { return statistics_; }
  Nanos ended_at() const { return ended_at_; }  // the last task of its part of the count
  const Burst& burst() const { return burst_; }

  // For clients.

  io::Uring& ring() { return *ring_; }
  Nanos now() const { return now_; }  // one reading for a batch
  static std::uint64_t tag(std::uint32_t client, std::uint8_t part) {
    return (std::uint64_t{client} + 1) << 8 | part;
  }
  // Where it is; any: the kernel chooses.
  io::Host host_of(std::uint32_t client) const;
  // From now on it is at the address with this number, of those that clients have of their own.
  void place(std::uint32_t client, std::uint64_t number) {
    places_[client] = static_cast<std::uint32_t>(number);
  }
  // on_deadline() at this time of the ring's clock, or earlier when an earlier one is
  // armed already: a client that has moved on arms again then.
  void arm(std::uint32_t client, Millis deadline);
  void add_bytes(std::size_t count) { statistics_.bytes += stopping_ ? 0 : count; }
  // `pause`: it was none that one would begin at once again, and the client rests.
  void succeed(std::uint32_t client, const Task& task, bool pause = false);
  void fail(std::uint32_t client, const Failure& failure);
  // A mistake of the server's that belongs to no task.
  void complain(const Failure& failure) { statistics_.add(failure); }
  // For what a TLS engine makes: one for all of this thread, which is empty again
  // before another engine is used.
  MutableBytes room() { return room_; }
  // By chance, as asked for: this received datagram is to be lost.
  bool is_lost();

 private:
  struct Open {
    unsigned tasks = 0;
    bool pause = false;  // when they have ended
  };
  struct Rest {
    Millis until = 0;
    std::uint32_t client = 0;
  };

  Status open();
  void loop(const Start& start);
  void begin_measuring();
  void dispatch(const io::Completion& completion);
  std::span<const io::Completion> wait();
  std::uint64_t next_number() const { return begun_ * plan_.threads + index_; }
  Nanos next_start() const;
  bool next_task(Task& task);
  void hand_out();
  void note_burst();
  void end_task(std::uint32_t client, bool pause);
  void begin_stop();
  bool over() const;
  Millis deadline() const;
  void publish();
  std::uint64_t due() const;

  const Plan& plan_;
  Protocol& protocol_;
  const unsigned index_;
  io::Waker waker_;
  std::uint64_t quota_ = ~std::uint64_t{0};  // tasks that may begin; without a limit during the warm-up
  std::atomic<bool> stop_ = false;
  Progress progress_;
  Status status_;

  // The ring goes before what its operations point into.
  std::vector<std::unique_ptr<Client>> clients_;
  std::unique_ptr<io::Uring> ring_;
  std::unique_ptr<TimerWheel> timers_;
  std::vector<Millis> armed_for_;  // by client
  std::vector<Open> open_;         // likewise
  std::vector<std::uint32_t> places_;
  std::deque<std::uint32_t> free_;
  std::deque<Rest> resting_;  // in the order of their ends
  std::vector<std::uint32_t> begun_now_;

  Nanos now_ = 0;
  Nanos start_ = 0;
  Nanos measured_ = 0;
  bool measuring_ = false;
  Nanos ended_at_ = 0;
  Millis drain_until_ = kNever;
  bool stopping_ = false;
  std::uint64_t begun_ = 0;
  std::uint64_t ended_ = 0;
  bool behind_ = false;  // more may be due
  Burst burst_;
  std::mt19937_64 random_;
  Buffer room_ = Buffer(std::size_t{32} << 10);
  RunStatistics statistics_;
};

}  // namespace anchord::load

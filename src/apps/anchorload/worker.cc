#include "worker.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <span>

namespace anchord::load {
namespace {

constexpr std::uint64_t kWakerTag = 1;  // below every client's

// Tasks that begin by the rate before it is looked who has been answered: those that are late
// must not make others late that are under way.
constexpr std::size_t kBegunAtOnce = 64;

// What is due sooner than this begins together.
constexpr Nanos kShortestNap = 100'000;

// Datagrams that may wait in a ring's buffers; what does not fit waits in the sockets.
constexpr std::size_t kDatagramMemory = std::size_t{32} << 20;

std::uint64_t share(std::uint64_t all, unsigned threads, unsigned index) {
  return all / threads + (index < all % threads ? 1 : 0);
}

}  // namespace

Nanos nanos_now() {
  auto since = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<Nanos>(std::chrono::duration_cast<std::chrono::nanoseconds>(since).count());
}

Worker::Worker(const Plan& plan, Protocol& protocol, unsigned index, io::Waker waker)
    : plan_(plan), protocol_(protocol), index_(index), waker_(std::move(waker)), random_(index + 1) {}

Status Worker::open() {
  const std::size_t size = std::max<std::size_t>(2048, protocol_.datagram_size() + io::kDatagramOverhead);
  const auto buffers = std::clamp<std::size_t>(std::bit_floor(kDatagramMemory / size), 64, 2048);
  ANCHORD_TRY_ASSIGN(auto ring,
                     io::Uring::create({.udp_buffers = static_cast<unsigned>(buffers),
                                        .udp_buffer_size = static_cast<unsigned>((size + 7) / 8 * 8),
                                        .waker = waker_}));
  ring_ = std::move(ring);
  ring_->watch_waker(kWakerTag);

  const auto count = static_cast<std::uint32_t>(share(plan_.connections, plan_.threads, index_));
  timers_ = std::make_unique<TimerWheel>(count, ring_->now());
  armed_for_.assign(count, kNever);
  places_.resize(count);
  for (std::uint32_t id = 0; id < count; ++id) place(id, std::uint64_t{id} * plan_.threads + index_);
  for (std::uint32_t id = 0; id < count; ++id) {
    ANCHORD_TRY_ASSIGN(auto client, protocol_.make_client(*this, id));
    clients_.push_back(std::move(client));
  }
  open_.resize(count);
  for (std::uint32_t id = 0; id < count; ++id) free_.push_back(id);
  ring_->submit();  // what waits for answers; the first requests are not to wait for that
  return {};
}

void Worker::run(Start& start) {
  status_ = open();
  start.ready.count_down();
  start.go.wait();
  if (status_ && !start.cancelled) loop(start);
  ring_.reset();  // on the thread that made it
  clients_.clear();
  progress_.ended.store(true, std::memory_order_release);
}

void Worker::loop(const Start& start) {
  start_ = ended_at_ = now_ = start.at;
  measured_ = start.measured;
  if (now_ >= measured_) begin_measuring();
  hand_out();
  while (!over()) {
    const std::span<const io::Completion> batch = wait();
    now_ = nanos_now();
    if (!measuring_ && now_ >= measured_) begin_measuring();
    for (const io::Completion& completion : batch) dispatch(completion);
    timers_->advance(ring_->now(), [&](std::uint32_t id) {
      armed_for_[id] = kNever;
      clients_[id]->on_deadline();
    });
    if (!stopping_ && stop_.load(std::memory_order_relaxed)) begin_stop();
    hand_out();
    publish();
  }
  ring_->submit();  // the last acknowledgements
  for (std::uint64_t left = begun_ - ended_; left > 0; --left) {
    statistics_.add({ErrorKind::unfinished, "under way at the end"});
  }
  publish();
}

void Worker::begin_measuring() {
  measuring_ = true;
  statistics_.begin_measuring();
  ended_at_ = measured_;
  if (plan_.count == 0) return;
  // What is under way ends behind the warm-up too.
  quota_ = std::max(begun_, ended_ + share(plan_.count, plan_.threads, index_));
}

void Worker::dispatch(const io::Completion& completion) {
  if (completion.tag == kWakerTag) {
    if (!completion.more) ring_->watch_waker(kWakerTag);
    return;
  }
  const auto client = static_cast<std::uint32_t>((completion.tag >> 8) - 1);
  clients_[client]->on_completion(static_cast<std::uint8_t>(completion.tag), completion);
}

bool Worker::next_task(Task& task) {
  if (stopping_ || begun_ == quota_) return false;
  const Nanos at = plan_.rate > 0 ? next_start() : now_;
  if (at > now_) return false;
  task = {.number = next_number(), .start = at};
  ++begun_;
  return true;
}

// The time at which the rate wants the next task.
Nanos Worker::next_start() const {
  return start_ + static_cast<Nanos>(static_cast<double>(next_number()) * 1e9 / plan_.rate);
}

void Worker::hand_out() {
  while (!resting_.empty() && resting_.front().until <= ring_->now()) {
    free_.push_back(resting_.front().client);
    resting_.pop_front();
  }
  if (begun_ == 0) burst_.begin = nanos_now();
  // Each one that is free has a task before any has a second. One may fail as it begins;
  // its client rests then, so that this ends.
  std::size_t count = plan_.rate > 0 ? std::min(free_.size(), kBegunAtOnce) : free_.size();
  for (unsigned round = 0; round < protocol_.depth(); ++round) {
    std::size_t given = 0;
    for (Task task; given < count && next_task(task); ++given) {
      ++open_[free_[given]].tasks;
      clients_[free_[given]]->begin(task);
    }
    if (round == 0) count = given;
    if (given < count || count == 0) break;
  }
  const auto end = free_.begin() + static_cast<std::ptrdiff_t>(count);
  behind_ = plan_.rate > 0 && count == kBegunAtOnce;
  begun_now_.assign(free_.begin(), end);
  free_.erase(free_.begin(), end);
  for (const std::uint32_t id : begun_now_) clients_[id]->flush();
  note_burst();
}

void Worker::note_burst() {
  if (burst_.end != 0 || begun_ < std::min<std::uint64_t>(clients_.size(), quota_)) return;
  ring_->submit();
  burst_.end = nanos_now();
}

void Worker::begin_stop() {
  stopping_ = true;
  drain_until_ = ring_->now() + plan_.drain;
  if (plan_.rate > 0 && (behind_ || free_.empty())) statistics_.unstarted = due() - std::min(due(), begun_);
}

// Tasks of this worker that the rate wanted begun by now.
std::uint64_t Worker::due() const {
  const double all = static_cast<double>(now_ - start_) * plan_.rate / 1e9;
  const std::uint64_t own = share(static_cast<std::uint64_t>(all) + 1, plan_.threads, index_);
  return std::min(own, quota_);
}

bool Worker::over() const {
  const bool all_given = stopping_ || begun_ == quota_;
  return all_given && (begun_ == ended_ || ring_->now() >= drain_until_);
}

std::span<const io::Completion> Worker::wait() {
  const Millis latest = deadline();
  if (plan_.rate == 0 || stopping_ || begun_ == quota_ || free_.empty()) return ring_->wait(latest);
  const Nanos next = behind_ ? now_ : std::max(next_start(), now_ + kShortestNap);
  if (latest <= next / 1'000'000) return ring_->wait(latest);
  return ring_->wait_until(std::chrono::nanoseconds(next));
}

Millis Worker::deadline() const {
  Millis out = std::min(timers_->next_wake(), drain_until_);
  if (!resting_.empty()) out = std::min(out, resting_.front().until);
  return out;
}

void Worker::publish() {
  progress_.completed.store(statistics_.completed, std::memory_order_relaxed);
  progress_.bytes.store(statistics_.bytes, std::memory_order_relaxed);
  progress_.failed.store(statistics_.failed(), std::memory_order_relaxed);
}

void Worker::arm(std::uint32_t client, Millis deadline) {
  if (deadline >= armed_for_[client]) return;
  armed_for_[client] = deadline;
  timers_->arm(client, deadline);
}

void Worker::succeed(std::uint32_t client, const Task& task, bool pause) {
  ++(stopping_ ? statistics_.late : statistics_.completed);
  statistics_.latency.record(now_ - task.start);
  end_task(client, pause);
}

void Worker::fail(std::uint32_t client, const Failure& failure) {
  statistics_.add(failure);
  end_task(client, true);
}

void Worker::end_task(std::uint32_t client, bool pause) {
  ++ended_;
  ended_at_ = now_;
  Open& open = open_[client];
  open.pause |= pause;
  if (--open.tasks > 0) return;
  if (!open.pause) return free_.push_back(client);
  open.pause = false;
  resting_.push_back({ring_->now() + kErrorPause, client});
}

io::Host Worker::host_of(std::uint32_t client) const {
  constexpr std::uint32_t kNetwork = 0x7f100000;  // 127.16.0.0/12
  constexpr std::uint32_t kMask = 0x000fffff;
  if (!plan_.own_addresses) return {};
  const std::uint32_t value = kNetwork | ((places_[client] + 1) & kMask);
  return *io::parse_host(
      fmt::format("{}.{}.{}.{}", value >> 24, value >> 16 & 0xff, value >> 8 & 0xff, value & 0xff));
}

bool Worker::is_lost() {
  if (plan_.loss == 0) return false;
  return std::uniform_real_distribution<double>(0, 100)(random_) < plan_.loss;
}

}  // namespace anchord::load

#include "runner.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <memory>
#include <thread>
#include <vector>

#include "anchord/io/socket.h"
#include "cpu.h"
#include "worker.h"

namespace anchord::load {
namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kLongestNap = kSecond / 50;  // until the end of a count is noticed
constexpr Nanos kLiveEvery = kSecond / 2;

volatile std::sig_atomic_t g_interrupted = 0;

void on_interrupt(int) {
  g_interrupted = 1;
}

void sleep_until(Nanos when) {
  std::this_thread::sleep_until(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(when)));
}

class Run {
 public:
  Run(const Plan& plan, Protocol& protocol) : plan_(plan), protocol_(protocol), start_(plan.threads) {}
  Result<Outcome> run();

 private:
  Status make_workers();
  Status begin();
  void watch(Nanos end);
  bool all_ended() const;
  void show(Nanos now) const;
  Status measure(double& client, std::optional<double>& server) const;
  std::optional<double> begun_within() const;

  const Plan& plan_;
  Protocol& protocol_;
  Start start_;
  std::vector<std::unique_ptr<Worker>> workers_;
  bool live_ = isatty(STDERR_FILENO) == 1;
};

Status Run::make_workers() {
  for (unsigned i = 0; i < plan_.threads; ++i) {
    ANCHORD_TRY_ASSIGN(auto waker, io::Waker::create());
    workers_.push_back(std::make_unique<Worker>(plan_, protocol_, i, std::move(waker)));
  }
  return {};
}

// The CPU time of all processes that are measured, at one moment.
Status Run::measure(double& client, std::optional<double>& server) const {
  client = own_cpu_seconds();
  if (plan_.pid == 0) return {};
  ANCHORD_TRY_ASSIGN(auto seconds, cpu_seconds_of(plan_.pid));
  server = seconds;
  return {};
}

bool Run::all_ended() const {
  return std::ranges::all_of(
      workers_, [](const auto& w) { return w->progress().ended.load(std::memory_order_acquire); });
}

void Run::show(Nanos now) const {
  std::uint64_t completed = 0;
  std::uint64_t failed = 0;
  double bytes = 0;
  for (const auto& worker : workers_) {
    completed += worker->progress().completed.load(std::memory_order_relaxed);
    failed += worker->progress().failed.load(std::memory_order_relaxed);
    bytes += static_cast<double>(worker->progress().bytes.load(std::memory_order_relaxed));
  }
  const bool measured = now >= start_.measured;
  const double seconds = static_cast<double>(now - (measured ? start_.measured : start_.at)) / 1e9;
  const std::string line =
      fmt::format("\r{}{:.0f} s: {} {}, {:.0f}/s, {:.1f} MB/s, {} failed{}\x1b[K",
                  measured ? "" : "warming up, ", seconds, completed, plan_.things,
                  static_cast<double>(completed) / seconds, bytes / 1e6 / seconds, failed, protocol_.live());
  std::fputs(line.c_str(), stderr);
}

// Watches the run until `end`, or until all threads have ended.
void Run::watch(Nanos end) {
  Nanos next_live = nanos_now() + kLiveEvery;
  while (g_interrupted == 0 && !all_ended()) {
    Nanos now = nanos_now();
    if (now >= end) return;
    sleep_until(std::min(now + kLongestNap, end));
    now = nanos_now();
    if (live_ && now >= next_live) {
      show(now);
      next_live = now + kLiveEvery;
    }
  }
}

Result<Outcome> Run::run() {
  io::raise_descriptor_limit();
  ANCHORD_TRY(make_workers());
  std::vector<std::jthread> threads;
  for (const auto& worker : workers_) threads.emplace_back([&] { worker->run(start_); });
  start_.ready.wait();

  Outcome out;
  double client_before = 0;
  std::optional<double> server_before;
  Status status = measure(client_before, server_before);
  for (const auto& worker : workers_) {
    if (status && !worker->status()) status = worker->status();
  }
  start_.cancelled = !status;
  start_.at = nanos_now();
  start_.measured = start_.at + static_cast<Nanos>(plan_.warmup * 1e9);
  std::signal(SIGINT, on_interrupt);  // before anybody can see that it is under way, and interrupt it
  start_.go.count_down();
  if (!status) {
    threads.clear();  // joins
    return std::unexpected(status.error());
  }
  // A server that has ended in the meantime cannot be measured any more.
  if (plan_.warmup > 0) {
    watch(start_.measured);
    if (!measure(client_before, server_before)) server_before.reset();
    // Who waits for a silent server is to hear of it too.
    for (const auto& worker : workers_) worker->wake();
  }
  watch(plan_.seconds > 0 ? start_.measured + static_cast<Nanos>(plan_.seconds * 1e9) : ~Nanos{0});
  if (!measure(out.client_cpu, out.server_cpu) || !server_before) out.server_cpu.reset();
  out.client_cpu -= client_before;
  if (out.server_cpu) *out.server_cpu -= *server_before;
  const Nanos stopped = nanos_now();
  const bool stopped_early = !all_ended();
  for (const auto& worker : workers_) worker->stop();
  threads.clear();
  if (live_) std::fputs("\r\x1b[K", stderr);

  Nanos last = start_.measured;
  for (const auto& worker : workers_) {
    out.total.merge(worker->statistics());
    last = std::max(last, worker->ended_at());
  }
  const Nanos end = std::max(stopped_early ? stopped : last, start_.measured);
  out.seconds = static_cast<double>(end - start_.measured) / 1e9;
  out.begun_within = begun_within();
  return out;
}

// After the threads have ended.
std::optional<double> Run::begun_within() const {
  Nanos first = ~Nanos{0};
  Nanos last = 0;
  for (const auto& worker : workers_) {
    if (worker->burst().end == 0) return std::nullopt;
    first = std::min(first, worker->burst().begin);
    last = std::max(last, worker->burst().end);
  }
  return static_cast<double>(last - first) / 1e9;
}

}  // namespace

Result<Outcome> run(const Plan& plan, Protocol& protocol) {
  return Run(plan, protocol).run();
}

}  // namespace anchord::load

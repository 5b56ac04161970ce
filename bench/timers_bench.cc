// The timer wheel, with as many timers as a shard has connections. Times are for one
// timer, except in turn_idle and next_wake, which are for the whole wheel.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <random>
#include <vector>

#include "anchord/base/timer_wheel.h"
#include "cpu_clock.h"

namespace anchord {
namespace {

constexpr std::uint32_t kTimers = 16'384;
constexpr Millis kStart = 1'000'000;
constexpr Millis kLongest = 60'000;  // several revolutions of the wheel

// The timers in no order, each with its deadline.
struct Timer {
  std::uint32_t id;
  Millis deadline;
};
const std::vector<Timer>& timers() {
  static const std::vector<Timer> made = [] {
    std::mt19937_64 random(1);
    std::vector<Timer> out;
    for (std::uint32_t id = 0; id < kTimers; ++id) out.push_back({id, kStart + 1 + random() % kLongest});
    std::shuffle(out.begin(), out.end(), random);
    return out;
  }();
  return made;
}

void arm_all(TimerWheel& wheel, Millis later = 0) {
  for (const Timer& t : timers()) wheel.arm(t.id, t.deadline + later);
}

void cancel_all(TimerWheel& wheel) {
  for (const Timer& t : timers()) wheel.cancel(t.id);
}

void arm(benchmark::State& state) {
  TimerWheel wheel(kTimers, kStart);
  while (state.KeepRunningBatch(kTimers)) {
    state.SetIterationTime(bench::timed([&] { arm_all(wheel); }));
    cancel_all(wheel);
  }
}
BENCHMARK(arm)->UseManualTime();

// To another deadline.
void move(benchmark::State& state) {
  TimerWheel wheel(kTimers, kStart);
  arm_all(wheel);
  Millis later = 0;
  while (state.KeepRunningBatch(kTimers)) {
    later = (later + 997) % kLongest;
    state.SetIterationTime(bench::timed([&] { arm_all(wheel, later); }));
  }
}
BENCHMARK(move)->UseManualTime();

void cancel(benchmark::State& state) {
  TimerWheel wheel(kTimers, kStart);
  while (state.KeepRunningBatch(kTimers)) {
    arm_all(wheel);
    state.SetIterationTime(bench::timed([&] { cancel_all(wheel); }));
  }
}
BENCHMARK(cancel)->UseManualTime();

// The wheel is turned every `step` milliseconds until all have fired.
void expire(benchmark::State& state) {
  const auto step = static_cast<Millis>(state.range(0));
  while (state.KeepRunningBatch(kTimers)) {
    TimerWheel wheel(kTimers, kStart);
    arm_all(wheel);
    std::uint32_t fired = 0;
    state.SetIterationTime(bench::timed([&] {
      for (Millis now = kStart; now <= kStart + kLongest + TimerWheel::kGranularity; now += step)
        wheel.advance(now, [&](std::uint32_t) { ++fired; });
    }));
    if (fired != kTimers) state.SkipWithError("some timers did not fire");
  }
}
BENCHMARK(expire)->ArgName("step")->Arg(8)->Arg(100)->UseManualTime();

// A tick in which nothing is due, with all armed for later.
void turn_idle(benchmark::State& state) {
  constexpr Millis kDistant = Millis{1} << 50;
  TimerWheel wheel(kTimers, kStart);
  arm_all(wheel, kDistant);
  Millis now = kStart;
  std::uint32_t fired = 0;
  for (auto _ : state) wheel.advance(now += 1, [&](std::uint32_t) { ++fired; });
  if (fired != 0) state.SkipWithError("a timer fired early");
}
BENCHMARK(turn_idle);

void next_wake(benchmark::State& state) {
  TimerWheel wheel(kTimers, kStart);
  wheel.arm(1, kStart + static_cast<Millis>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(wheel.next_wake());
}
BENCHMARK(next_wake)->ArgName("ahead")->Arg(10)->Arg(5000);

}  // namespace
}  // namespace anchord

BENCHMARK_MAIN();

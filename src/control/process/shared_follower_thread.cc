#include "process/shared_follower_thread.h"

#include <fmt/core.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "anchord/base/log.h"
#include "machine/background.h"

namespace anchord::control {
namespace {

// How long it waits at once: an end of the service is seen so late.
constexpr Millis kWait = 250;
// Where there is no cluster, or no engine, how often it is looked for.
constexpr std::chrono::milliseconds kLookAgain{500};

}  // namespace

SharedFollowerThread::SharedFollowerThread(store::Store store)
    : follower_(std::move(store)),
      changed_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      thread_(&SharedFollowerThread::run, this) {}

SharedFollowerThread::~SharedFollowerThread() {
  stopping_ = true;
  thread_.join();
}

bool SharedFollowerThread::take_changed() {
  std::uint64_t count = 0;
  return ::read(changed_.get(), &count, sizeof count) == sizeof count;
}

SharedFollowerThread::Report SharedFollowerThread::report() const {
  const std::lock_guard lock(mutex_);
  return report_;
}

void SharedFollowerThread::run() {
  ::pthread_setname_np(::pthread_self(), "cluster");
  give_way_to_shards();
  while (!stopping_) {
    bool came = false;
    const bool had_memory =
        guard_.attempt("to take over changes of other hosts", [&] { came = follower_.follow(kWait); });
    Report now = had_memory ? follower_.report() : report();
    const bool idle = !came && (!had_memory || !now.member || !now.problem.empty());
    {
      const std::lock_guard lock(mutex_);
      std::swap(report_, now);
    }
    say_what_is_new(now, report());
    if (came) {
      const std::uint64_t one = 1;
      (void)!::write(changed_.get(), &one, sizeof one);
    }
    if (idle && !stopping_) std::this_thread::sleep_for(kLookAgain);
  }
}

void SharedFollowerThread::say_what_is_new(const Report& before, const Report& now) const {
  if (now.member && !before.member)
    log::info(fmt::format("this is {} of a cluster of several hosts, whose changes come by the engine at {}",
                          now.member->host, now.member->engine));
  if (before.member && !now.member) log::info("this is a single machine from now on");
  if (!now.problem.empty() && before.problem.empty())
    log::warn("changes of other hosts are not taken over, and all goes on as it is: " + now.problem);
  if (now.problem.empty() && !before.problem.empty() && now.member)
    log::info("changes of other hosts are taken over again");
}

}  // namespace anchord::control

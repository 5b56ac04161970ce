#include "process/shard_threads.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <exception>
#include <new>
#include <string>

#include "anchord/base/log.h"
#include "anchord/crypto/random.h"
#include "process/sizing.h"

namespace anchord::control {
namespace {

void pin_to(unsigned core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  if (::pthread_setaffinity_np(::pthread_self(), sizeof(set), &set) != 0)
    log::warn("cannot pin a shard to core " + std::to_string(core) + "; it runs on any");
}

std::uint64_t secret_seed() {
  std::uint64_t seed = 0;
  crypto::fill_random({reinterpret_cast<std::uint8_t*>(&seed), sizeof(seed)});
  return seed;
}

}  // namespace

ShardThreads::ShardThreads(const Options& options, unsigned shards, const Listeners& listeners,
                           service::ViewPublisher& publisher)
    : options_(options),
      listeners_(listeners),
      publisher_(publisher),
      guard_(options.shard.max_unknown_devices, secret_seed()) {
  for (unsigned i = 0; i < shards; ++i) threads_.push_back(std::make_unique<Thread>());
}

ShardThreads::~ShardThreads() {
  drain();
  for (unsigned i = 0; i < size(); ++i) {
    if (threads_[i]->thread.joinable()) {
      threads_[i]->thread.join();
    } else {
      publisher_.release_before(i, index::kReaderGone);
    }
  }
}

Status ShardThreads::start(Journal& journal) {
  std::vector<std::future<Status>> started;
  for (unsigned i = 0; i < size(); ++i) {
    ANCHORD_TRY_ASSIGN(auto waker, io::Waker::create());
    threads_[i]->waker.emplace(std::move(waker));
    threads_[i]->activity = &journal.of_shard(i);
    std::promise<Status> promise;
    started.push_back(promise.get_future());
    threads_[i]->thread = std::thread(&ShardThreads::run, this, i, std::move(promise));
  }
  Status first_failure;
  for (auto& future : started)
    if (Status status = future.get(); !status && first_failure) first_failure = status;
  return first_failure;
}

void ShardThreads::run(unsigned number, std::promise<Status> started) {
  Thread& self = *threads_[number];
  ::pthread_setname_np(::pthread_self(), ("shard-" + std::to_string(number)).c_str());
  std::vector<unsigned> cores = usable_cores();
  if (options_.pin && !cores.empty()) pin_to(cores[number % cores.size()]);
  std::unique_ptr<io::Uring> ring;
  std::optional<service::Shard> shard;
  Status made;
  std::exception_ptr no_memory;
  try {
    auto created = io::Uring::create(ring_settings(options_, *self.waker));
    if (created) {
      ring = std::move(*created);
      shard.emplace(number, *ring, settings_of_shard(options_, size()), listeners_.for_shard(number),
                    publisher_, guard_, secret_seed(), self.counters, *self.activity);
    } else {
      made = std::unexpected(created.error());
    }
  } catch (const std::bad_alloc&) {
    no_memory = std::current_exception();  // whoever starts says what is needed
  }
  if (!shard) {
    publisher_.release_before(number, index::kReaderGone);
    self.ended.store(true, std::memory_order_release);
    no_memory ? started.set_exception(no_memory) : started.set_value(std::move(made));
    return;
  }
  started.set_value({});
  do {
    if (self.drain_asked.load(std::memory_order_acquire)) shard->drain();
    if (std::uint64_t version = self.gives_way.load(std::memory_order_acquire); version != 0) {
      self.gives_way.store(0, std::memory_order_relaxed);
      self.oldest_reader.store(shard->give_way(version), std::memory_order_release);
    }
  } while (shard->tick());
  shard.reset();
  self.ended.store(true, std::memory_order_release);
}

void ShardThreads::give_way(std::uint64_t version) {
  for (auto& thread : threads_) thread->gives_way.store(version, std::memory_order_release);
  wake();
}

std::uint64_t ShardThreads::oldest_reader() const {
  std::uint64_t oldest = service::Shard::kNone;
  for (const auto& thread : threads_)
    oldest = std::min(oldest, thread->oldest_reader.load(std::memory_order_acquire));
  return oldest == service::Shard::kNone ? 0 : oldest;
}

service::MetricValues ShardThreads::metrics() const {
  service::MetricValues sum{};
  for (const auto& thread : threads_) thread->counters.add_to(sum);
  return sum;
}

service::AllLatencyValues ShardThreads::latencies() const {
  service::AllLatencyValues sum{};
  for (const auto& thread : threads_) thread->counters.latencies.add_to(sum);
  return sum;
}

std::uint64_t ShardThreads::sum(service::Counter service::Counters::* counter) const {
  std::uint64_t sum = 0;
  for (const auto& thread : threads_) sum += (thread->counters.*counter).get();
  return sum;
}

void ShardThreads::wake() {
  for (auto& thread : threads_)
    if (thread->waker) thread->waker->wake();
}

void ShardThreads::drain() {
  for (auto& thread : threads_) thread->drain_asked.store(true, std::memory_order_release);
  wake();
}

bool ShardThreads::finished() const {
  return std::ranges::all_of(threads_,
                             [](const auto& t) { return t->ended.load(std::memory_order_acquire); });
}

}  // namespace anchord::control

// Reading files, and making what is served of them: on helpers, and within the budget of memory.
#include <fmt/core.h>

#include <algorithm>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include "machine/background.h"
#include "machine/system_text.h"
#include "provisioning/provisioner.h"

namespace anchord::control {
namespace {

// Fewer than these are quicker done than threads are made.
constexpr std::size_t kFilesPerHelper = 4;
// How often a file is looked at again that would fit if readers let go of what it replaces: some five
// seconds in all.
constexpr unsigned kLooksForRoom = 10;

}  // namespace

// With fewer helpers where there are no more threads.
void Provisioner::do_jobs(std::span<Job> jobs) {
  std::atomic<std::size_t> next{0};
  auto work = [&] {
    for (std::size_t i = next++; i < jobs.size(); i = next++) {
      do_job(jobs[i]);
      ++made_;
    }
  };
  std::size_t helpers = std::min<std::size_t>(std::max(1u, std::thread::hardware_concurrency()),
                                              (jobs.size() + kFilesPerHelper - 1) / kFilesPerHelper);
  {
    std::vector<std::jthread> threads;
    try {
      for (std::size_t i = 1; i < helpers; ++i) {
        threads.emplace_back([&] {
          give_way_to_shards();
          work();
        });
      }
    } catch (const std::bad_alloc&) {
    } catch (const std::system_error&) {
    }
    work();
  }
  // What others took while they were made is free now.
  for (Job& job : jobs)
    if (job.no_room || job.no_memory) do_again(job);
}

void Provisioner::do_again(Job& job) const {
  job.made.reset();
  job.content = {};
  job.read = {};
  in_hand_ -= std::exchange(job.in_hand, 0);
  job.from_copy = job.is_known_content = job.no_room = job.no_memory = false;
  do_job(job);
}

void Provisioner::do_job(Job& job) const noexcept {
  try {
    job.from_memory ? make_from_memory(job) : make(job);
  } catch (const std::bad_alloc&) {
    job.made.reset();
    job.content = {};
    job.read.content = {};
    job.no_memory = true;
  }
}

// Counted before it is taken, so that it never looks like something that readers hold.
MemoryBudget::Share Provisioner::take_room(Job& job, std::uint64_t bytes) const {
  in_hand_ += bytes;
  MemoryBudget::Share share = limits_.memory.take(bytes);
  if (share) {
    job.in_hand += bytes;
  } else {
    in_hand_ -= bytes;
    job.no_room = true;
  }
  return share;
}

std::string Provisioner::no_room(std::uint64_t bytes) const {
  return fmt::format(
      "needs {} of memory to be read and made, and of {} for files {} are free: remove files, or look at "
      "--max-memory and at what limits the service's memory",
      size_text(bytes), size_text(limits_.memory.limit()), size_text(limits_.memory.left()));
}

void Provisioner::make_from_memory(Job& job) const {
  job.content = job.known->content;
  const std::uint64_t needed = memory_to_make(job.name, job.content.bytes(), *context_);
  if (MemoryBudget::Share room = take_room(job, needed); !room) {
    job.made = fail(no_room(needed));
  } else {
    job.made = make_files(job.name, job.content, *context_, kept_, calendar_now(), std::move(room));
  }
  if (!*job.made && job.must_change) make_as_before(job);
}

void Provisioner::make(Job& job) const {
  Status good = check_name(job.name);
  if (good) good = check_place(job.name);
  MemoryBudget::Share share;
  auto admit = [&](std::uint64_t bytes) -> Status {
    share = take_room(job, bytes + kMemoryOfFile);
    if (share) return {};
    return fail(no_room(bytes + kMemoryOfFile));
  };
  job.read = files_.read(job.name, {.bytes = good ? limits_.max_file : 0, .name = "--max-file-size"}, admit);
  if (job.read.state == ReadFile::State::missing) return;
  if (!good) {
    job.read = {.state = ReadFile::State::refused, .stamp = job.read.stamp, .reason = good.error().text};
    return;
  }
  if (job.read.state == ReadFile::State::whole) {
    bool same = job.known != nullptr && same_bytes(job.known->content.bytes(), job.read.content);
    if (same && !job.troubled) return;
    const std::uint64_t needed = memory_to_make(job.name, job.read.content, *context_);
    MemoryBudget::Share room = take_room(job, needed);
    const std::uint64_t size = share.bytes();
    job.content = index::Blob(std::move(job.read.content), std::move(share));
    job.made = room ? make_files(job.name, job.content, *context_, kept_, calendar_now(), std::move(room))
                    : fail(no_room(size + needed));
    if (*job.made) return;
    job.is_known_content = same;
    job.read.state = ReadFile::State::refused;
    job.read.reason = std::exchange(job.made, std::nullopt)->error().text;
    if (!same) job.content = {};  // nobody wants it, and its place is another's
  }
  if (job.known == nullptr) make_from_copy(job);
}

// A file that would fit if readers let go of what it replaces waits a while, and they are asked to.
bool Provisioner::waits_for_room(const Job& job) {
  if (!job.no_room || whole_pass_ || job.from_memory || superseded() == 0) return false;
  if (unfinished_.looks(std::string(kFiles) + job.name) >= kLooksForRoom) return false;
  shortage_ = true;
  return true;
}

std::uint64_t Provisioner::superseded() const {
  const std::uint64_t held = limits_.memory.held();
  return held - std::min(held, current_ + in_hand_);
}

}  // namespace anchord::control

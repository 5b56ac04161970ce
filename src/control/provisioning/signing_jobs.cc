#include "provisioning/signing_jobs.h"

#include <fmt/core.h>

#include <algorithm>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include "anchord/phone/file_kind.h"
#include "machine/background.h"

namespace anchord::control {
namespace {

constexpr std::size_t kChunkFiles = 512;
constexpr std::uint64_t kChunkBytes = 256u << 20;
// Fewer than these are quicker done than threads are made.
constexpr std::size_t kFilesPerHelper = 4;

}  // namespace

void SigningJobs::begin(std::size_t count) {
  made_ = 0;
  to_make_ = count;
}

std::size_t SigningJobs::chunk_of(std::span<const SigningJob> jobs) const {
  std::size_t count = 0;
  for (std::uint64_t bytes = 0; count < jobs.size() && count < kChunkFiles && bytes < kChunkBytes; ++count) {
    const SigningJob& job = jobs[count];
    const ServedFile* known = job.from_memory ? served_.find(job.name) : nullptr;
    bytes += known != nullptr ? known->content.size() : std::min(job.read.stamp.size, max_file_);
  }
  return count;
}

void SigningJobs::run(std::span<SigningJob> jobs, const ProvisioningContext& context) {
  std::atomic<std::size_t> next{0};
  auto work = [&] {
    for (std::size_t i = next++; i < jobs.size(); i = next++) {
      run_one(jobs[i], context);
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
  for (SigningJob& job : jobs)
    if (job.no_room || job.no_memory) run_again(job, context);
}

std::size_t SigningJobs::made() const {
  return std::min<std::size_t>(made_, to_make_);
}

std::string SigningJobs::progress() const {
  const std::size_t all = to_make_;
  if (all == 0) return {};
  return fmt::format("signing {} of {} files", std::min<std::size_t>(made_, all), all);
}

void SigningJobs::run_again(SigningJob& job, const ProvisioningContext& context) const {
  job.made.reset();
  job.content = {};
  job.read = {};
  memory_.release(job.in_hand);
  job.from_copy = job.is_known_content = job.no_room = job.no_memory = false;
  run_one(job, context);
}

void SigningJobs::run_one(SigningJob& job, const ProvisioningContext& context) const noexcept {
  try {
    job.from_memory ? make_from_memory(job, context) : make(job, context);
  } catch (const std::bad_alloc&) {
    job.made.reset();
    job.content = {};
    job.read.content = {};
    job.no_memory = true;
  }
}

MemoryBudget::Share SigningJobs::take_room(SigningJob& job, std::uint64_t bytes) const {
  MemoryBudget::Share share = memory_.take(bytes, job.in_hand);
  if (!share) job.no_room = true;
  return share;
}

void SigningJobs::make_from_memory(SigningJob& job, const ProvisioningContext& context) const {
  job.content = job.known->content;
  const std::uint64_t needed = memory_to_make(job.name, job.content.bytes(), context);
  if (MemoryBudget::Share room = take_room(job, needed); !room) {
    job.made = fail(memory_.no_room(needed));
  } else {
    job.made = make_files(job.name, job.content, context, saved_, calendar_now(), std::move(room));
  }
  if (!*job.made && job.must_change) make_as_before(job, context);
}

// What was made in an earlier context, and would be refused in this one: a signature of a key that goes must
// not stay in service, since nobody vouches for it in the end. In the form in which it is served already, and
// so gives nothing more away; but what was served plain for a rollback alone does not outlive that.
void SigningJobs::make_as_before(SigningJob& job, const ProvisioningContext& context) const {
  job.read.reason = job.made->error().text;
  if (!job.known->is_served_signed() || context.rolling_back || !phone::configured_device(job.name)) return;
  job.made = sign_configuration(job.name, job.content, job.known->recipient, context, saved_, calendar_now());
  if (!*job.made)
    job.read.reason += "; nor can its last good version be made anew: " + job.made->error().text;
}

void SigningJobs::make(SigningJob& job, const ProvisioningContext& context) const {
  Status good = check_name(job.name);
  if (good) good = check_place(job.name);
  MemoryBudget::Share share;
  auto admit = [&](std::uint64_t bytes) -> Status {
    share = take_room(job, bytes + kMemoryOfFile);
    if (share) return {};
    return fail(memory_.no_room(bytes + kMemoryOfFile));
  };
  job.read = files_.read(job.name, {.bytes = good ? max_file_ : 0, .name = "--max-file-size"}, admit);
  if (job.read.state == ReadFile::State::missing) return;
  if (!good) {
    job.read = {.state = ReadFile::State::refused, .stamp = job.read.stamp, .reason = good.error().text};
    return;
  }
  if (job.read.state == ReadFile::State::whole) {
    bool same = job.known != nullptr && same_bytes(job.known->content.bytes(), job.read.content);
    if (same && !job.troubled) return;
    const std::uint64_t needed = memory_to_make(job.name, job.read.content, context);
    MemoryBudget::Share room = take_room(job, needed);
    const std::uint64_t size = share.bytes();
    job.content = index::Blob(std::move(job.read.content), std::move(share));
    job.made = room ? make_files(job.name, job.content, context, saved_, calendar_now(), std::move(room))
                    : fail(memory_.no_room(size + needed));
    if (*job.made) return;
    job.is_known_content = same;
    job.read.state = ReadFile::State::refused;
    job.read.reason = std::exchange(job.made, std::nullopt)->error().text;
    if (!same) job.content = {};  // nobody wants it, and its place is another's
  }
  if (job.known == nullptr) make_from_copy(job, context);
}

void SigningJobs::make_from_copy(SigningJob& job, const ProvisioningContext& context) const {
  if (!copies_.holds(job.name)) return;
  const std::uint64_t size = copies_.size(job.name);
  MemoryBudget::Share share = take_room(job, size + kMemoryOfFile);
  auto copy =
      share ? copies_.read(job.name, max_file_) : Result<Buffer>(fail(memory_.no_room(size + kMemoryOfFile)));
  if (copy) {
    const std::uint64_t needed = memory_to_make(job.name, *copy, context);
    MemoryBudget::Share room = take_room(job, needed);
    job.content = index::Blob(std::move(*copy), std::move(share));
    job.made = room ? make_files(job.name, job.content, context, saved_, calendar_now(), std::move(room))
                    : fail(memory_.no_room(needed));
    job.from_copy = job.made->has_value();
    if (job.from_copy) return;
  }
  job.read.reason += "; nor can its last good version be served: " +
                     (copy ? std::exchange(job.made, std::nullopt)->error().text : copy.error().text);
}

// A file that somebody else has signed must not pass for one that is signed here: beside F there is no F.sgn.
Status SigningJobs::check_place(const std::string& name) const {
  if (!is_signed_name(name)) return {};
  const std::string base(phone::plain_name(name));
  if (!served_.has(base) && !files_.holds(base)) return {};
  return fail(fmt::format(
      "is not served: '{}' lies beside it and is signed under this name here; remove one of the two", base));
}

}  // namespace anchord::control

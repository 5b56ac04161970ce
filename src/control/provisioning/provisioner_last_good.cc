// What is served of a file that is broken, over a restart.
#include "anchord/base/log.h"
#include "provisioning/provisioner.h"

namespace anchord::control {
namespace {

// An error of one copy as one of all that fail alike: without the copy's path.
std::string unnamed(const Error& error) {
  const std::size_t begin = error.text.find('\'');
  const std::size_t end = error.text.rfind('\'');
  if (begin == end) return error.text;
  return error.text.substr(0, begin) + "it" + error.text.substr(end + 1);
}

}  // namespace

// Of a file that nothing is served of yet. In any of the helpers.
void Provisioner::make_from_copy(Job& job) const {
  if (!last_good_.holds(job.name)) return;
  const std::uint64_t size = last_good_.size(job.name);
  MemoryBudget::Share share = take_room(job, size + kMemoryOfFile);
  auto copy = share ? last_good_.read(job.name, limits_.max_file)
                    : Result<Buffer>(fail(no_room(size + kMemoryOfFile)));
  if (copy) {
    const std::uint64_t needed = memory_to_make(job.name, *copy, *context_);
    MemoryBudget::Share room = take_room(job, needed);
    job.content = index::Blob(std::move(*copy), std::move(share));
    job.made = room ? make_files(job.name, job.content, *context_, kept_, calendar_now(), std::move(room))
                    : fail(no_room(needed));
    job.from_copy = job.made->has_value();
    if (job.from_copy) return;
  }
  job.read.reason += "; nor can its last good version be served: " +
                     (copy ? std::exchange(job.made, std::nullopt)->error().text : copy.error().text);
}

void Provisioner::copy_later(const Job& job) {
  if (known_.contains(job.name) && !job.is_known_content && !last_good_.holds(job.name))
    to_copy_.insert(job.name);
}

// Each copy waits for the disk. When many files break at once, others come in between.
void Provisioner::copy_last_good(Millis time) {
  for (const Millis end = monotonic_now() + time; !to_copy_.empty();) {
    std::string name = std::move(to_copy_.extract(to_copy_.begin()).value());
    auto known = known_.find(name);
    if (known == known_.end()) continue;
    std::string file = std::string(kLastGood) + name;
    // One that cannot be kept is tried again with the next look at everything.
    if (Status kept = last_good_.keep(name, known->second.content.bytes()); kept) {
      problems_.clear(file);
    } else {
      problems_.set(file, "cannot be kept for after a restart: " + unnamed(kept.error()), Served::last_good);
    }
    if (monotonic_now() >= end) break;
  }
  tell();
}

void Provisioner::forget_copy(const std::string& name) {
  to_copy_.erase(name);
  if (Status forgotten = last_good_.forget(name); !forgotten)
    problems_.news().odd(std::string(kLastGood) + name, unnamed(forgotten.error()));
  problems_.clear(std::string(kLastGood) + name);
}

void Provisioner::forget_copies_but(const std::set<std::string>& names) {
  std::set<std::string> there = last_good_.names();
  for (const std::string& name : there)
    if (!names.contains(name)) forget_copy(name);
}

}  // namespace anchord::control

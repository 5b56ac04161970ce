// Reads files of the folder and makes what is served of them, several at once: on as many helpers as there
// are cores, and within the budget of memory. What becomes of a job that is done others decide (JobOutcomes);
// here nothing that is served changes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "anchord/base/error.h"
#include "anchord/index/blob.h"
#include "provisioning/file_maker.h"
#include "provisioning/file_memory.h"
#include "provisioning/folder.h"
#include "provisioning/last_good.h"
#include "provisioning/served_files.h"

namespace anchord::control {

// One file on its way from the folder into service.
struct SigningJob {
  std::string name;
  const ServedFile* known = nullptr;  // what is served of it now
  bool troubled = false;              // there is something to say of it: look again
  bool from_memory = false;           // its content has not changed, only the context
  bool must_change = false;       // what was made of it must not stay; where it was refused, `read` says why
  bool from_copy = false;         // what is made is of the last good content; `read` says why
  bool is_known_content = false;  // refused, though it is what is served
  ReadFile read;
  index::Blob content;
  std::optional<Result<MadeFiles>> made;
  std::uint64_t in_hand = 0;  // bytes of the budget, until it is settled
  bool no_room = false;       // it does not fit the budget now
  bool no_memory = false;     // an allocation failed
};

class SigningJobs {
 public:
  // All outlive this one. `max_file`: bytes of one file.
  SigningJobs(const Folder& files, const LastGood& copies, const ServedFiles& served,
              const SavedSignatures& saved, FileMemory& memory, std::uint64_t max_file)
      : files_(files),
        copies_(copies),
        served_(served),
        saved_(saved),
        memory_(memory),
        max_file_(max_file) {}

  // So many files are looked at together from now on.
  void begin(std::size_t count);
  // Jobs at the front of `jobs` that are read, signed and kept together: a bound on memory, and on the work
  // that a kill can lose.
  std::size_t chunk_of(std::span<const SigningJob> jobs) const;
  // Returns when all are done. A job that fails says so itself: nothing is thrown. With fewer helpers where
  // there are no more threads.
  void run(std::span<SigningJob> jobs, const ProvisioningContext& context);
  // Of a file that nothing is served of: its last good version, where there is a copy.
  void make_from_copy(SigningJob& job, const ProvisioningContext& context) const;

  // Any thread. How many of those that are looked at together are done.
  std::size_t made() const;
  std::size_t to_make() const { return to_make_; }
  // "signing 2048 of 4900 files"; empty before it is known how many.
  std::string progress() const;

 private:
  void run_one(SigningJob& job, const ProvisioningContext& context) const noexcept;
  void run_again(SigningJob& job, const ProvisioningContext& context) const;
  void make(SigningJob& job, const ProvisioningContext& context) const;
  void make_from_memory(SigningJob& job, const ProvisioningContext& context) const;
  void make_as_before(SigningJob& job, const ProvisioningContext& context) const;
  Status check_place(const std::string& name) const;
  MemoryBudget::Share take_room(SigningJob& job, std::uint64_t bytes) const;

  const Folder& files_;
  const LastGood& copies_;
  const ServedFiles& served_;
  const SavedSignatures& saved_;
  FileMemory& memory_;
  const std::uint64_t max_file_;
  std::atomic<std::size_t> made_{0};  // by all helpers
  std::atomic<std::size_t> to_make_{0};
};

}  // namespace anchord::control

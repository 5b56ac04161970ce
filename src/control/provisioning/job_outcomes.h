// What comes of a job that is done, or of a file that has gone: it is served, what was good before stays and
// the reason is told, it is looked at again, or it goes out of service. One thread's own.
#pragma once

#include <set>
#include <string>

#include "anchord/base/error.h"
#include "provisioning/file_memory.h"
#include "provisioning/file_problems.h"
#include "provisioning/last_good_copies.h"
#include "provisioning/removals.h"
#include "provisioning/served_files.h"
#include "provisioning/signing_jobs.h"
#include "provisioning/unfinished_files.h"

namespace anchord::control {

class JobOutcomes {
 public:
  // What all of it is about, which outlives this one.
  struct Parts {
    SigningJobs& jobs;
    ServedFiles& served;
    FileMemory& memory;
    LastGoodCopies& copies;
    UnfinishedFiles& unfinished;
    Removals& gone;
    FileProblems& problems;
  };

  explicit JobOutcomes(const Parts& parts) : parts_(parts) {}

  // `context` is what the job was done in. In a whole pass, whose changes come out in one update, nothing
  // waits for later and nothing is news.
  void settle(SigningJob& job, const ProvisioningContext& context, bool whole_pass);
  // They have gone for good.
  void remove(const std::set<std::string>& names);

 private:
  bool waits_for_room(const SigningJob& job) const;
  Status take_over(SigningJob& job, bool is_news);
  void settle_good(const SigningJob& job);
  void settle_as_before(SigningJob& job, const ProvisioningContext& context);
  void settle_read(const SigningJob& job, const ProvisioningContext& context);
  void settle_missing(const std::string& name);
  void remove(const std::string& name);
  void set_refused(const std::string& name, std::string reason, const ProvisioningContext& context);

  const Parts parts_;
};

}  // namespace anchord::control

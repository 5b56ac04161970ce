// Follows the provisioning folder and the devices' certificates, and makes from them what is served: on a
// thread of its own, with as many helpers as there are cores when much is to be signed. Shards never wait for
// it.
//
// What it makes comes out as updates, in order, each made wholly from one context: a new signer's files come
// together, never mixed with the old one's.
//
// A file that is broken stays as it was when it was last good, over a restart too, and is named in the
// report; but what stays is of the present context as all else is, or nothing of it is served: no signature
// outlives its key. Events tell at once what has changed; a look at everything, from time to time, heals what
// they missed.
//
// This class decides when to look and in which order. What it works with are its members below, each a class
// of its own: a Scanner finds what has changed, SigningJobs make files, JobOutcomes decide what becomes of
// them, ServedFiles knows what is served, FileProblems what there is to say.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/store/store.h"
#include "provisioning/device_folder.h"
#include "provisioning/file_memory.h"
#include "provisioning/file_problems.h"
#include "provisioning/job_outcomes.h"
#include "provisioning/last_good_copies.h"
#include "provisioning/provisioner_mailbox.h"
#include "provisioning/provisioning_limits.h"
#include "provisioning/provisioning_report.h"
#include "provisioning/removal_news.h"
#include "provisioning/removals.h"
#include "provisioning/scanner.h"
#include "provisioning/served_files.h"
#include "provisioning/signature_cache.h"
#include "provisioning/signing_jobs.h"

namespace anchord::control {

class Provisioner {
 public:
  // `store` is this one's own connection. Nothing is made before the first context.
  static Result<std::unique_ptr<Provisioner>> start(const std::filesystem::path& state,
                                                    const ProvisioningLimits& limits, store::Store store);
  ~Provisioner();
  Provisioner(const Provisioner&) = delete;
  Provisioner& operator=(const Provisioner&) = delete;

  void set_context(std::shared_ptr<const ProvisioningContext> context) {
    mailbox_->set_context(std::move(context));
  }
  void rescan() { mailbox_->rescan(); }
  // What is held goes now.
  void confirm_removals() { mailbox_->confirm_removals(); }

  int descriptor() const { return mailbox_->update_descriptor(); }  // readable when there is an update
  std::optional<ProvisioningUpdate> take() { return mailbox_->take_update(); }
  ProvisioningReport report() const;
  // "signing 2048 of 4900 files"; empty before it is known how many. At the end of a look it says so of all,
  // until the next.
  std::string progress() const { return jobs_.progress(); }
  bool at_work() const { return jobs_.made() < jobs_.to_make(); }  // some of them are still to be made

  // Bytes of former versions of files that readers of old views hold still, or a view that is not published
  // yet would free. Too little rather than too much while files are made.
  std::uint64_t superseded() const { return memory_.superseded(); }
  // Bytes of the budget that are taken.
  std::uint64_t held() const { return memory_.held(); }
  // Whether a file has waited for some of that since this was last asked.
  bool take_shortage() { return memory_.take_shortage(); }
  // How often an allocation failed outside of the making of a file.
  std::uint64_t failures() const { return failures_; }

 private:
  Provisioner(const ProvisioningLimits& limits, std::unique_ptr<ProvisionerMailbox> mailbox, Scanner scanner,
              SignatureCache signatures, LastGood last_good);

  void run();
  bool tick();
  Millis next_look() const;
  void look(const Scanner::Changed& changed);
  void recover() noexcept;

  void follow_context();
  void take_over_context(const std::shared_ptr<const ProvisioningContext>& before);
  void merge_devices();
  void take_over_devices(const DeviceCertificates& before);
  bool has_other_certificate(const std::string& name, const DeviceCertificates& before) const;

  void look_at_everything();
  void look_at_devices(const std::set<std::string>& names);
  std::set<std::string> changed_devices(Unreadable& unreadable);
  std::vector<SigningJob> changed_files(std::set<std::string>& there, Unreadable& unreadable);
  void clear_gone_problems(const std::set<std::string>& there, const Unreadable& unreadable);
  void end_first_look();

  std::vector<SigningJob> remake(const std::function<bool(const std::string& name)>& wanted) const;
  void process(std::vector<SigningJob> jobs);
  void process_chunk(std::span<SigningJob> jobs);
  void copy_last_good(Millis time);
  void do_removals();

  void emit();
  void send_update();
  void tell();
  void publish_report();

  const ProvisioningLimits limits_;
  const std::unique_ptr<ProvisionerMailbox> mailbox_;
  FileMemory memory_;
  std::atomic<std::uint64_t> failures_{0};

  // The thread's own, but that helpers read some of it while it waits for them.
  FileProblems problems_;
  Scanner scanner_;
  SignatureCache signatures_;
  LastGoodCopies copies_;
  ServedFiles served_;
  SigningJobs jobs_;
  Removals gone_;
  RemovalNews removal_news_;
  DeviceFolder devices_;
  JobOutcomes outcomes_;

  std::shared_ptr<const ProvisioningContext> given_;
  std::shared_ptr<const ProvisioningContext> context_;  // given_, with the certificates in the folder
  Millis look_again_ = 0;                               // at everything
  Millis pause_ = 0;         // after the last allocation that failed, until a look comes to its end
  bool doubt_ = false;       // an allocation failed, and what is known may be half of it
  bool whole_pass_ = false;  // an update comes at its end alone

  std::thread thread_;  // the last: it uses all of the above
};

}  // namespace anchord::control

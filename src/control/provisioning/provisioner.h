// Follows the provisioning folder and the devices' certificates, and makes from them
// what is served: on a thread of its own, with as many helpers as there are cores when
// much is to be signed. Shards never wait for it.
//
// What it makes comes out as updates, in order, each made wholly from one context: a
// new signer's files come together, never mixed with the old one's.
//
// A file that is broken stays as it was when it was last good, over a restart too, and
// is named in the report; but what stays is of the present context as all else is, or nothing of it
// is served: no signature outlives its key. Events tell at once what has changed; a look at everything,
// from time to time, heals what they missed.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "anchord/base/clock.h"
#include "anchord/io/socket.h"
#include "anchord/store/store.h"
#include "provisioning/copies.h"
#include "provisioning/file_maker.h"
#include "provisioning/file_problems.h"
#include "provisioning/folder.h"
#include "provisioning/folder_watch.h"
#include "provisioning/last_good.h"
#include "provisioning/removals.h"
#include "provisioning/unfinished_files.h"

namespace anchord::control {

struct ProvisioningLimits {
  std::uint64_t max_file = 0;    // bytes of one file
  std::uint64_t max_folder = 0;  // of all
  // From one look at everything to the next, which heals lost events.
  Millis rescan = 30'000;
  Millis retry_memory = 50;  // after an allocation has failed; each time in a row twice as long
  Millis hold_removals = 0;  // for so long many files that go at once stay; 0: they go
  MemoryBudget memory{};     // what is read and made takes its part of it
};

class Provisioner {
 public:
  struct Update {
    std::uint64_t generation = 0;  // of the context
    std::vector<index::FileChange> changes;
  };
  using Served = control::Served;
  // Files that have gone and stay in service for a while: see Removals.
  struct Held {
    std::size_t files = 0;
    std::size_t certificates = 0;  // of devices
    UnixSeconds until = 0;         // when the first of both goes, if no more go
  };
  struct Report {
    std::size_t files = 0;
    std::uint64_t bytes = 0;
    std::uint64_t signatures_made = 0;  // since the start
    std::uint64_t signatures_kept = 0;  // used again at the start
    bool watching = false;              // changes are told by the kernel
    std::string cache_problem;          // why signatures cannot be kept
    FileProblems::Problems problems;
    FileProblems::Warnings warnings;
    Held held;             // since they are many
    std::size_t gone = 0;  // that wait, held or not
    std::size_t gone_certificates = 0;
    std::size_t made = 0;  // of the files that are looked at together, at present or last
    std::size_t to_make = 0;
  };

  // `store` is this one's own connection. Nothing is made before the first context.
  static Result<std::unique_ptr<Provisioner>> start(const std::filesystem::path& state,
                                                    const ProvisioningLimits& limits, store::Store store);
  ~Provisioner();
  Provisioner(const Provisioner&) = delete;
  Provisioner& operator=(const Provisioner&) = delete;

  void set_context(std::shared_ptr<const ProvisioningContext> context);
  void rescan();
  // What is held goes now.
  void confirm_removals();

  int descriptor() const { return updated_.descriptor(); }  // readable when there is an update
  std::optional<Update> take();
  Report report() const;
  // "signing 2048 of 4900 files"; empty before it is known how many. At the end of a look it says so
  // of all, until the next.
  std::string progress() const;
  bool at_work() const;  // some of them are still to be made

  // Bytes of former versions of files that readers of old views hold still, or a view that is not
  // published yet would free. Too little rather than too much while files are made.
  std::uint64_t superseded() const;
  // Bytes of the budget that are taken.
  std::uint64_t held() const { return limits_.memory.held(); }
  // Whether a file has waited for some of that since this was last asked.
  bool take_shortage() { return shortage_.exchange(false); }
  // How often an allocation failed outside of the making of a file.
  std::uint64_t failures() const { return failures_; }

 private:
  // In front of names in the report.
  static constexpr std::string_view kFiles = kProvisioningPrefix;
  static constexpr std::string_view kDevices = kDevicesPrefix;
  static constexpr std::string_view kLastGood = kLastGoodPrefix;

  // The bit, in Known::served, of what is served under the file's own name.
  static constexpr unsigned kPlainEnding = 1;

  // A file as it is served.
  struct Known {
    FileStamp stamp;
    index::Blob content;
    unsigned served = 0;                           // endings, a bit each
    std::optional<crypto::Certificate> recipient;  // whom it is encrypted to
    bool withheld = false;                         // it is a copy of one that is encrypted
    std::string warning;                           // to be given if it is not
    std::uint64_t memory = 0;                      // what all of that takes of the budget
    bool settled = false;                          // all of that has come to its end once
    bool doubtful = false;                         // something failed while it was settled: it is made anew
  };
  struct Job {
    std::string name;
    const Known* known = nullptr;  // what is served of it now
    bool troubled = false;         // there is something to say of it: look again
    bool from_memory = false;      // its content has not changed, only the context
    bool must_change = false;      // what was made of it must not stay; where it was refused, `read` says why
    bool from_copy = false;        // what is made is of the last good content; `read` says why
    bool is_known_content = false;  // refused, though it is what is served
    ReadFile read;
    index::Blob content;
    std::optional<Result<MadeFiles>> made;
    std::uint64_t in_hand = 0;  // bytes of the budget, until it is settled
    bool no_room = false;       // it does not fit the budget now
    bool no_memory = false;     // an allocation failed
  };
  struct SaidOfHeld {
    std::size_t in_log = 0;  // of how many it knows
    std::size_t most = 0;    // that were held together
  };

  Provisioner(Folder files, Folder devices, FolderWatch file_watch, FolderWatch device_watch,
              LastGood last_good, const ProvisioningLimits& limits, store::Store store, io::Waker asked,
              io::Waker updated);

  void run();
  bool tick(Millis& look_again);
  void look(Millis& look_again, bool everything, const std::set<std::string>& files,
            const std::set<std::string>& devices);
  void recover() noexcept;
  void wait_for_work(Millis until);
  void follow_context();
  void take_over_context(const std::shared_ptr<const ProvisioningContext>& before);
  void look_at_everything();
  void look_at_devices(const std::set<std::string>& names);
  void read_device(const std::string& name);
  Result<crypto::Certificate> certificate_in(const std::string& name, const ReadFile& read);
  void device_missing(const std::string& name);
  std::set<std::string> devices_of(const std::string& name) const;
  void take_over_devices(const DeviceCertificates& before);
  void merge_devices();
  void warn_of_shared_certificates();
  bool takes_device(const std::string& name, const std::string& device);
  void forget_device_file(const std::string& name);
  void clear_device_problems(const std::string& name);
  void look_at_device_again(const std::string& name);
  bool has_other_certificate(const std::string& name, const DeviceCertificates& before) const;
  void take_unfinished(std::set<std::string>& files, std::set<std::string>& devices);
  std::set<std::string> changed_devices(std::map<std::string, std::string>& unreadable);
  std::vector<Job> changed_files(std::set<std::string>& there,
                                 std::map<std::string, std::string>& unreadable);
  void clear_gone_problems(const std::set<std::string>& there,
                           const std::map<std::string, std::string>& unreadable);
  void finish_first_look();
  void process(std::vector<Job> jobs);
  void do_jobs(std::span<Job> jobs);
  void do_job(Job& job) const noexcept;
  void make(Job& job) const;
  void make_from_memory(Job& job) const;
  MemoryBudget::Share take_room(Job& job, std::uint64_t bytes) const;
  std::string no_room(std::uint64_t bytes) const;
  void do_again(Job& job) const;
  bool waits_for_room(const Job& job);
  void settle(Job& job);
  void settle_good(const Job& job);
  void make_as_before(Job& job) const;
  void settle_as_before(Job& job);
  Status take_over(Job& job);
  void make_from_copy(Job& job) const;
  void copy_later(const Job& job);
  void copy_last_good(Millis time);
  void forget_copy(const std::string& name);
  void forget_copies_but(const std::set<std::string>& names);
  void give_up_place(const std::string& served);
  void judge_copies();
  void file_missing(const std::string& name);
  void remove_files(const std::set<std::string>& names);
  void remove_devices(const std::set<std::string>& names);
  void do_removals();
  std::set<std::string> devices_to_remove(std::set<std::string> due);
  void say_held(const Removals& removals, SaidOfHeld& said, std::string_view what);
  void remove(const std::string& name);
  void drop_endings(const std::string& name, unsigned endings);
  void save_signatures();
  void emit();
  void send_changes();
  void send_update();
  void tell();
  void publish_report();
  void set_refused(const std::string& name, std::string reason);
  bool serves_below(const std::string& file) const;
  bool stopping() const;
  Status check_place(const std::string& name) const;
  void look_again(const std::string& name);
  std::vector<Job> remake(const std::function<bool(const std::string& name)>& wanted) const;

  const Folder files_;
  const Folder devices_;
  FolderWatch file_watch_;
  FolderWatch device_watch_;
  const ProvisioningLimits limits_;
  store::Store store_;
  io::Waker asked_;
  io::Waker updated_;

  // The thread's own.
  std::shared_ptr<const ProvisioningContext> given_;
  std::shared_ptr<const ProvisioningContext> context_;    // given_, with the certificates in the folder
  std::map<std::string, crypto::Certificate> in_folder_;  // what is used, or was last good
  std::map<std::string, std::string> file_of_device_;     // its certificate's
  // Files that cannot be taken, and the devices that they name in any way: what such a device gets
  // is meant to be encrypted.
  std::map<std::string, std::set<std::string>> untaken_;
  std::map<std::string, FileStamp> device_files_;
  SavedSignatures kept_;
  std::map<std::string, Known> known_;
  LastGood last_good_;
  std::set<std::string> to_copy_;  // broken, and last_good_ does not hold them yet
  UnfinishedFiles unfinished_;
  std::uint64_t bytes_ = 0;
  std::vector<index::FileChange> changes_;
  std::size_t whole_changes_ = 0;  // of them: those behind are of something that is not settled yet
  Millis pause_ = 0;               // after the last allocation that failed, until a look comes to its end
  bool doubt_ = false;             // an allocation failed, and what is known may be half of it
  std::vector<store::SavedSignature> to_keep_;
  std::set<std::string> to_forget_;
  Copies copies_;
  FileProblems problems_;
  Removals gone_files_;
  Removals gone_devices_;
  std::set<std::string> after_their_files_;  // devices' files that go when their configurations do
  SaidOfHeld said_of_files_;
  SaidOfHeld said_of_devices_;
  bool watching_ = true;
  bool whole_pass_ = false;  // an update comes at its end alone

  std::atomic<std::size_t> made_{0};  // by all helpers
  std::atomic<std::size_t> to_make_{0};
  std::atomic<std::uint64_t> current_{0};          // bytes of the budget that what is to be served takes
  mutable std::atomic<std::uint64_t> in_hand_{0};  // ... and jobs that are not settled
  std::atomic<bool> shortage_{false};
  std::atomic<std::uint64_t> failures_{0};

  mutable std::mutex mutex_;  // over what follows
  std::shared_ptr<const ProvisioningContext> next_;
  std::deque<Update> updates_;
  Report report_;
  bool rescan_asked_ = false;
  bool removals_confirmed_ = false;
  bool stopping_ = false;

  std::thread thread_;  // the last: it uses all of the above
};

}  // namespace anchord::control

#include "provisioning/provisioner.h"

#include <fmt/core.h>
#include <poll.h>
#include <pthread.h>

#include <algorithm>
#include <iterator>
#include <new>
#include <utility>

#include "anchord/base/log.h"
#include "anchord/phone/file_kind.h"
#include "anchord/store/device_files.h"
#include "machine/background.h"

namespace anchord::control {
namespace {

// From one look at everything to the next without events, when it is all there is.
constexpr Millis kRescanBlind = 2'000;
// After allocations that failed in a row: each time everything is made anew.
constexpr Millis kMostRetryMemory = 5'000;
constexpr Millis kSayProgress = 5'000;
// For copies of what was last good, before others are served, and at the end.
constexpr Millis kCopyTime = 20;
constexpr Millis kCopyTimeAtEnd = 1'000;

bool same_signing(const ProvisioningContext& a, const ProvisioningContext& b) {
  return a.signer.certificate == b.signer.certificate && a.signing == b.signing &&
         a.rolling_back == b.rolling_back;
}

// Configurations first: a copy of one that goes out encrypted is never served, however short.
std::vector<SigningJob> configurations_first(std::vector<SigningJob> jobs) {
  std::vector<SigningJob> others;
  std::vector<SigningJob> out;
  for (SigningJob& job : jobs) (phone::configured_device(job.name) ? out : others).push_back(std::move(job));
  std::ranges::move(others, std::back_inserter(out));
  return out;
}

}  // namespace

Result<std::unique_ptr<Provisioner>> Provisioner::start(const std::filesystem::path& state,
                                                        const ProvisioningLimits& limits,
                                                        store::Store store) {
  ANCHORD_TRY_ASSIGN(Scanner scanner, Scanner::open(state));
  ANCHORD_TRY_ASSIGN(auto mailbox, ProvisionerMailbox::create());
  ANCHORD_TRY_ASSIGN(SignatureCache signatures, SignatureCache::load(std::move(store)));
  auto out = std::unique_ptr<Provisioner>(new Provisioner(
      limits, std::move(mailbox), std::move(scanner), std::move(signatures), LastGood(state / "last-good")));
  out->thread_ = std::thread(&Provisioner::run, out.get());
  return out;
}

Provisioner::Provisioner(const ProvisioningLimits& limits, std::unique_ptr<ProvisionerMailbox> mailbox,
                         Scanner scanner, SignatureCache signatures, LastGood last_good)
    : limits_(limits),
      mailbox_(std::move(mailbox)),
      memory_(limits.memory),
      scanner_(std::move(scanner)),
      signatures_(std::move(signatures)),
      copies_(std::move(last_good), problems_),
      served_(limits.max_folder, signatures_, memory_, scanner_.unfinished()),
      jobs_(scanner_.files(), copies_.stored(), served_, signatures_.before(), memory_, limits.max_file),
      gone_(limits.hold_removals),
      removal_news_("files have gone from provisioning/", limits.hold_removals),
      devices_(scanner_.devices(), scanner_.unfinished(), problems_, limits.hold_removals),
      outcomes_({.jobs = jobs_,
                 .served = served_,
                 .memory = memory_,
                 .copies = copies_,
                 .unfinished = scanner_.unfinished(),
                 .gone = gone_,
                 .problems = problems_}) {}

Provisioner::~Provisioner() {
  mailbox_->stop();
  if (thread_.joinable()) thread_.join();
}

ProvisioningReport Provisioner::report() const {
  ProvisioningReport out = mailbox_->report();
  out.to_make = jobs_.to_make();
  out.made = jobs_.made();
  return out;
}

// --- The thread: when it looks, and at what.

void Provisioner::run() {
  ::pthread_setname_np(::pthread_self(), "provisioner");
  give_way_to_shards();
  for (bool more = true; more;) {
    try {
      more = tick();
      if (!more) copy_last_good(kCopyTimeAtEnd);
    } catch (const std::bad_alloc&) {
      recover();
    }
  }
}

// False at the end.
bool Provisioner::tick() {
  copy_last_good(kCopyTime);
  // Events that come before the first context are looked at with it.
  scanner_.wait(mailbox_->asked_descriptor(), given_ == nullptr ? kNever : next_look(), given_ != nullptr);
  mailbox_->clear_wake();
  Scanner::Changed changed = scanner_.take(monotonic_now());
  const ProvisionerMailbox::Asked asked = mailbox_->take_asked();
  if (asked.to_stop) return false;
  if (asked.to_confirm) {
    gone_.confirm();
    devices_.confirm_removals();
  }
  if (given_ == nullptr && !asked.has_context) return true;
  changed.everything =
      changed.everything || asked.to_rescan || given_ == nullptr || monotonic_now() >= look_again_;
  look(changed);
  return true;
}

Millis Provisioner::next_look() const {
  if (!copies_.is_complete()) return 0;
  const Millis now = monotonic_now();
  return std::min(
      {look_again_, scanner_.unfinished().next_look(), gone_.next_look(now), devices_.gone().next_look(now)});
}

void Provisioner::look(const Scanner::Changed& changed) {
  follow_context();
  if (doubt_) {
    take_over_devices(DeviceCertificates(context_->devices));
    process(remake([](const std::string&) { return false; }));
    doubt_ = false;
  }
  if (changed.everything) {
    mailbox_->begin_rescan();
    look_at_everything();
    look_again_ = monotonic_now() + (scanner_.watches() ? limits_.rescan : kRescanBlind);
  } else {
    if (!changed.devices.empty()) look_at_devices(changed.devices);
    std::vector<SigningJob> jobs;
    for (const std::string& name : changed.files) jobs.push_back({.name = name});
    process(std::move(jobs));
  }
  do_removals();
  emit();
  pause_ = 0;
}

// An allocation has failed outside of the making of a file. Half of something must not go out, and what is
// known of any file may be half of it: all are looked at, and made anew.
void Provisioner::recover() noexcept {
  static constexpr const char* kWhat =
      "provisioning: there is not enough memory to go on: all is served as before, and looked at again";
  log::error(kWhat);
  ++failures_;
  memory_.release_all();
  served_.drop_unsettled();
  devices_.doubt_all();
  doubt_ = true;
  look_again_ = 0;
  pause_ = std::clamp(2 * pause_, limits_.retry_memory, kMostRetryMemory);
  ::poll(nullptr, 0, static_cast<int>(pause_));
  mailbox_->wake_again();  // also where nothing else is waited for
}

// --- The context, and the certificates that are part of it.

// Everything that a new context makes different comes out in one update.
void Provisioner::follow_context() {
  std::shared_ptr<const ProvisioningContext> next = mailbox_->take_context();
  if (next == nullptr) return;
  std::shared_ptr<const ProvisioningContext> before = std::exchange(given_, next);
  try {
    take_over_context(before);
  } catch (const std::bad_alloc&) {
    given_ = std::move(before);
    whole_pass_ = false;
    mailbox_->put_back_context(std::move(next));
    throw;
  }
}

void Provisioner::take_over_context(const std::shared_ptr<const ProvisioningContext>& before) {
  if (before == nullptr) {
    whole_pass_ = true;  // the first: nothing is known, and a look at everything follows
    merge_devices();
    return;
  }
  DeviceCertificates old_devices = context_->devices;
  merge_devices();
  bool all = !same_signing(*before, *given_);
  bool mode = before->mode != given_->mode;
  whole_pass_ = true;
  auto is_of_another_state = [&](const std::string& name) {
    return all || (mode && phone::is_default_configuration(name));
  };
  std::vector<SigningJob> jobs = remake([&](const std::string& name) {
    return is_of_another_state(name) || has_other_certificate(name, old_devices);
  });
  for (SigningJob& job : jobs) job.must_change = job.from_memory && is_of_another_state(job.name);
  process(std::move(jobs));
  whole_pass_ = false;
  served_.judge_copies(context_->devices, problems_);
  tell();
  // An update even when nothing is different: somebody waits for this generation.
  send_update();
}

void Provisioner::merge_devices() {
  context_ = devices_.merged_into(*given_);
  devices_.warn_of_shared(context_->devices);
}

void Provisioner::take_over_devices(const DeviceCertificates& before) {
  merge_devices();
  if (before == context_->devices) return;
  process(remake([&](const std::string& name) { return has_other_certificate(name, before); }));
}

bool Provisioner::has_other_certificate(const std::string& name, const DeviceCertificates& before) const {
  auto device = phone::configured_device(name);
  if (!device) return names_a_phone(name);  // it may be a copy
  auto was = before.find(*device);
  auto is = context_->devices.find(*device);
  if (was == before.end() || is == context_->devices.end())
    return (was == before.end()) != (is == context_->devices.end());
  return !(was->second == is->second);
}

// --- Looks at the folders.

void Provisioner::look_at_everything() {
  const bool first = whole_pass_;
  scanner_.begin_listing();
  std::set<std::string> there;
  Unreadable unreadable;
  if (auto names = changed_devices(unreadable); !names.empty()) look_at_devices(names);
  process(changed_files(there, unreadable));
  if (mailbox_->is_to_stop()) return;
  for (const auto& [file, reason] : unreadable.reasons()) {
    const bool serves = file.starts_with(kProvisioningPrefix)
                            ? served_.has_below(file.substr(kProvisioningPrefix.size()))
                            : devices_.has_certificates();
    problems_.set(file, reason, serves ? protocol::Served::last_good : protocol::Served::nothing);
  }
  clear_gone_problems(there, unreadable);
  if (unreadable.reasons().empty()) copies_.forget_all_but(there);
  if (first) signatures_.drop_unused();
  signatures_.save();
  if (first) end_first_look();
  whole_pass_ = false;
}

void Provisioner::look_at_devices(const std::set<std::string>& names) {
  DeviceCertificates before = context_->devices;
  for (const std::string& name : names) devices_.read(name, whole_pass_);
  take_over_devices(before);
}

// Those that have gone, too.
std::set<std::string> Provisioner::changed_devices(Unreadable& unreadable) {
  std::set<std::string> names;
  for (const auto& [name, stamp] : devices_.files()) names.insert(name);
  scanner_.list_devices(
      [&](std::string name, const FileStamp& stamp) {
        if (devices_.is_known(name, stamp)) {
          names.erase(name);
        } else {
          names.insert(std::move(name));
        }
      },
      // A folder that is called what a certificate is holds none that is taken.
      [&](const std::string& folder) {
        if (!store::devices_in(folder, {}).empty()) names.insert(folder);
      },
      unreadable);
  std::erase_if(names, [&](const std::string& name) {
    return unreadable.is_above(std::string(kDevicesPrefix) + name);
  });
  return names;
}

// Those that have gone, too; `there` gets all others.
std::vector<SigningJob> Provisioner::changed_files(std::set<std::string>& there, Unreadable& unreadable) {
  std::vector<SigningJob> jobs;
  scanner_.list_files(
      [&](std::string name, const FileStamp& stamp) {
        const ServedFile* known = served_.find(name);
        if (known == nullptr || known->stamp != stamp || gone_.waits(name) ||
            problems_.keeps_last_good(std::string(kProvisioningPrefix) + name))
          jobs.push_back({.name = name, .read = {.stamp = stamp}});
        there.insert(std::move(name));
      },
      unreadable);
  for (const auto& [name, known] : served_.all())
    if (!there.contains(name) && !unreadable.is_above(std::string(kProvisioningPrefix) + name))
      jobs.push_back({.name = name});
  return jobs;
}

// What was broken and has gone is no problem any more.
void Provisioner::clear_gone_problems(const std::set<std::string>& there, const Unreadable& unreadable) {
  std::vector<std::string> gone;
  for (const auto& [file, problem] : problems_.problems()) {
    if (unreadable.has(file) || file.starts_with(kLastGoodPrefix) || unreadable.is_above(file)) continue;
    if (file.starts_with(kProvisioningPrefix)
            ? !there.contains(file.substr(kProvisioningPrefix.size()))
            : !devices_.files().contains(file.substr(kDevicesPrefix.size())))
      gone.push_back(file);
  }
  for (const std::string& file : gone) problems_.clear(file);
}

void Provisioner::end_first_look() {
  log::info(fmt::format("provisioning: {} files, {} signatures kept from before, {} made",
                        served_.all().size(), served_.totals().signatures_kept,
                        served_.totals().signatures_made));
  served_.judge_copies(context_->devices, problems_);
  tell();
  send_update();
}

// --- Files on their way.

std::vector<SigningJob> Provisioner::remake(
    const std::function<bool(const std::string& name)>& wanted) const {
  std::vector<SigningJob> jobs;
  for (const auto& [name, known] : served_.all())
    if (known.doubtful || wanted(name)) jobs.push_back({.name = name, .known = &known, .from_memory = true});
  // What was refused may be good now; its newest content is on the disk alone.
  for (const auto& [file, problem] : problems_.problems()) {
    if (!file.starts_with(kProvisioningPrefix)) continue;
    if (std::string name = file.substr(kProvisioningPrefix.size()); wanted(name))
      jobs.push_back({.name = std::move(name)});
  }
  return jobs;
}

void Provisioner::process(std::vector<SigningJob> all) {
  std::vector<SigningJob> jobs = configurations_first(std::move(all));
  jobs_.begin(jobs.size());
  Millis say = monotonic_now() + kSayProgress;
  for (std::span<SigningJob> left(jobs); !left.empty();) {
    const std::size_t count = jobs_.chunk_of(left);
    process_chunk(left.first(count));
    left = left.subspan(count);
    // The log has one line for each cause of a whole look: it comes at the end.
    if (!whole_pass_ && !left.empty()) {
      served_.judge_copies(context_->devices, problems_);
      publish_report();
      if (served_.has_changes()) send_update();
    }
    if (monotonic_now() >= say && !left.empty()) {
      log::info(fmt::format("provisioning: {} of {} files made", jobs.size() - left.size(), jobs.size()));
      say = monotonic_now() + kSayProgress;
    }
    if (mailbox_->is_to_stop()) return;
  }
}

void Provisioner::process_chunk(std::span<SigningJob> jobs) {
  for (SigningJob& job : jobs) {
    job.known = served_.find(job.name);
    job.troubled = (job.known != nullptr && job.known->doubtful) ||
                   problems_.has(std::string(kProvisioningPrefix) + job.name);
  }
  jobs_.run(jobs, *context_);
  for (SigningJob& job : jobs) {
    outcomes_.settle(job, *context_, whole_pass_);
    served_.settle();
    memory_.release(job.in_hand);
    job = {};
  }
  signatures_.save();
}

void Provisioner::copy_last_good(Millis time) {
  copies_.copy_some(time, [&](const std::string& name) -> std::optional<Bytes> {
    const ServedFile* known = served_.find(name);
    if (known == nullptr) return std::nullopt;
    return known->content.bytes();
  });
  tell();
}

void Provisioner::do_removals() {
  // Files first: those that go with their certificates are never served without.
  if (auto names = gone_.due(served_.all().size(), monotonic_now()); !names.empty()) {
    removal_news_.note_gone(names.size());
    outcomes_.remove(names);
  }
  if (auto names = devices_.take_due_removals(gone_, monotonic_now()); !names.empty()) {
    DeviceCertificates before = context_->devices;
    devices_.remove(names);
    take_over_devices(before);
  }
  removal_news_.tell(gone_, monotonic_now());
  devices_.tell_removals(monotonic_now());
}

// --- What goes out.

void Provisioner::emit() {
  served_.judge_copies(context_->devices, problems_);
  tell();
  if (served_.has_changes()) send_update();
}

void Provisioner::send_update() {
  mailbox_->send(given_->generation, served_.changes());
  served_.note_sent();
}

// The log first: who sees a problem in the report finds it there.
void Provisioner::tell() {
  for (const FileNews::Line& line : problems_.news().take())
    line.is_warning ? log::warn(line.text) : log::info(line.text);
  publish_report();
}

void Provisioner::publish_report() {
  const Millis until = std::min(gone_.held_until(), devices_.gone().held_until());
  const Millis now = monotonic_now();
  ProvisioningReport::Held held{.files = gone_.held(), .certificates = devices_.gone().held()};
  if (until != kNever)
    held.until = calendar_now() + static_cast<UnixSeconds>((until - std::min(now, until)) / 1000);
  const bool changed = problems_.has_changed();
  FileProblems::Problems problems;
  FileProblems::Warnings warnings;
  if (changed) {
    problems = problems_.problems();
    warnings = problems_.warnings();
  }
  std::string cache_problem = signatures_.problem();
  mailbox_->edit_report([&](ProvisioningReport& report) {
    report.files = served_.all().size();
    report.bytes = served_.bytes();
    report.signatures_made = served_.totals().signatures_made;
    report.signatures_kept = served_.totals().signatures_kept;
    report.watching = scanner_.watches();
    report.cache_problem.swap(cache_problem);
    report.held = held;
    report.gone = gone_.waiting().size();
    report.gone_certificates = devices_.waiting_removals();
    if (!changed) return;
    report.problems.swap(problems);
    report.warnings.swap(warnings);
  });
  problems_.take_notice();
}

}  // namespace anchord::control

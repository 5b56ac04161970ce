#include "provisioning/provisioner.h"

#include <fmt/core.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <new>

#include "anchord/base/log.h"
#include "anchord/phone/file_kind.h"
#include "machine/background.h"

namespace anchord::control {
namespace {

// From one look at everything to the next without events, when it is all there is.
constexpr Millis kRescanBlind = 2'000;
// Files that are read, signed and kept together: a bound on memory, and on the work
// that a kill can lose.
constexpr std::size_t kChunkFiles = 512;
constexpr std::uint64_t kChunkBytes = 256u << 20;
// After allocations that failed in a row: each time everything is made anew.
constexpr Millis kMostRetryMemory = 5'000;
constexpr Millis kSayProgress = 5'000;
// For copies of what was last good, before others are served, and at the end.
constexpr Millis kCopyTime = 20;
constexpr Millis kCopyTimeAtEnd = 1'000;

constexpr unsigned form_bit(phone::FileForm form) {
  return 1u << static_cast<unsigned>(form);
}

unsigned ending_bit(const std::string& name, const std::string& served) {
  for (phone::FileForm form : phone::kFileForms)
    if (std::string_view(served).substr(name.size()) == phone::ending_of(form)) return form_bit(form);
  return 0;
}

// What is accounted for of a file's bytes, which several of its names share.
std::uint64_t memory_of(const index::Blob& content, const MadeFiles& made) {
  std::uint64_t out = content.accounted();
  const index::Blob* last = &content;
  for (const index::FileChange& change : made.files) {
    const index::Blob& more = change.body->content;
    if (more.shares_with(content) || more.shares_with(*last)) continue;
    out += more.accounted();
    last = &more;
  }
  return out;
}

bool same_signing(const ProvisioningContext& a, const ProvisioningContext& b) {
  return a.signer.certificate == b.signer.certificate && a.signing == b.signing &&
         a.rolling_back == b.rolling_back;
}

// Without a failure so many can be put behind those that are there. Rooms grow as push_back() has them grow.
template <class Vector>
void make_room(Vector& vector, std::size_t more) {
  if (vector.capacity() - vector.size() < more)
    vector.reserve(std::max(2 * vector.capacity(), vector.size() + more));
}

}  // namespace

Result<std::unique_ptr<Provisioner>> Provisioner::start(const std::filesystem::path& state,
                                                        const ProvisioningLimits& limits,
                                                        store::Store store) {
  auto files = Folder::open(state / "provisioning");
  if (!files) return std::unexpected(files.error());
  auto devices = Folder::open(state / "devices");
  if (!devices) return std::unexpected(devices.error());
  auto file_watch = FolderWatch::open(files->path());
  if (!file_watch) return std::unexpected(file_watch.error());
  auto device_watch = FolderWatch::open(devices->path());
  if (!device_watch) return std::unexpected(device_watch.error());
  auto asked = io::Waker::create();
  if (!asked) return std::unexpected(asked.error());
  auto updated = io::Waker::create();
  if (!updated) return std::unexpected(updated.error());
  auto out = std::unique_ptr<Provisioner>(new Provisioner(
      std::move(*files), std::move(*devices), std::move(*file_watch), std::move(*device_watch),
      LastGood(state / "last-good"), limits, std::move(store), std::move(*asked), std::move(*updated)));
  auto kept = out->store_.saved_signatures();
  if (!kept) return std::unexpected(std::move(kept.error()).within("reading the kept signatures"));
  for (store::SavedSignature& one : *kept) {
    std::string name = one.name;
    out->kept_.emplace(std::move(name), std::move(one));
  }
  out->thread_ = std::thread(&Provisioner::run, out.get());
  return out;
}

Provisioner::Provisioner(Folder files, Folder devices, FolderWatch file_watch, FolderWatch device_watch,
                         LastGood last_good, const ProvisioningLimits& limits, store::Store store,
                         io::Waker asked, io::Waker updated)
    : files_(std::move(files)),
      devices_(std::move(devices)),
      file_watch_(std::move(file_watch)),
      device_watch_(std::move(device_watch)),
      limits_(limits),
      store_(std::move(store)),
      asked_(std::move(asked)),
      updated_(std::move(updated)),
      last_good_(std::move(last_good)),
      gone_files_(limits.hold_removals),
      gone_devices_(limits.hold_removals) {}

Provisioner::~Provisioner() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  asked_.wake();
  if (thread_.joinable()) thread_.join();
}

void Provisioner::set_context(std::shared_ptr<const ProvisioningContext> context) {
  {
    std::lock_guard lock(mutex_);
    next_ = std::move(context);
  }
  asked_.wake();
}

void Provisioner::rescan() {
  {
    std::lock_guard lock(mutex_);
    rescan_asked_ = true;
  }
  asked_.wake();
}

void Provisioner::confirm_removals() {
  {
    std::lock_guard lock(mutex_);
    removals_confirmed_ = true;
  }
  asked_.wake();
}

std::optional<Provisioner::Update> Provisioner::take() {
  updated_.drain();
  std::lock_guard lock(mutex_);
  if (updates_.empty()) return std::nullopt;
  Update out = std::move(updates_.front());
  updates_.pop_front();
  if (!updates_.empty()) updated_.wake();
  return out;
}

// --- the thread

void Provisioner::run() {
  ::pthread_setname_np(::pthread_self(), "provisioner");
  give_way_to_shards();
  Millis look_again = 0;
  for (bool more = true; more;) {
    try {
      more = tick(look_again);
      if (!more) copy_last_good(kCopyTimeAtEnd);
    } catch (const std::bad_alloc&) {
      recover();
      look_again = 0;
    }
  }
}

// False at the end.
bool Provisioner::tick(Millis& look_again) {
  copy_last_good(kCopyTime);
  const Millis now = monotonic_now();
  Millis wake = to_copy_.empty() ? std::min({look_again, unfinished_.next_look(), gone_files_.next_look(now),
                                             gone_devices_.next_look(now)})
                                 : 0;
  wait_for_work(given_ == nullptr ? kNever : wake);
  FolderWatch::Events files = file_watch_.take();
  FolderWatch::Events devices = device_watch_.take();
  take_unfinished(files.names, devices.names);
  bool everything = files.rescan || devices.rescan || monotonic_now() >= look_again;
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return false;
    everything = everything || rescan_asked_;
    if (std::exchange(removals_confirmed_, false)) {
      gone_files_.confirm();
      gone_devices_.confirm();
    }
    if (given_ == nullptr && next_ == nullptr) return true;
  }
  if (given_ == nullptr) everything = true;
  look(look_again, everything, files.names, devices.names);
  return true;
}

void Provisioner::look(Millis& look_again, bool everything, const std::set<std::string>& files,
                       const std::set<std::string>& devices) {
  follow_context();
  if (doubt_) {
    take_over_devices(DeviceCertificates(context_->devices));
    process(remake([](const std::string&) { return false; }));
    doubt_ = false;
  }
  if (everything) {
    {
      std::lock_guard lock(mutex_);
      rescan_asked_ = false;
    }
    look_at_everything();
    look_again = monotonic_now() + (watching_ ? limits_.rescan : kRescanBlind);
  } else {
    if (!devices.empty()) look_at_devices(devices);
    std::vector<Job> jobs;
    for (const std::string& name : files) jobs.push_back({.name = name});
    process(std::move(jobs));
  }
  do_removals();
  emit();
  pause_ = 0;
}

// An allocation has failed outside of the making of a file. Half of something must not go out, and what
// is known of any file may be half of it: all are looked at, and made anew.
void Provisioner::recover() noexcept {
  static constexpr const char* kWhat =
      "provisioning: there is not enough memory to go on: all is served as before, and looked at again";
  log::error(kWhat);
  ++failures_;
  in_hand_ = 0;
  changes_.erase(changes_.begin() + static_cast<std::ptrdiff_t>(std::min(whole_changes_, changes_.size())),
                 changes_.end());
  for (auto at = known_.begin(); at != known_.end();) {
    Known& known = at->second;
    known.stamp = {};
    known.doubtful = true;
    if (known.settled) {
      ++at;
      continue;
    }
    bytes_ -= known.content.size();
    current_ -= known.memory;
    copies_.forget(at->first);
    at = known_.erase(at);
  }
  for (auto& [name, stamp] : device_files_) stamp = {};
  doubt_ = true;
  pause_ = std::clamp(2 * pause_, limits_.retry_memory, kMostRetryMemory);
  ::poll(nullptr, 0, static_cast<int>(pause_));
  asked_.wake();  // also where nothing else is waited for
}

void Provisioner::wait_for_work(Millis until) {
  std::array<pollfd, 3> waiting{pollfd{file_watch_.descriptor(), POLLIN, 0},
                                pollfd{device_watch_.descriptor(), POLLIN, 0},
                                pollfd{asked_.descriptor(), POLLIN, 0}};
  // Events that come before the first context are looked at with it.
  std::span<pollfd> wanted(waiting);
  if (given_ == nullptr) wanted = wanted.last(1);
  Millis now = monotonic_now();
  int timeout = until == kNever ? -1 : static_cast<int>(until > now ? until - now : 0);
  ::poll(wanted.data(), wanted.size(), timeout);
  asked_.drain();
}

// Everything that a new context makes different comes out in one update.
void Provisioner::follow_context() {
  std::shared_ptr<const ProvisioningContext> next;
  {
    std::lock_guard lock(mutex_);
    next = std::move(next_);
  }
  if (next == nullptr) return;
  std::shared_ptr<const ProvisioningContext> before = std::exchange(given_, next);
  try {
    take_over_context(before);
  } catch (const std::bad_alloc&) {
    given_ = std::move(before);
    whole_pass_ = false;
    std::lock_guard lock(mutex_);
    if (next_ == nullptr) next_ = std::move(next);
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
  std::vector<Job> jobs = remake([&](const std::string& name) {
    return is_of_another_state(name) || has_other_certificate(name, old_devices);
  });
  for (Job& job : jobs) job.must_change = job.from_memory && is_of_another_state(job.name);
  process(std::move(jobs));
  whole_pass_ = false;
  judge_copies();
  tell();
  // An update even when nothing is different: somebody waits for this generation.
  send_update();
}

std::vector<Provisioner::Job> Provisioner::remake(
    const std::function<bool(const std::string& name)>& wanted) const {
  std::vector<Job> jobs;
  for (const auto& [name, known] : known_)
    if (known.doubtful || wanted(name)) jobs.push_back({.name = name, .known = &known, .from_memory = true});
  // What was refused may be good now; its newest content is on the disk alone.
  for (const auto& [file, problem] : problems_.problems()) {
    if (!file.starts_with(kFiles)) continue;
    if (std::string name = file.substr(kFiles.size()); wanted(name))
      jobs.push_back({.name = std::move(name)});
  }
  return jobs;
}

void Provisioner::process(std::vector<Job> jobs) {
  // Configurations first: a copy of one that goes out encrypted is never served, however short.
  std::vector<Job> others;
  std::vector<Job> in_order;
  for (Job& job : jobs) (phone::configured_device(job.name) ? in_order : others).push_back(std::move(job));
  std::ranges::move(others, std::back_inserter(in_order));
  jobs = std::move(in_order);
  made_ = 0;
  to_make_ = jobs.size();
  Millis say = monotonic_now() + kSayProgress;
  for (std::size_t at = 0; at < jobs.size();) {
    std::size_t end = at;
    for (std::uint64_t bytes = 0; end < jobs.size() && end - at < kChunkFiles && bytes < kChunkBytes; ++end) {
      Job& job = jobs[end];
      auto known = known_.find(job.name);
      job.known = known != known_.end() ? &known->second : nullptr;
      job.troubled =
          (job.known != nullptr && job.known->doubtful) || problems_.has(std::string(kFiles) + job.name);
      bytes += job.from_memory ? job.known->content.size() : std::min(job.read.stamp.size, limits_.max_file);
    }
    std::span<Job> chunk(jobs.data() + at, end - at);
    do_jobs(chunk);
    for (Job& job : chunk) {
      settle(job);
      whole_changes_ = changes_.size();
      in_hand_ -= job.in_hand;
      job = {};
    }
    save_signatures();
    at = end;
    // The log has one line for each cause of a whole look: it comes at the end.
    if (!whole_pass_ && at < jobs.size()) {
      judge_copies();
      publish_report();
      send_changes();
    }
    if (monotonic_now() >= say && at < jobs.size()) {
      log::info(fmt::format("provisioning: {} of {} files made", at, jobs.size()));
      say = monotonic_now() + kSayProgress;
    }
    if (stopping()) return;
  }
}

bool Provisioner::stopping() const {
  std::lock_guard lock(mutex_);
  return stopping_;
}

// What came of a job, on this thread alone.
void Provisioner::settle(Job& job) {
  const std::string file = std::string(kFiles) + job.name;
  if (job.no_memory) {
    const char* reason = "cannot be read and made: there is not enough memory";
    if (job.from_memory) job.made = fail(reason);
    job.read.state = ReadFile::State::refused;
    job.read.reason = reason;
  }
  if (waits_for_room(job)) return unfinished_.found(file, monotonic_now());
  if (job.from_memory && job.must_change && !job.read.reason.empty()) return settle_as_before(job);
  if (job.from_memory && !*job.made) return set_refused(job.name, job.made->error().text);
  if (!job.from_memory && job.read.state != ReadFile::State::unfinished) unfinished_.forget(file);
  if (!job.from_memory && job.read.state != ReadFile::State::missing) gone_files_.back(job.name);
  if (job.made && !job.from_copy) {
    Status taken = take_over(job);
    if (taken) return settle_good(job);
    job.read.state = ReadFile::State::refused;
    job.read.reason = taken.error().text;
    if (!known_.contains(job.name)) make_from_copy(job);
  }
  if (job.from_copy) (void)take_over(job);  // the file's own reason is what there is to say
  switch (job.read.state) {
    case ReadFile::State::missing:
      return file_missing(job.name);
    case ReadFile::State::unfinished:
      return unfinished_.found(file, monotonic_now());
    case ReadFile::State::refused:
      copy_later(job);
      return set_refused(job.name, job.read.reason);
    case ReadFile::State::whole:
      if (auto known = known_.find(job.name); known != known_.end())
        known->second.stamp = job.read.stamp;  // the same again
      return forget_copy(job.name);
  }
}

void Provisioner::settle_good(const Job& job) {
  const std::string file = std::string(kFiles) + job.name;
  const std::string& remark = (*job.made)->remark;
  const bool is_served = known_.at(job.name).served != 0;
  // Of one that may be a copy it is said when that is known: it may not be served at all.
  if (known_.at(job.name).warning.empty()) problems_.warn(file, is_served ? (*job.made)->warning : "");
  if (!remark.empty()) problems_.set(file, remark, is_served ? Served::as_it_is : Served::nothing);
  // Of a file that is broken on the disk this says nothing; what is there is looked at too.
  if (job.from_memory) return;
  forget_copy(job.name);
  if (remark.empty()) problems_.clear(file);
}

// From now on that is what is served of the file.
Status Provisioner::take_over(Job& job) {
  auto known = known_.find(job.name);
  std::uint64_t before = known != known_.end() ? known->second.content.size() : 0;
  if (bytes_ - before + job.content.size() > limits_.max_folder)
    return fail(fmt::format("would take the folder beyond {} bytes (--max-folder-size)", limits_.max_folder));
  MadeFiles& made = **job.made;
  if (!job.from_memory && !job.from_copy && given_ != nullptr && !whole_pass_)
    known == known_.end() ? problems_.news().added(std::string(kFiles) + job.name)
                          : problems_.news().changed(std::string(kFiles) + job.name);
  if (known == known_.end()) known = known_.emplace(job.name, Known{}).first;
  // What may fail comes first.
  std::string warning = made.traits.values.empty() && made.traits.packed.empty() ? "" : made.warning;
  made.recipient ? copies_.put_encrypted(job.name, std::move(made.traits))
                 : copies_.put_other(job.name, std::move(made.traits));
  known->second.recipient = std::move(made.recipient);
  known->second.withheld = false;
  known->second.warning = std::move(warning);
  if (!job.from_memory && !job.from_copy) known->second.stamp = job.read.stamp;
  const std::uint64_t memory = memory_of(job.content, made);
  current_ += memory - std::exchange(known->second.memory, memory);
  bytes_ += job.content.size() - before;
  known->second.content = job.content;
  unsigned served = 0;
  for (const index::FileChange& change : made.files) {
    if (change.name != job.name) give_up_place(change.name);
    served |= ending_bit(job.name, change.name);
    kept_.erase(change.name);
    to_forget_.erase(change.name);
  }
  // What is no longer served is told once, so all that may fail comes before it counts as told.
  make_room(changes_, made.files.size() + phone::kFileForms.size());
  make_room(to_keep_, made.made.size());
  drop_endings(job.name, known->second.served & ~served);
  known->second.served = served;
  known->second.settled = true;
  known->second.doubtful = false;
  std::uint64_t signed_files = 0;
  for (const index::FileChange& change : made.files) signed_files += change.body->header.size() > 0;
  std::ranges::move(made.files, std::back_inserter(changes_));
  whole_changes_ = changes_.size();
  {
    std::lock_guard lock(mutex_);
    report_.signatures_made += made.made.size();
    report_.signatures_kept += signed_files - made.made.size();
    report_.files = known_.size();
    report_.bytes = bytes_;
  }
  std::ranges::move(made.made, std::back_inserter(to_keep_));
  return {};
}

void Provisioner::remove(const std::string& name) {
  auto known = known_.find(name);
  if (known == known_.end()) return;
  const std::string file = std::string(kFiles) + name;
  drop_endings(name, known->second.served);
  bytes_ -= known->second.content.size();
  current_ -= known->second.memory;
  copies_.forget(name);
  known_.erase(known);
  whole_changes_ = changes_.size();
  problems_.warn(file, "");
  problems_.news().gone(file);
  // Somebody else's signed file may have waited for the place.
  const std::string signed_name = phone::with_ending(name, phone::FileForm::sgn);
  if (problems_.has(std::string(kFiles) + signed_name)) look_again(signed_name);
  std::lock_guard lock(mutex_);
  report_.files = known_.size();
  report_.bytes = bytes_;
}

void Provisioner::drop_endings(const std::string& name, unsigned endings) {
  for (phone::FileForm form : phone::kFileForms) {
    if ((endings & form_bit(form)) == 0) continue;
    std::string served = phone::with_ending(name, form);
    if (form != phone::FileForm::plain) to_forget_.insert(served);
    std::erase_if(to_keep_, [&](const store::SavedSignature& s) { return s.name == served; });
    changes_.push_back({std::move(served), std::nullopt});
  }
}

// A failure costs signing again after a restart, nothing now; it is tried again with
// the next change and with the next look at everything.
void Provisioner::save_signatures() {
  std::string problem;
  if (!to_keep_.empty() || !to_forget_.empty()) {
    std::vector<std::string> forget(to_forget_.begin(), to_forget_.end());
    if (Status saved = store_.save_signatures(to_keep_, forget); saved) {
      to_keep_.clear();
      to_forget_.clear();
    } else {
      problem = "signatures are not kept, and will be made again after a restart: " + saved.error().text;
    }
  }
  std::lock_guard lock(mutex_);
  if (problem != report_.cache_problem && !problem.empty()) log::error("provisioning: " + problem);
  report_.cache_problem = std::move(problem);
  report_.watching = watching_;
}

void Provisioner::emit() {
  judge_copies();
  tell();
  send_changes();
}

void Provisioner::send_changes() {
  if (!changes_.empty()) send_update();
}

void Provisioner::send_update() {
  std::lock_guard lock(mutex_);
  Update& update = updates_.emplace_back();
  update.generation = given_->generation;
  update.changes.swap(changes_);
  whole_changes_ = 0;
  updated_.wake();
}

// With what is left of it in service.
void Provisioner::set_refused(const std::string& name, std::string reason) {
  auto known = known_.find(name);
  unsigned served = known != known_.end() ? known->second.served : 0;
  if (auto device = phone::configured_device(name); device && (served & ending_bit(name, name)) != 0) {
    auto certificate = context_->devices.find(*device);
    if (certificate != context_->devices.end() && !certificate->second)
      reason += ", and its last good version is not encrypted either";
  }
  problems_.warn(std::string(kFiles) + name, "");  // what is refused for is more
  problems_.set(std::string(kFiles) + name, std::move(reason),
                served != 0 ? Served::last_good : Served::nothing);
}

}  // namespace anchord::control

#include "anchord/control/server.h"

#include <fmt/core.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <new>
#include <optional>
#include <set>
#include <system_error>
#include <utility>
#include <variant>

#include "anchord/base/file.h"
#include "anchord/base/log.h"
#include "anchord/control/start_checks.h"
#include "anchord/io/probe.h"
#include "anchord/protocol/message.h"
#include "anchord/protocol/socket_path.h"
#include "anchord/store/leftovers.h"
#include "anchord/store/service_lock.h"
#include "ledger/activity.h"
#include "machine/memory_guard.h"
#include "machine/memory_reserve.h"
#include "machine/system_text.h"
#include "process/listeners.h"
#include "process/memory_plan.h"
#include "process/named_metrics.h"
#include "process/privileges.h"
#include "process/reader_limit.h"
#include "process/service_manager.h"
#include "process/shard_threads.h"
#include "process/sizing.h"
#include "process/starting.h"
#include "process/status_parts.h"
#include "protocol/control_socket.h"
#include "provisioning/provisioner.h"
#include "snapshot/builder.h"
#include "snapshot/lag.h"
#include "snapshot/tls_settings.h"

namespace anchord::control {
namespace {

// How often the store is looked at without being told, in case a "changed" on the control socket was lost.
constexpr Millis kPollStore = 250;
// How often a build that failed is tried again, should what was wrong lie outside the
// store (the mode of a key file, a full disk).
constexpr Millis kRetryBuild = 5'000;
// How often the store is told what is served here: guards of changes want to know it within a minute.
constexpr Millis kReport = 20'000;
// How often it is looked whether certificates are about to end and keys are in a backup.
constexpr Millis kDaily = 24 * 3600 * Millis{1000};
// While files are made for the first time, whether that can come to an end: after so many failures for want
// of memory, each of which has waited longer, some ten seconds, it cannot.
constexpr int kLookWhileStarting = 1'000;
constexpr std::uint64_t kStartFailures = 8;

Result<io::Descriptor> catch_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGIO, SIG_IGN);  // somebody opens a file for writing while we look whether anybody has
  io::Descriptor out(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!out) return fail_errno("cannot wait for signals", errno);
  return out;
}

std::string addresses(const std::vector<io::Address>& list) {
  std::string out;
  for (const io::Address& address : list) out += (out.empty() ? "" : ",") + address.text();
  return out;
}

}  // namespace

class Server::Impl {
 public:
  Impl(const Options& options, unsigned shards, store::ServiceLock lock, io::Descriptor signals,
       Listeners listeners, std::unique_ptr<Starting> starting, store::Store store,
       std::unique_ptr<Provisioner> provisioner, store::Store ledger_store, const MemoryPlan& memory)
      : options_(options),
        memory_(memory),
        readers_(memory.files),
        lock_(std::move(lock)),
        signals_(std::move(signals)),
        listeners_(std::move(listeners)),
        builder_(std::move(store), options_, shards),
        provisioner_(std::move(provisioner)),
        activity_(std::move(ledger_store)),
        publisher_(shards),
        threads_(options_, shards, listeners_, publisher_),
        starting_(std::move(starting)) {}

  Status serve_first() {
    if (Status chosen = builder_.choose_host(); !chosen) return chosen;
    if (Status staged = builder_.stage(); !staged) return staged;
    warn_daily();
    starting_->step([provisioner = provisioner_.get()] {
      const std::string signing = provisioner->progress();
      return signing.empty() ? "looking at the files that are to be served" : signing;
    });
    provisioner_->set_context(builder_.context());
    if (Status made = wait_for_files(); !made) return made;
    publish();
    starting_->step("taking over the journal");
    ticket_keys_due_ = monotonic_now() + kTicketKeyLife;
    if (Status begun = activity_.begin(options_.state, threads_.size(), builder_.host(), builder_.store());
        !begun)
      return begun;
    starting_->step("starting the shards");
    if (Status started = threads_.start(activity_.journal()); !started) return started;
    control_.emplace(starting_->end());
    announce(true);
    return {};
  }

  std::string listening() const {
    std::string out;
    if (!listeners_.tvs().empty()) out += " tvs=" + addresses(listeners_.tvs());
    if (!listeners_.tftp().empty()) out += " tftp=" + addresses(listeners_.tftp());
    if (!listeners_.http().empty()) out += " http=" + addresses(listeners_.http());
    if (!listeners_.https().empty()) out += " https=" + addresses(listeners_.https());
    return out.substr(1);
  }

  void at_reload(std::function<void()> call) { at_reload_ = std::move(call); }
  Status run();

 private:
  Status wait_for_files();
  void take_files();
  void tick();
  void look();
  void limit_readers();
  void publish();
  void say_published();
  void keep_own_lists();
  void announce(bool of_the_store);
  void rebuild(std::string_view why);
  void follow_store();
  void look_for_lag();
  std::pair<Lag::Cause, std::string> cause_of_lag();
  void take_signal();
  void warn_of_expiry();
  void warn_daily();
  Activity::Served served() const;
  protocol::Answer answer(const protocol::Request& request);
  protocol::Status status();
  protocol::Memory memory() const;
  void report(bool ok, std::string message);
  Status end();

  Options options_;
  MemoryPlan memory_;
  MemoryGuard guard_;
  ReaderLimit readers_;
  store::ServiceLock lock_;  // ends last
  io::Descriptor signals_;
  Listeners listeners_;
  std::optional<ControlSocket> control_;  // once starting_ has let go of it
  Builder builder_;
  std::unique_ptr<Provisioner> provisioner_;
  Activity activity_;
  service::ViewPublisher publisher_;
  ShardThreads threads_;  // ends before the publisher and the journal
  // Lists of single phones that are served, with their versions, once the ledger was told of any.
  std::optional<std::map<std::string, std::uint64_t>> own_lists_;
  UnixSeconds started_ = calendar_now();
  UnixSeconds published_at_ = 0;
  std::string problem_;  // why the newest state cannot be in service
  Lag lag_;
  std::string unreadable_;       // why the store could not be looked at the last time
  std::string unreported_;       // why the last status report could not be left
  std::int64_t announced_ = -1;  // the store's state in the last view
  Millis ticket_keys_due_ = 0;
  Millis report_due_ = 0;
  bool reported_ok_ = true;  // the last time
  Millis daily_due_ = 0;
  Millis retry_build_ = 0;
  bool rebuild_asked_ = false;
  bool unpublished_ = false;                  // the builder has something that no view shows
  std::optional<ProvisioningUpdate> update_;  // not applied, or not wholly
  bool own_lists_due_ = false;                // the ledger is to be told of a view
  bool announce_due_ = false;
  bool announce_state_ = false;
  bool stage_failed_ = false;  // the last time: what is in service is behind the store
  std::vector<pollfd> waiting_;
  bool draining_ = false;
  std::function<void()> at_reload_;
  ServiceManager manager_;
  std::unique_ptr<Starting> starting_;  // the last: it asks the provisioner
};

// The files of a large cluster that are signed for the first time take a while: a
// service without them would send phones to the default configuration.
Status Server::Impl::wait_for_files() {
  while (!builder_.ready()) {
    std::array<pollfd, 2> waiting{pollfd{signals_.get(), POLLIN, 0},
                                  pollfd{provisioner_->descriptor(), POLLIN, 0}};
    ::poll(waiting.data(), waiting.size(), kLookWhileStarting);
    if (provisioner_->failures() >= kStartFailures)
      return fail("there is not enough memory to start: the provisioning folder cannot be read");
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof(info)) == sizeof(info))
      if (info.ssi_signo != SIGHUP) return fail("ended by a signal before it served");
    take_files();
  }
  return {};
}

// One for which there is no memory is applied again: none is lost, and none is published half.
void Server::Impl::take_files() {
  while (update_ || (update_ = provisioner_->take())) {
    builder_.apply(*update_);
    update_.reset();
    unpublished_ = true;
  }
}

// Guards of changes judge phones by the lists that they hold, and by those that they would be served.
void Server::Impl::keep_own_lists() {
  std::vector<index::FileEntry> lists;
  std::map<std::string, std::uint64_t> versions;
  for (const std::string& name : builder_.own_lists().served()) {
    const index::FileEntry* list = publisher_.current()->files.find(name);
    if (list == nullptr) continue;
    versions[name] = list->version;
    lists.push_back(*list);
  }
  if (own_lists_ == versions) return;
  activity_.serve_own(std::move(lists));
  own_lists_ = std::move(versions);
}

// Readers that lag keep old views alive: with as many as are allowed, the next look
// publishes what this one would have.
void Server::Impl::publish() {
  unpublished_ = true;
  if (update_ || !builder_.ready() || publisher_.reclaim() >= index::kMaxLiveViews) return;
  const std::int64_t before = announced_;
  publisher_.publish(builder_.view());
  unpublished_ = false;
  threads_.wake();
  published_at_ = calendar_now();
  own_lists_due_ = true;
  // Before there are shards nothing is in service; whoever started them says it.
  announce_due_ = before >= 0;
  // A file that has changed does not mend what could not be built.
  announce_state_ = builder_.built_from() != before || (!problem_.empty() && !stage_failed_);
  announced_ = builder_.built_from();
  say_published();
}

// What follows from a new view in service, until it is done.
void Server::Impl::say_published() {
  if (own_lists_due_) keep_own_lists();
  own_lists_due_ = false;
  if (announce_due_) announce(announce_state_);
  announce_due_ = false;
}

void Server::Impl::announce(bool of_the_store) {
  const service::View& view = *publisher_.current();
  const std::string line =
      fmt::format("snapshot {} in service: {} certificates, {} files, for host {}", view.version,
                  view.certificates.size(), view.files.size(), builder_.host());
  log::info(line);
  manager_.status(line);
  // A write to the store, so not for every file that changes.
  if (of_the_store) {
    problem_.clear();
    report(true, "");
  }
}

void Server::Impl::report(bool ok, std::string message) {
  const service::View* current = publisher_.current();
  store::StatusReport report{.host = builder_.host(),
                             .time = calendar_now(),
                             .snapshot_version = current != nullptr ? current->version : 0,
                             .ok = ok,
                             .message = std::move(message),
                             .serves = builder_.served_state().serves};
  report_due_ = monotonic_now() + kReport;
  reported_ok_ = ok;
  Status written = builder_.store().report_status(report);
  std::string unreported = written ? "" : "cannot leave a status report: " + written.error().text;
  if (unreported != unreported_ && !unreported.empty()) log::warn(unreported);
  unreported_ = std::move(unreported);
}

void Server::Impl::rebuild(std::string_view why) {
  // Until it came to its end: there may be no memory for it.
  rebuild_asked_ = true;
  Status staged;
  const bool had_memory = guard_.attempt("for a new snapshot", [&] { staged = builder_.stage(); });
  stage_failed_ = !had_memory || !staged;
  if (!had_memory) staged = fail("there is not enough memory for a new snapshot");
  if (staged) {
    // Files that must be made anew come later, and all of it is published then.
    if (!builder_.ready()) provisioner_->set_context(builder_.context());
    rebuild_asked_ = false;
    unpublished_ = true;
    warn_of_expiry();
    return publish();
  }
  retry_build_ = monotonic_now() + (had_memory ? kRetryBuild : kPollStore);
  if (staged.error().text != problem_) {  // else it was said already
    log::error(fmt::format("snapshot {} stays in service ({}): {}", publisher_.current()->version, why,
                           staged.error().text));
    problem_ = staged.error().text;
    report(false, problem_);
  }
  rebuild_asked_ = false;
}

// Files of a state that is staged, and not in service yet, are told by their number; a shard that lags
// is one whose thread does not run, since no peer can make it hold a view.
std::pair<Lag::Cause, std::string> Server::Impl::cause_of_lag() {
  if (!unreadable_.empty()) return {Lag::Cause::unreadable, unreadable_};
  if (!problem_.empty()) return {Lag::Cause::refused, problem_};
  if (update_) return {Lag::Cause::files, "there is not enough memory to take over files that have changed"};
  if (!builder_.ready()) {
    const std::string progress = provisioner_->progress();
    return {Lag::Cause::files, "files are still being made" + (progress.empty() ? "" : ": " + progress)};
  }
  if (!unpublished_) return {Lag::Cause::none, ""};
  return {Lag::Cause::shard,
          fmt::format(
              "shard {} has not looked at a new snapshot for {} of them, and no more are kept: its thread "
              "does not run; see what else has its core, and restart the service if that goes on",
              publisher_.slowest(), index::kMaxLiveViews)};
}

void Server::Impl::look_for_lag() {
  auto [cause, reason] = cause_of_lag();
  const bool spoken_of = !lag_.problem().empty();
  const auto line = lag_.look(cause, std::move(reason), monotonic_now(), calendar_now());
  if (line) log::warn(*line);
  // Other hosts are told when it begins and when it ends; of what cannot be built they are told already.
  if (line || (spoken_of && cause == Lag::Cause::none && !reported_ok_)) report_due_ = 0;
}

void Server::Impl::warn_of_expiry() {
  for (const ExpiryWatch::News& news : builder_.expiry().news(calendar_now()))
    news.bad ? log::error(news.text) : log::warn(news.text);
}

void Server::Impl::warn_daily() {
  daily_due_ = monotonic_now() + kDaily;
  warn_of_expiry();
  auto backup = store::backup_state(builder_.store());
  if (!backup) {
    log::warn("cannot see whether there is a backup: " + backup.error().text);
  } else if (!backup->holds_tftp_key) {
    log::warn("no backup holds the present TFTP key: make one with 'anchorctl backup create FILE'");
  }
}

void Server::Impl::follow_store() {
  if (monotonic_now() >= daily_due_) warn_daily();
  if (monotonic_now() >= report_due_) report(lag_.problem().empty(), lag_.problem());
  if (monotonic_now() >= ticket_keys_due_) {
    builder_.rotate_ticket_keys();
    ticket_keys_due_ = monotonic_now() + kTicketKeyLife;
    rebuild_asked_ = true;
  }
  Result<bool> changed = builder_.store_changed();
  std::string unreadable = changed ? "" : "cannot look at the store: " + changed.error().text;
  if (unreadable != unreadable_ && !unreadable.empty()) log::error(unreadable);
  unreadable_ = std::move(unreadable);
  if (!changed) return;
  if (*changed) {
    rebuild("the store has changed");
  } else if (rebuild_asked_) {
    rebuild("asked to");
  } else if (stage_failed_ && monotonic_now() >= retry_build_) {
    rebuild("tried again");
  }
}

void Server::Impl::take_signal() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
    if (info.ssi_signo == SIGHUP) {
      rebuild_asked_ = true;
      provisioner_->rescan();
      manager_.reloading();
      if (at_reload_) at_reload_();
    } else if (!draining_) {
      draining_ = true;
      threads_.drain();
      log::info("draining: nothing new is accepted, what is under way may end");
      manager_.stopping();
    }
  }
}

Activity::Served Server::Impl::served() const {
  return {.files = publisher_.current()->files, .tvs = builder_.tvs_certificate()};
}

protocol::Answer Server::Impl::answer(const protocol::Request& request) {
  if (const auto* trace = std::get_if<protocol::TraceRequest>(&request))
    return activity_.trace(*trace, served());
  if (std::holds_alternative<protocol::ChangedRequest>(request)) {
    follow_store();
    return protocol::Changed();
  }
  if (std::holds_alternative<protocol::ConfirmRequest>(request)) {
    const ProvisioningReport before = provisioner_->report();
    provisioner_->confirm_removals();
    return protocol::Confirmed{.files = before.gone, .certificates = before.gone_certificates};
  }
  activity_.take(served());
  look_for_lag();
  return status();
}

protocol::Memory Server::Impl::memory() const {
  const std::uint64_t failures =
      guard_.failures() + provisioner_->failures() + threads_.sum(&service::Counters::no_memory);
  return {.limit = memory_.limit.bytes,
          .limited_by = memory_.limit.name,
          .for_files = memory_.files,
          .files = provisioner_->held(),
          .superseded = provisioner_->superseded(),
          .superseded_limit = readers_.limit(),
          .failures = failures};
}

// Member by member: GCC 12 destroys an aggregate within another one twice when what comes after it throws, as
// want of memory may.
protocol::Status Server::Impl::status() {
  const service::View* view = publisher_.current();
  protocol::Status out;
  out.version = ANCHORD_VERSION;
  out.pid = ::getpid();
  out.host = builder_.host();
  out.started_at = started_;
  out.shards = threads_.size();
  out.draining = draining_;
  out.listening.tvs = addresses(listeners_.tvs());
  out.listening.tftp = addresses(listeners_.tftp());
  out.listening.http = addresses(listeners_.http());
  out.listening.https = addresses(listeners_.https());
  out.mode = trust::mode_name(builder_.served_state().mode);
  out.rollback = builder_.served_state().rolling_back;
  out.tls_min = crypto::to_text(options_.tls_min);
  out.refuse_expired = options_.refuse_expired;
  out.snapshot.version = view->version;
  out.snapshot.published_at = published_at_;
  out.snapshot.store_change = builder_.built_from();
  out.snapshot.certificates = view->certificates.size();
  out.snapshot.files = view->files.size();
  out.snapshot.problem = lag_.problem();
  out.snapshot.behind_since = lag_.since();
  out.memory = memory();
  out.provisioning = status_of(provisioner_->report());
  out.ledger = status_of(activity_.ledger(), activity_.unread());
  out.own_lists.served = own_lists_ ? own_lists_->size() : 0;
  out.own_lists.withdrawn = first_of(builder_.own_lists().withdrawn());
  out.own_lists.withdrawn_count = builder_.own_lists().withdrawn().size();
  out.backup = status_of(store::backup_state(builder_.store()));
  out.expiry = status_of(builder_.expiry(), calendar_now());
  out.counters = named(threads_.metrics());
  out.devices.known = activity_.devices().size();
  out.devices.recent = recent_devices(activity_.devices());
  out.devices.guessing = activity_.guessing();
  return out;
}

Status Server::Impl::run() {
  manager_.ready();
  Millis look_again = 0;
  while (!threads_.finished()) {
    Millis now = monotonic_now();
    // A drain ends on the shards' threads; it is seen a moment later.
    Millis until = draining_ ? now + 10 : std::max(look_again, now);
    guard_.attempt("to wait for everybody", [&] {
      waiting_.assign(
          {{.fd = signals_.get(), .events = POLLIN}, {.fd = provisioner_->descriptor(), .events = POLLIN}});
      control_->poll_for(waiting_);
    });
    ::poll(waiting_.data(), waiting_.size(), static_cast<int>(until - now));
    tick();
    if (monotonic_now() < look_again && !rebuild_asked_) continue;
    look_again = monotonic_now() + kPollStore;
    look();
  }
  return end();
}

// What has come. Each step by itself: what finds no memory is done again, and keeps nothing else.
void Server::Impl::tick() {
  guard_.attempt("for a signal", [&] { take_signal(); });
  guard_.attempt("for an answer on the control socket", [&] {
    control_->serve(monotonic_now(), [this](const protocol::Request& request) {
      std::string out;
      guard_.attempt("for an answer on the control socket", [&] {
        const MemoryReserve for_json;
        out = protocol::encode_answer(answer(request));
      });
      return out;
    });
  });
  guard_.attempt("to take over files", [&] { take_files(); });
  guard_.attempt("to publish", [&] {
    if (unpublished_ && builder_.ready()) publish();
    say_published();
  });
}

// From time to time.
void Server::Impl::look() {
  guard_.attempt("to look after the control socket", [&] { control_->look_after(); });
  guard_.attempt("to note what phones were given", [&] { activity_.take(served()); });
  publisher_.reclaim();
  guard_.attempt("to look after slow readers", [&] { limit_readers(); });
  if (!draining_) guard_.attempt("to look at the store", [&] { follow_store(); });
  guard_.attempt("to say what is in service", [&] { look_for_lag(); });
  guard_.attempt("to tell the service manager", [&] {
    manager_.reloaded();
    manager_.progress(provisioner_->at_work() ? provisioner_->progress() : "", monotonic_now());
  });
  manager_.alive(monotonic_now());
  MemoryReserve::refill();
}

void Server::Impl::limit_readers() {
  readers_.look(threads_, provisioner_->superseded(), provisioner_->take_shortage(),
                publisher_.current()->version);
}

Status Server::Impl::end() {
  Status ended;
  if (!guard_.attempt("to write down what phones were given", [&] { ended = activity_.end(served()); }))
    ended = fail("ended without memory to write down all that phones were given: it is in the journal");
  if (!ended) {
    log::error(ended.error().text);
    return ended;
  }
  log::info("ended");
  return {};
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;
std::string Server::listening() const {
  return impl_->listening();
}
void Server::at_reload(std::function<void()> call) {
  impl_->at_reload(std::move(call));
}
Status Server::run() {
  return impl_->run();
}

Result<std::unique_ptr<Server>> Server::start(const Options& options) {
  if (Status may = store::check_service_user(options.state, options.user); !may)
    return std::unexpected(may.error());
  const unsigned shards = shard_count(options);
  const MemoryNeed need = memory_needed(options, shards);
  auto no_memory = [&](const char* what) {
    return fail(fmt::format(
        "there is not enough memory {}: a start with these settings needs {} of address space and {} of "
        "memory, and its files' besides; look at the limits (ulimit -v, LimitAS=, MemoryMax=), or lower "
        "--max-connections, --max-transfers or --shards",
        what, size_text(need.address_space), size_text(need.used)));
  };
  try {
    Result<MemoryPlan> plan = plan_memory(memory_limits(options), need);
    if (!plan) return std::unexpected(plan.error());
    // An allocator that reserves address space for each thread would take what is promised to files.
    MemoryReserve::take();
    if (plan->limit.of_address_space) ::mallopt(M_ARENA_MAX, 1);
    return begin(options, shards, *plan);
  } catch (const std::bad_alloc&) {
    return no_memory("to start");
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::resource_unavailable_try_again) throw;
    return no_memory("for another thread");
  }
}

Result<std::unique_ptr<Server>> Server::begin(const Options& options, unsigned shards,
                                              const MemoryPlan& memory) {
  // Before anything is bound or read: another service may be using it.
  Result<store::ServiceLock> lock = store::ServiceLock::take(options.state);
  if (!lock) return std::unexpected(lock.error());
  Result<io::Descriptor> signals = catch_signals();
  if (!signals) return std::unexpected(signals.error());
  if (auto refused = refused_by_machine(options); !refused.empty()) return fail(refused.front().text);
  if (Status enough = check_descriptors(options, shards); !enough) return std::unexpected(enough.error());
  Result<io::KernelSupport> kernel = io::probe_kernel();
  if (!kernel) return std::unexpected(kernel.error());
  if (options.busy_poll > 0 && !kernel->busy_poll) return std::unexpected(kernel->busy_poll.error());
  for (const std::string& line : kernel->lines) log::info(line);
  Result<Listeners> listeners = Listeners::bind(options, shards);
  if (!listeners) return std::unexpected(listeners.error());
  if (Status dropped = drop_privileges(options.user); !dropped) return std::unexpected(dropped.error());
  Result<ControlSocket> control = ControlSocket::open(protocol::socket_path(options.state));
  if (!control) return std::unexpected(control.error());
  auto starting = Starting::begin(std::move(*control));
  if (!starting) return std::unexpected(starting.error());
  (*starting)->step("reading the store");
  Result<store::Store> store = store::Store::open(options.state);
  if (!store) return std::unexpected(store.error());
  for (const std::filesystem::path& left : store::remove_leftovers(options.state))
    log::warn(fmt::format("{} was left by a command that was killed and cannot be removed: remove it",
                          quoted(left)));
  if (options.tls_min < crypto::TlsVersion::v1_2)
    log::warn(fmt::format("TLS {} is accepted, for the oldest phones: weak, and chosen with --tls-min",
                          crypto::to_text(options.tls_min)));
  Result<store::Store> own_store = store::Store::open(options.state);
  if (!own_store) return std::unexpected(own_store.error());
  Result<store::Store> ledger_store = store::Store::open(options.state);
  if (!ledger_store) return std::unexpected(ledger_store.error());
  auto provisioner = Provisioner::start(options.state,
                                        {.max_file = options.max_file_size,
                                         .max_folder = options.max_folder_size,
                                         .hold_removals = options.hold_removals * Millis{1000},
                                         .memory = MemoryBudget(memory.files)},
                                        std::move(*own_store));
  if (!provisioner) return std::unexpected(provisioner.error());
  auto impl = std::make_unique<Impl>(options, shards, std::move(*lock), std::move(*signals),
                                     std::move(*listeners), std::move(*starting), std::move(*store),
                                     std::move(*provisioner), std::move(*ledger_store), memory);
  if (Status started = impl->serve_first(); !started) return std::unexpected(started.error());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

}  // namespace anchord::control

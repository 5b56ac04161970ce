#include "anchord/control/server.h"

#include <fmt/core.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <new>
#include <optional>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "admin/endpoint.h"
#include "anchord/base/log.h"
#include "anchord/protocol/message.h"
#include "anchord/store/service_lock.h"
#include "anchord/store/sharing.h"
#include "ledger/activity.h"
#include "machine/memory_guard.h"
#include "machine/memory_reserve.h"
#include "machine/system_text.h"
#include "process/change_follower.h"
#include "process/memory_plan.h"
#include "process/preparation.h"
#include "process/publication.h"
#include "process/reader_limit.h"
#include "process/service_manager.h"
#include "process/service_status.h"
#include "process/shard_threads.h"
#include "process/shared_follower_thread.h"
#include "process/sizing.h"
#include "process/starting.h"
#include "protocol/control_socket.h"
#include "provisioning/provisioner.h"

namespace anchord::control {
namespace {

// How often the store is looked at without being told, in case a "changed" on the control socket was lost.
constexpr Millis kPollStore = 250;
// How often it is looked whether this has become a member of a cluster of several hosts.
constexpr Millis kLookForCluster = 2'000;
// While files are made for the first time, whether that can come to an end: after so many failures for want
// of memory, each of which has waited longer, some ten seconds, it cannot.
constexpr int kLookWhileStarting = 1'000;
constexpr std::uint64_t kStartFailures = 8;

}  // namespace

// The control thread: it starts what there is in order, looks at who has something for it, and ends all of
// it.
class Server::Impl {
 public:
  Impl(const Options& options, unsigned shards, Prepared prepared, const MemoryPlan& memory)
      : options_(options),
        memory_(memory),
        readers_(memory.files),
        lock_(std::move(prepared.lock)),
        signals_(std::move(prepared.signals)),
        listeners_(std::move(prepared.listeners)),
        provisioner_(std::move(prepared.provisioner)),
        publication_(std::move(prepared.store), options_, shards, *provisioner_),
        activity_(std::move(prepared.ledger_store)),
        threads_(options_, shards, listeners_, publication_.publisher()),
        follower_({.publication = publication_,
                   .provisioner = *provisioner_,
                   .activity = activity_,
                   .threads = threads_,
                   .manager = manager_,
                   .guard = guard_}),
        status_({.options = options_,
                 .memory = memory_,
                 .guard = guard_,
                 .readers = readers_,
                 .listeners = listeners_,
                 .provisioner = *provisioner_,
                 .publication = publication_,
                 .activity = activity_,
                 .threads = threads_,
                 .lag = follower_.lag(),
                 .shared = shared_}),
        admin_(std::move(prepared.admin)),
        starting_(std::move(prepared.starting)) {}

  Status serve_first();
  std::string listening() const { return status_.listening(); }
  void at_reload(std::function<void()> call) { at_reload_ = std::move(call); }
  Status run();

 private:
  Status wait_for_files();
  void tick();
  void look();
  void follow_others();
  void take_signal();
  protocol::Answer answer(const protocol::Request& request);
  AdminFacts facts();
  Status end();

  Options options_;
  MemoryPlan memory_;
  MemoryGuard guard_;
  ReaderLimit readers_;
  store::ServiceLock lock_;  // ends last
  FileDescriptor signals_;
  Listeners listeners_;
  std::optional<ControlSocket> control_;  // once starting_ has let go of it
  std::unique_ptr<Provisioner> provisioner_;
  Publication publication_;
  Activity activity_;
  ShardThreads threads_;  // ends before what shards read (publication_) and write to (activity_)
  ServiceManager manager_;
  ChangeFollower follower_;
  std::optional<SharedFollowerThread> shared_;  // once this is a member of a cluster of several hosts
  Millis look_for_cluster_ = 0;
  ServiceStatus status_;
  std::vector<pollfd> waiting_;
  bool draining_ = false;
  std::function<void()> at_reload_;
  std::unique_ptr<AdminEndpoint> admin_;  // it reads the shards' counters
  std::unique_ptr<Starting> starting_;    // the last: it asks the provisioner
};

Status Server::Impl::serve_first() {
  ANCHORD_TRY(follower_.stage_first());
  starting_->step([provisioner = provisioner_.get()] {
    const std::string signing = provisioner->progress();
    return signing.empty() ? "looking at the files that are to be served" : signing;
  });
  provisioner_->set_context(publication_.builder().context());
  ANCHORD_TRY(wait_for_files());
  follower_.publish_first();
  starting_->step("taking over the journal");
  Builder& builder = publication_.builder();
  ANCHORD_TRY(activity_.begin(options_.state, threads_.size(), builder.host(), builder.store()));
  starting_->step("starting the shards");
  ANCHORD_TRY(threads_.start(activity_.journal()));
  control_.emplace(starting_->end());
  follower_.announce_first();
  if (admin_) admin_->board().set_phase(AdminBoard::Phase::serving);
  return {};
}

// The files of a large cluster that are signed for the first time take a while: a service without them would
// send phones to the default configuration.
Status Server::Impl::wait_for_files() {
  while (!publication_.builder().ready()) {
    std::array<pollfd, 2> waiting{pollfd{signals_.get(), POLLIN, 0},
                                  pollfd{provisioner_->descriptor(), POLLIN, 0}};
    ::poll(waiting.data(), waiting.size(), kLookWhileStarting);
    if (provisioner_->failures() >= kStartFailures)
      return fail("there is not enough memory to start: the provisioning folder cannot be read");
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof(info)) == sizeof(info))
      if (info.ssi_signo != SIGHUP) return fail("ended by a signal before it served");
    publication_.take_files();
  }
  return {};
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
      if (shared_) waiting_.push_back({.fd = shared_->descriptor(), .events = POLLIN});
      control_->poll_for(waiting_);
      if (admin_) waiting_.push_back({.fd = admin_->board().descriptor(), .events = POLLIN});
    });
    ::poll(waiting_.data(), waiting_.size(), static_cast<int>(until - now));
    tick();
    if (shared_ && shared_->take_changed()) look_again = 0;
    if (monotonic_now() < look_again && !follower_.is_asked_for_rebuild()) continue;
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
  guard_.attempt("for the admin endpoint", [&] {
    if (admin_) admin_->board().answer([this] { return facts(); });
  });
  guard_.attempt("to take over files", [&] { publication_.take_files(); });
  guard_.attempt("to publish", [&] { follower_.publish_due(); });
}

// From time to time.
void Server::Impl::look() {
  guard_.attempt("to look after the control socket", [&] { control_->look_after(); });
  guard_.attempt("to note what phones were given", [&] { activity_.take(publication_.served()); });
  publication_.publisher().reclaim();
  guard_.attempt("to look after slow readers", [&] {
    readers_.look(threads_, provisioner_->superseded(), provisioner_->take_shortage(),
                  publication_.view().version);
  });
  if (!draining_) guard_.attempt("to look at the store", [&] { follower_.follow_store(); });
  if (!draining_ && !shared_) guard_.attempt("to look for a cluster", [&] { follow_others(); });
  guard_.attempt("to say what is in service", [&] { follower_.look_for_lag(); });
  guard_.attempt("to tell the service manager", [&] {
    manager_.reloaded();
    manager_.progress(provisioner_->at_work() ? provisioner_->progress() : "", monotonic_now());
  });
  manager_.alive(monotonic_now());
  MemoryReserve::refill();
}

// A machine may become a member while it serves.
void Server::Impl::follow_others() {
  if (monotonic_now() < look_for_cluster_) return;
  look_for_cluster_ = monotonic_now() + kLookForCluster;
  const auto member = store::is_member(publication_.builder().store());
  if (!member || !*member) return;
  if (auto store = store::Store::open(options_.state)) shared_.emplace(std::move(*store));
}

void Server::Impl::take_signal() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
    if (info.ssi_signo == SIGHUP) {
      follower_.ask_for_rebuild();
      provisioner_->rescan();
      manager_.reloading();
      if (at_reload_) at_reload_();
    } else if (!draining_) {
      draining_ = true;
      if (admin_) admin_->board().set_phase(AdminBoard::Phase::draining);
      threads_.drain();
      log::info("draining: nothing new is accepted, what is under way may end");
      manager_.stopping();
    }
  }
}

protocol::Answer Server::Impl::answer(const protocol::Request& request) {
  if (const auto* trace = std::get_if<protocol::TraceRequest>(&request))
    return activity_.trace(*trace, publication_.served());
  if (std::holds_alternative<protocol::ChangedRequest>(request)) {
    follower_.follow_store();
    return protocol::Changed();
  }
  if (std::holds_alternative<protocol::ConfirmRequest>(request)) {
    const ProvisioningReport before = provisioner_->report();
    provisioner_->confirm_removals();
    return protocol::Confirmed{.files = before.gone, .certificates = before.gone_certificates};
  }
  activity_.take(publication_.served());
  follower_.look_for_lag();
  return status_.now(draining_);
}

AdminFacts Server::Impl::facts() {
  const MemoryReserve for_json;
  activity_.take(publication_.served());
  follower_.look_for_lag();
  AdminFacts out;
  out.status = status_.now(draining_);
  out.own_certificates = status_.own_certificates();
  out.counters = threads_.metrics();
  out.latencies = threads_.latencies();
  out.made = monotonic_now();
  return out;
}

Status Server::Impl::end() {
  Status ended;
  if (!guard_.attempt("to write down what phones were given",
                      [&] { ended = activity_.end(publication_.served()); }))
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
  ANCHORD_TRY(store::check_service_user(options.state, options.user));
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
    ANCHORD_TRY_ASSIGN(const MemoryPlan plan, plan_memory(memory_limits(options), need));
    MemoryReserve::take();
    // Glibc's allocator, which builds without jemalloc have, reserves 64 MiB of address space for each of its
    // arenas, one a thread: they would take what is promised to files. Jemalloc maps what it hands out and
    // has no such setting; beside it this line does nothing.
    if (plan.limit.of_address_space) ::mallopt(M_ARENA_MAX, 1);
    return begin(options, shards, plan);
  } catch (const std::bad_alloc&) {
    return no_memory("to start");
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::resource_unavailable_try_again) throw;
    return no_memory("for another thread");
  }
}

Result<std::unique_ptr<Server>> Server::begin(const Options& options, unsigned shards,
                                              const MemoryPlan& memory) {
  ANCHORD_TRY_ASSIGN(Prepared prepared, prepare(options, shards, memory));
  auto impl = std::make_unique<Impl>(options, shards, std::move(prepared), memory);
  ANCHORD_TRY(impl->serve_first());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

}  // namespace anchord::control

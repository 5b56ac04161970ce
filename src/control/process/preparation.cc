#include "process/preparation.h"

#include <fmt/core.h>
#include <signal.h>
#include <sys/signalfd.h>

#include <cerrno>
#include <filesystem>
#include <string>

#include "anchord/base/file.h"
#include "anchord/base/log.h"
#include "anchord/control/start_checks.h"
#include "anchord/io/probe.h"
#include "anchord/protocol/socket_path.h"
#include "anchord/store/leftovers.h"
#include "process/privileges.h"
#include "process/sizing.h"
#include "protocol/control_socket.h"

namespace anchord::control {
namespace {

Result<FileDescriptor> catch_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGIO, SIG_IGN);  // somebody opens a file for writing while we look whether anybody has
  FileDescriptor out(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!out) return fail_errno("cannot wait for signals", errno);
  return out;
}

Status check_machine(const Options& options, unsigned shards) {
  if (auto refused = refused_by_machine(options); !refused.empty()) return fail(refused.front().text);
  ANCHORD_TRY(check_descriptors(options, shards));
  ANCHORD_TRY_ASSIGN(const io::KernelSupport kernel, io::probe_kernel());
  if (options.busy_poll > 0) ANCHORD_TRY(kernel.busy_poll);
  for (const std::string& line : kernel.lines) log::info(line);
  return {};
}

void warn_of_what_is_odd(const Options& options) {
  for (const std::filesystem::path& left : store::remove_leftovers(options.state))
    log::warn(fmt::format("{} was left by a command that was killed and cannot be removed: remove it",
                          quoted(left)));
  if (options.tls_min < crypto::TlsVersion::v1_2)
    log::warn(fmt::format("TLS {} is accepted, for the oldest phones: weak, and chosen with --tls-min",
                          crypto::to_text(options.tls_min)));
}

}  // namespace

Result<Prepared> prepare(const Options& options, unsigned shards, const MemoryPlan& memory) {
  // Before anything is bound or read: another service may be using it.
  ANCHORD_TRY_ASSIGN(store::ServiceLock lock, store::ServiceLock::take(options.state));
  ANCHORD_TRY_ASSIGN(FileDescriptor signals, catch_signals());
  ANCHORD_TRY(check_machine(options, shards));
  ANCHORD_TRY_ASSIGN(Listeners listeners, Listeners::bind(options, shards));
  // The key and the token may be root's.
  ANCHORD_TRY_ASSIGN(admin::Access access, admin::read_access(options.admin_tls, options.admin_token));
  ANCHORD_TRY(drop_privileges(options.user));
  ANCHORD_TRY_ASSIGN(ControlSocket control, ControlSocket::open(protocol::socket_path(options.state)));
  ANCHORD_TRY_ASSIGN(auto starting, Starting::begin(std::move(control)));
  std::unique_ptr<AdminEndpoint> admin;
  if (options.admin) {
    ANCHORD_TRY_ASSIGN(admin, AdminEndpoint::start(listeners.take_admin(), std::move(access), options.state));
  }
  starting->step("reading the store");
  ANCHORD_TRY_ASSIGN(store::Store store, store::Store::open(options.state));
  warn_of_what_is_odd(options);
  ANCHORD_TRY_ASSIGN(store::Store own_store, store::Store::open(options.state));
  ANCHORD_TRY_ASSIGN(store::Store ledger_store, store::Store::open(options.state));
  ANCHORD_TRY_ASSIGN(auto provisioner,
                     Provisioner::start(options.state,
                                        {.max_file = options.max_file_size,
                                         .max_folder = options.max_folder_size,
                                         .hold_removals = options.hold_removals * Millis{1000},
                                         .memory = MemoryBudget(memory.files)},
                                        std::move(own_store)));
  return Prepared(std::move(lock), std::move(signals), std::move(listeners), std::move(starting),
                  std::move(admin), std::move(store), std::move(ledger_store), std::move(provisioner));
}

}  // namespace anchord::control

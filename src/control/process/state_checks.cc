#include "process/state_checks.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "anchord/base/file.h"
#include "anchord/base/file_descriptor.h"
#include "anchord/base/printable.h"
#include "anchord/control/start_checks.h"
#include "anchord/protocol/socket_path.h"
#include "anchord/store/hosts.h"
#include "anchord/store/inspect.h"
#include "anchord/store/service_lock.h"
#include "ledger/journal.h"
#include "process/privileges.h"
#include "process/sizing.h"
#include "protocol/control_socket.h"
#include "provisioning/folder.h"
#include "provisioning/folder_watch.h"
#include "snapshot/host_choice.h"
#include "snapshot/tls_settings.h"

namespace anchord::control {
namespace {

using Json = nlohmann::ordered_json;

class Look {
 public:
  explicit Look(const Options& options) : options_(options) {}

  StateFindings all() {
    out_.serving = store::service_of(options_.state);
    for (const Refusal& refusal : refused_by_state(options_))
      if (refusal.flags.front() == "--state") out_.problems.push_back(refusal.text);
    if (!out_.problems.empty()) return std::move(out_);
    take(store::ServiceLock::may_take(options_.state));  // before the start becomes another user
    // A user that there is not is named with the settings.
    if (check_user(options_.user)) take(drop_privileges(options_.user));
    if (out_.problems.empty()) look_inside();
    return std::move(out_);
  }

 private:
  void take(const Status& good) {
    if (!good) out_.problems.push_back(good.error().text);
  }

  void look_inside() {
    take(ControlSocket::may_open(protocol::socket_path(options_.state)));
    if (::access(options_.state.c_str(), R_OK | X_OK) != 0 && !out_.problems.empty()) return;  // nor the rest
    for (const char* folder : {"provisioning", "devices"}) look_at_folder(options_.state / folder);
    look_at_journal();
    auto inspected = store::inspect(options_.state);
    if (!inspected) return take(std::unexpected(inspected.error()));
    out_.problems.insert(out_.problems.end(), inspected->problems.begin(), inspected->problems.end());
    if (auto hosts = store::read_hosts(options_.state))  // of any version
      if (auto host = choose_host(options_, *hosts)) out_.host = *host;
    if (inspected->cluster) look_at_cluster(*inspected->cluster);
  }

  // The service makes it where there is none.
  void look_at_folder(const std::filesystem::path& folder) {
    if (std::filesystem::exists(std::filesystem::symlink_status(folder)))
      if (auto opened = Folder::open(folder); !opened) return take(std::unexpected(opened.error()));
    watches_.push_back(FolderWatch::open(folder));
    if (!watches_.back()) take(std::unexpected(watches_.back().error()));
  }

  void look_at_journal() {
    auto there = store::journals_in(options_.state);
    if (!there) return take(std::unexpected(there.error()));
    const std::filesystem::path folder = store::journal_folder(options_.state);
    if (::access(folder.c_str(), W_OK | X_OK) != 0 && errno != ENOENT)
      return take(
          fail_errno(fmt::format("cannot write to the folder {} (run as the owner of the state directory)",
                                 quoted(folder)),
                     errno));
    const unsigned shards = shard_count(options_);
    const std::size_t missing = shards - std::min<std::size_t>(shards, there->size());
    const std::uint64_t needed = missing * store::journal_size(Journal::kShape);
    struct statvfs disk{};
    if (::statvfs(options_.state.c_str(), &disk) != 0) return;
    const std::uint64_t room = std::uint64_t{disk.f_bavail} * disk.f_frsize;
    if (room < needed)
      take(fail(
          fmt::format("the journal needs {} KiB in {}, and {} KiB are free: free some of the disk's room",
                      needed / 1024, quoted(folder), room / 1024)));
  }

  void look_at_cluster(const trust::Cluster& cluster) {
    if (out_.host.empty()) return;  // named with the settings
    const auto me = std::ranges::find(cluster.hosts, out_.host, &trust::Host::name);
    for (const trust::Identity* identity :
         {&cluster.tvs[static_cast<std::size_t>(me - cluster.hosts.begin())], &cluster.tftp_ec}) {
      if (!identity->key || !crypto::check_ciphers(options_.tls_ciphers)) continue;  // named already
      auto settings = tls_settings(options_, *identity, crypto::TicketKeys::generate());
      if (!settings) {
        take(std::unexpected(settings.error()));
      } else if (auto context = crypto::TlsContext::server(*settings); !context) {
        take(std::unexpected(context.error()));
      }
    }
  }

  const Options& options_;
  std::vector<Result<FolderWatch>> watches_;  // kept: the service has both at once
  StateFindings out_;
};

std::string text_of(const StateFindings& findings) {
  return json_text(Json{{"host", findings.host},
                        {"serving", findings.serving ? Json(*findings.serving) : Json()},
                        {"problems", findings.problems}});
}

std::optional<StateFindings> from_text(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return std::nullopt;
  StateFindings out{.host = json["host"], .serving = {}, .problems = json["problems"]};
  if (!json["serving"].is_null()) out.serving = json["serving"].get<pid_t>();
  return out;
}

std::string read_all(int from) {
  std::string out;
  std::array<char, 4096> room;
  for (;;) {
    const ssize_t n = ::read(from, room.data(), room.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return out;
    out.append(room.data(), static_cast<std::size_t>(n));
  }
}

}  // namespace

StateFindings look_at_state(const Options& options) {
  auto failed = [](const char* what) {
    return StateFindings{.host = {}, .serving = {}, .problems = {fail_errno(what, errno).error().text}};
  };
  int ends[2];
  if (::pipe(ends) != 0) return failed("cannot look at the state directory");
  FileDescriptor from(ends[0]);
  FileDescriptor to(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return failed("cannot look at the state directory");
  if (child == 0) {
    // What does not get through is missed on the other side.
    (void)write_all(to.get(), as_bytes(text_of(Look(options).all())));
    ::_exit(0);
  }
  to.reset();
  const std::string text = read_all(from.get());
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (auto findings = from_text(text)) return std::move(*findings);
  return {.host = {},
          .serving = {},
          .problems = {fmt::format("looking at {} ended before its time", quoted(options.state))}};
}

}  // namespace anchord::control

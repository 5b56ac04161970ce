#include "anchord/control/explain.h"

#include <fmt/core.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <new>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "anchord/base/file.h"
#include "anchord/base/printable.h"
#include "anchord/control/start_checks.h"
#include "anchord/io/probe.h"
#include "machine/system_text.h"
#include "process/listeners.h"
#include "process/memory_plan.h"
#include "process/sizing.h"
#include "process/state_checks.h"

namespace anchord::control {
namespace {

using Json = nlohmann::ordered_json;

// Numbers in the capability sets of /proc/self/status.
constexpr unsigned kNetBindService = 10;
constexpr unsigned kNetAdmin = 12;
constexpr unsigned kLease = 28;

// Cores' worth of time that the control group may take; none when it is not limited.
std::optional<double> core_quota() {
  std::string limit =
      system_file("/sys/fs/cgroup" + word_after(system_file("/proc/self/cgroup"), "0::") + "/cpu.max");
  if (limit.empty()) limit = system_file("/sys/fs/cgroup/cpu.max");
  std::istringstream words(limit);
  double quota = 0;
  double period = 0;
  if (!(words >> quota >> period) || period <= 0) return std::nullopt;
  return quota / period;
}

bool is_capable(unsigned capability) {
  std::uint64_t set = system_number(word_after(system_file("/proc/self/status"), "CapEff:"), 16).value_or(0);
  return (set >> capability & 1) != 0;
}

struct Memory {
  std::int64_t reserved = 0;  // bytes of address space
  std::int64_t touched = 0;   // bytes of memory, without what the kernel has for itself
};

Memory operator-(const Memory& a, const Memory& b) {
  return {.reserved = a.reserved - b.reserved, .touched = a.touched - b.touched};
}

Memory of_this_process() {
  auto pages = static_cast<std::int64_t>(system_number(system_file("/proc/self/statm")).value_or(0));
  auto kib = static_cast<std::int64_t>(
      system_number(word_after(system_file("/proc/self/smaps_rollup"), "Anonymous:")).value_or(0));
  return {.reserved = pages * ::sysconf(_SC_PAGESIZE), .touched = kib * 1024};
}

class Explanation {
 public:
  Explanation(const Options& options, const std::vector<SettingInForce>& settings)
      : options_(options), shards_(shard_count(options)), one_(settings_of_shard(options, shards_)) {
    out_["version"] = ANCHORD_VERSION;
    out_["settings"] = Json::array();
    for (const SettingInForce& s : settings)
      out_["settings"].push_back({{"flag", s.flag}, {"value", s.value}, {"from", s.from}});
    look_at_settings();
    look_at_state();
    look_at_kernel();
    look_at_cores();
    choose();
    measure();
    look_at_descriptors();
    look_at_ports();
    look_at_sockets();
    look_at_rights();
    out_["problems"] = problems_;
    out_["warnings"] = warnings_;
  }

  const Json& facts() const { return out_; }

 private:
  void look_at_settings();
  void look_at_state();
  void look_at_kernel();
  void look_at_cores();
  void choose();
  void measure();
  void measure_services(io::Ring& ring, Memory before);
  void make_other_rings(const io::Waker& waker);
  void look_at_ports();
  void note_memory(const char* what, const Memory& of_one, unsigned times);
  void look_at_descriptors();
  void look_at_sockets();
  void look_at_rights();

  const Options& options_;
  unsigned shards_;
  service::ShardSettings one_;
  Json out_;
  bool serving_ = false;               // an anchord does, from the same state directory
  std::vector<std::string> problems_;  // what keeps it from starting
  std::vector<std::string> warnings_;  // what makes it slow, or less than it could be
};

void Explanation::look_at_settings() {
  for (const Refusal& refusal : refused_by_machine(options_)) problems_.push_back(refusal.text);
  for (const Refusal& refusal : refused_by_state(options_))
    if (refusal.flags.front() != "--state" || options_.state.empty()) problems_.push_back(refusal.text);
}

// With the service that is running ended, it would start: that one is told, and no problem.
void Explanation::look_at_state() {
  if (options_.state.empty()) return;
  const StateFindings found = control::look_at_state(options_);
  problems_.insert(problems_.end(), found.problems.begin(), found.problems.end());
  if (!found.host.empty()) out_["host"] = found.host;
  serving_ = found.serving.has_value();
  if (serving_)
    warnings_.push_back(
        fmt::format("an anchord (pid {}) serves from {}: end it before another start; whether ports are free "
                    "was not looked at",
                    *found.serving, quoted(options_.state)));
}

void Explanation::look_at_kernel() {
  utsname system{};
  ::uname(&system);
  Result<io::KernelSupport> kernel = io::probe_kernel();
  out_["kernel"] = {{"release", system.release},
                    {"busy_poll", kernel && kernel->busy_poll.has_value()},
                    {"huge_pages", kernel && kernel->huge_pages},
                    {"features", kernel ? kernel->lines : std::vector<std::string>{}}};
  if (!kernel) {
    problems_.push_back(kernel.error().text);
  } else if (!kernel->huge_pages) {
    warnings_.emplace_back(
        "the kernel gives no huge pages: finding a certificate among a million takes 1.3 times as long; "
        "write madvise to /sys/kernel/mm/transparent_hugepage/enabled");
  }
}

void Explanation::look_at_cores() {
  std::vector<unsigned> cores = usable_cores();
  std::optional<double> quota = core_quota();
  Json core_of_shard = Json::array();
  for (unsigned i = 0; options_.pin && !cores.empty() && i < shards_; ++i)
    core_of_shard.push_back(cores[i % cores.size()]);
  out_["cores"] = {{"usable", cores}, {"quota", quota ? Json(*quota) : Json()}};
  out_["shards"] = {{"count", shards_}, {"core_of_shard", std::move(core_of_shard)}};
  if (shards_ > cores.size() && !cores.empty())
    warnings_.push_back(
        fmt::format("{} shards share {} usable core(s): they get in each other's way; give "
                    "more cores, or --shards {}",
                    shards_, cores.size(), cores.size()));
  if (quota && *quota < shards_)
    warnings_.push_back(
        fmt::format("the control group gives {:.2f} cores' time to {} shards: all stand still "
                    "when it is used up; raise cpu.max (CPUQuota=), or lower --shards",
                    *quota, shards_));
}

void Explanation::choose() {
  out_["shards"]["each"] = {{"connections", one_.stream.max_connections},
                            {"connections_per_address", one_.stream.max_per_address},
                            {"transfers", one_.tftp.max_transfers},
                            {"unknown_devices", one_.max_unknown_devices},
                            {"ring_entries", options_.ring_entries},
                            {"tcp_buffers", options_.tcp_buffers},
                            {"udp_buffers", options_.udp_buffers},
                            {"busy_poll_us", options_.busy_poll},
                            {"transfer_sockets_per_address", Listeners::kTransferSockets}};
}

void Explanation::note_memory(const char* what, const Memory& of_one, unsigned times) {
  std::int64_t touched = std::max<std::int64_t>(0, of_one.touched) * times;
  // The allocator may have had room for a small part already.
  std::int64_t reserved = std::max(touched, of_one.reserved * times);
  Json& memory = out_["memory"];
  memory["parts"].push_back({{"part", what}, {"reserved", reserved}, {"touched", touched}});
  memory["reserved"] = memory["reserved"].get<std::int64_t>() + reserved;
  memory["touched"] = memory["touched"].get<std::int64_t>() + touched;
}

// Makes what one shard is made of. The ring is the first to be refused when a limit is
// too low for it.
void Explanation::measure() {
  out_["memory"] = {{"parts", Json::array()}, {"reserved", 0}, {"touched", 0}};
  Result<io::Waker> waker = io::Waker::create();
  if (!waker) return problems_.push_back(waker.error().text);
  try {
    Memory before = of_this_process();
    auto ring = io::Uring::create(ring_settings(options_, *waker));
    if (!ring) return problems_.push_back(ring.error().text);
    Memory after = of_this_process();
    note_memory("ring and receive buffers", after - before, shards_);
    measure_services(**ring, after);
    make_other_rings(*waker);
  } catch (const std::bad_alloc&) {
    problems_.push_back(
        "there is not enough memory for what is reserved at start: raise the limit of address "
        "space (ulimit -v), or lower --max-connections and --max-transfers");
  }
}

// Newer kernels count the memory of all rings against one limit, so that the first may be
// granted and a later one not.
void Explanation::make_other_rings(const io::Waker& waker) {
  std::vector<std::unique_ptr<io::Uring>> others;
  while (others.size() + 1 < shards_) {
    auto ring = io::Uring::create(ring_settings(options_, waker));
    if (!ring) {
      return problems_.push_back(
          fmt::format("shard {} of {}: {}", others.size() + 2, shards_, ring.error().text));
    }
    others.push_back(std::move(*ring));
  }
}

// One shard without services on TCP, then one with each. All stay until the last is
// measured, so that none is made of another's memory. What they queue on the ring is
// never submitted, so the descriptors in it are never looked at.
void Explanation::measure_services(io::Ring& ring, Memory before) {
  const std::vector<int> one_listener{-1};
  struct Part {
    const char* name;
    bool wanted;
    service::ShardSockets sockets;
  };
  std::vector<Part> parts{
      {"tftp, and what all share", true, {}},
      {"tvs", !options_.tvs_port.off(), {.tvs = one_listener}},
      {"http", !options_.http_port.off(), {.http = one_listener}},
      {"https", !options_.https_port.off(), {.https = one_listener}},
  };
  std::erase_if(parts, [](const Part& part) { return !part.wanted; });

  service::GuessGuard guard(one_.max_unknown_devices, 0);
  const Memory with_guard = of_this_process();
  note_memory("what devices were told, of all shards", with_guard - before, 1);
  before = with_guard;
  service::ViewPublisher publisher(static_cast<unsigned>(parts.size()));
  publisher.publish(std::make_unique<service::View>());
  std::vector<std::unique_ptr<service::Counters>> counters;
  std::vector<std::unique_ptr<service::ActivityLog>> logs;
  std::vector<std::unique_ptr<service::Shard>> shards;
  Memory shared;
  for (unsigned i = 0; i < parts.size(); ++i) {
    counters.push_back(std::make_unique<service::Counters>());
    logs.push_back(std::make_unique<service::ActivityLog>());
    shards.push_back(std::make_unique<service::Shard>(i, ring, one_, parts[i].sockets, publisher, guard, i,
                                                      *counters.back(), *logs.back()));
    Memory after = of_this_process();
    Memory cost = after - before;
    before = after;
    if (i == 0) shared = cost;
    note_memory(parts[i].name, i == 0 ? cost : cost - shared, shards_);
  }
}

void Explanation::look_at_descriptors() {
  std::size_t needed = descriptors_needed(options_, shards_);
  std::size_t allowed = io::raise_descriptor_limit();
  rlimit locked{};
  ::getrlimit(RLIMIT_MEMLOCK, &locked);
  bool unlimited = locked.rlim_cur == RLIM_INFINITY;
  out_["limits"] = {{"descriptors_needed", needed},
                    {"descriptors_allowed", allowed},
                    {"locked_memory", unlimited ? Json() : Json(locked.rlim_cur)}};
  if (Status enough = check_descriptors(options_, shards_); !enough) problems_.push_back(enough.error().text);
  const MemoryNeed need = memory_needed(options_, shards_);
  out_["limits"]["memory_needed"] = {{"address_space", need.address_space}, {"used", need.used}};
  if (auto plan = plan_memory(memory_limits(options_), need)) {
    out_["limits"]["memory_limit"] = plan->limit.bytes;
    out_["limits"]["memory_limited_by"] = plan->limit.name;
    out_["limits"]["memory_for_files"] = plan->files;
  }
  const std::uint64_t memory = machine_memory();
  out_["limits"]["memory"] = memory;
  if (options_.max_folder_size > memory)
    warnings_.push_back(
        fmt::format("--max-folder-size allows {} of files, which are held in memory, and this "
                    "machine has {}",
                    size_text(options_.max_folder_size), size_text(memory)));
}

// Ports that a service from the same state directory has are its, and free once it has ended.
void Explanation::look_at_ports() {
  if (serving_) return;
  const std::vector<std::string> taken = Listeners::problems(options_);
  problems_.insert(problems_.end(), taken.begin(), taken.end());
}

void Explanation::look_at_sockets() {
  Json& limits = out_["limits"];
  auto backlog = static_cast<int>(
      system_number(system_file("/proc/sys/net/core/somaxconn")).value_or(service::kBacklog));
  limits["backlog_wanted"] = service::kBacklog;
  limits["backlog_given"] = std::min(backlog, service::kBacklog);
  if (backlog < service::kBacklog)
    warnings_.push_back(
        fmt::format("the kernel lets {} connections wait instead of {}: when many phones boot "
                    "at once some are refused; raise net.core.somaxconn",
                    backlog, service::kBacklog));
  if (options_.tftp_port.off()) return;
  // What a socket really gets depends on the two limits and on CAP_NET_ADMIN.
  auto given = [](int asked, int which) {
    auto socket = io::bind_udp({.host = *io::parse_host("127.0.0.1")}, asked, false);
    int doubled = 0;
    socklen_t length = sizeof doubled;
    if (socket) ::getsockopt(socket->get(), SOL_SOCKET, which, &doubled, &length);
    return doubled / 2;
  };
  int requests = given(kRequestBuffer, SO_RCVBUF);
  int transfers = given(kTransferBuffer, SO_SNDBUF);
  limits["udp_receive_wanted"] = kRequestBuffer;
  limits["udp_receive_given"] = requests;
  limits["udp_send_wanted"] = kTransferBuffer;
  limits["udp_send_given"] = transfers;
  if (requests < kRequestBuffer)
    warnings_.push_back(
        fmt::format("TFTP: the kernel gives {} bytes for waiting requests instead of {}: when "
                    "many phones boot at once some will have to ask again; raise "
                    "net.core.rmem_max, or give CAP_NET_ADMIN",
                    requests, kRequestBuffer));
  if (transfers < kTransferBuffer)
    warnings_.push_back(
        fmt::format("TFTP: the kernel gives {} bytes for windows on their way instead of {}: "
                    "many at once wait for each other; raise net.core.wmem_max, or give "
                    "CAP_NET_ADMIN",
                    transfers, kTransferBuffer));
}

void Explanation::look_at_rights() {
  // Dropping privileges gives up what root had, once the ports are bound.
  bool lease = is_capable(kLease) && options_.user.empty();
  out_["limits"]["capabilities"] = {{"CAP_NET_BIND_SERVICE", is_capable(kNetBindService)},
                                    {"CAP_NET_ADMIN", is_capable(kNetAdmin)},
                                    {"CAP_LEASE", lease}};
  if (!lease)
    warnings_.emplace_back(
        "without CAP_LEASE a file in the provisioning folder that belongs to another user is "
        "taken only when it has been left alone for 0.3 s (AmbientCapabilities=CAP_LEASE)");
}

void write_settings(std::string& out, const Json& facts) {
  out += "\nsettings\n";
  for (const Json& s : facts["settings"]) {
    auto value = s["value"].get<std::string>();
    out += fmt::format("  {:<20} {:<13} {}\n", s["flag"].get<std::string>(), s["from"].get<std::string>(),
                       value.empty() ? "-" : value);
  }
}

void write_list(std::string& out, const char* title, const Json& lines) {
  out += fmt::format("\n{}\n", title);
  if (lines.empty()) out += "  none\n";
  for (const Json& line : lines) out += fmt::format("  {}\n", line.get<std::string>());
}

void write_chosen(std::string& out, const Json& facts) {
  const Json& shards = facts["shards"];
  out += fmt::format("\nchosen\n  shards: {}, of {} usable core(s)\n", shards["count"].get<unsigned>(),
                     facts["cores"]["usable"].size());
  const Json& pinned = shards["core_of_shard"];
  if (pinned.empty()) out += "  pinned: no, shards run on any core\n";
  for (std::size_t i = 0; i < pinned.size(); ++i)
    out += fmt::format("  pinned: shard {} to core {}\n", i, pinned[i].get<unsigned>());
  const Json& each = shards["each"];
  auto count = [&](const char* name) { return each[name].get<std::uint64_t>(); };
  out += fmt::format("  each shard: {} connections for each service on TCP, {} of them from one address\n",
                     count("connections"), count("connections_per_address"));
  out += fmt::format("  each shard: {} TFTP transfers, over {} sockets for each address\n",
                     count("transfers"), count("transfer_sockets_per_address"));
  out += fmt::format("  each shard: {} operations queued, {} receive buffers for TCP, {} for UDP\n",
                     count("ring_entries"), count("tcp_buffers"), count("udp_buffers"));
  if (count("busy_poll_us") == 0) {
    out += "  each shard: sleeps at once when there is nothing to do\n";
  } else {
    out +=
        fmt::format("  each shard: polls network queues for {} us before it sleeps\n", count("busy_poll_us"));
  }
}

void write_memory(std::string& out, const Json& memory) {
  out += fmt::format("\nmemory of all shards at start\n  {:<26} {:>12} {:>12}\n", "", "reserved", "in use");
  auto row = [&](const std::string& name, const Json& part) {
    out += fmt::format("  {:<26} {:>12} {:>12}\n", name, size_text(part["reserved"].get<std::uint64_t>()),
                       size_text(part["touched"].get<std::uint64_t>()));
  };
  for (const Json& part : memory["parts"]) row(part["part"].get<std::string>(), part);
  row("total", memory);
}

void write_limits(std::string& out, const Json& limits) {
  auto value = [&](const char* name) { return limits[name].get<std::uint64_t>(); };
  out += fmt::format("\nlimits\n  open files: {} needed, {} allowed\n", value("descriptors_needed"),
                     value("descriptors_allowed"));
  out += fmt::format("  locked memory: {}\n",
                     limits["locked_memory"].is_null() ? "not limited" : size_text(value("locked_memory")));
  out += fmt::format("  memory: {}\n", size_text(value("memory")));
  if (limits.contains("memory_for_files"))
    out += fmt::format("  memory for files: {}, of {} ({})\n", size_text(value("memory_for_files")),
                       size_text(value("memory_limit")), limits["memory_limited_by"].get<std::string>());
  out += fmt::format("  connections that wait: {} wanted, {} given\n", value("backlog_wanted"),
                     value("backlog_given"));
  if (limits.contains("udp_receive_wanted")) {
    out += fmt::format("  UDP receive buffer: {} wanted, {} given\n", size_text(value("udp_receive_wanted")),
                       size_text(value("udp_receive_given")));
    out += fmt::format("  UDP send buffer: {} wanted, {} given\n", size_text(value("udp_send_wanted")),
                       size_text(value("udp_send_given")));
  }
  for (const auto& [name, has] : limits["capabilities"].items())
    out += fmt::format("  {}: {}\n", name, has.get<bool>() ? "yes" : "no");
}

}  // namespace

Explained explain(const Options& options, const std::vector<SettingInForce>& settings, bool as_json) {
  const Explanation explanation(options, settings);
  const Json& facts = explanation.facts();
  const bool starts = facts["problems"].empty();
  if (as_json) return {json_text(facts, 2) + "\n", starts};
  std::string out = fmt::format("anchord {}\n", facts["version"].get<std::string>());
  write_settings(out, facts);
  write_list(out, fmt::format("kernel {}", facts["kernel"]["release"].get<std::string>()).c_str(),
             facts["kernel"]["features"]);
  write_chosen(out, facts);
  write_memory(out, facts["memory"]);
  write_limits(out, facts["limits"]);
  write_list(out, "keeps it from starting", facts["problems"]);
  write_list(out, "makes it slower, or less than it could be", facts["warnings"]);
  return {printable_lines(out), starts};
}

}  // namespace anchord::control

#include "process/memory_plan.h"

#include <fmt/core.h>
#include <sys/resource.h>

#include <algorithm>
#include <sstream>

#include "anchord/admin/server.h"
#include "machine/system_text.h"
#include "process/sizing.h"

namespace anchord::control {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

// As --explain measures them, and a little more. Of a slot most is address space that is used only
// while its connection has something to say.
constexpr std::uint64_t kTvsSlot = 66'500;
constexpr std::uint64_t kHttpSlot = 17'500;
constexpr std::uint64_t kHttpsSlot = 54'500;
constexpr std::uint64_t kSlotUsed = 900;
constexpr std::uint64_t kTransfer = 450;
constexpr std::uint64_t kTcpBuffer = 16 * 1024;
constexpr std::uint64_t kUdpBuffer = 2 * 1024;
constexpr std::uint64_t kRingEntry = 512;
// What devices were told, journals and logs.
constexpr std::uint64_t kShard = 20 * kMiB;
constexpr std::uint64_t kShardUsed = 6 * kMiB;
// Programs and libraries, the store, the lists.
constexpr std::uint64_t kProcess = 48 * kMiB;
constexpr std::uint64_t kProcessUsed = 24 * kMiB;
// Beside the shards' and the helpers' threads: the first, the start's, the provisioner's, the ledger's.
constexpr std::uint64_t kOtherThreads = 4;
// Where the limit of a stack is infinite, the library chooses.
constexpr std::uint64_t kUnlimitedStack = 2 * kMiB;
// A limit that is none.
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 60;

// The limits of a control group and of those above it, of which each holds.
std::optional<std::uint64_t> least_above(const std::filesystem::path& mount, std::filesystem::path group,
                                         const char* file) {
  std::optional<std::uint64_t> least;
  for (group = group.relative_path();; group = group.parent_path()) {
    auto limit = system_number(system_file(mount / group / file));
    if (limit && *limit < kNoLimit) least = std::min(least.value_or(*limit), *limit);
    if (group.empty()) return least;
  }
}

std::uint64_t stack_size() {
  rlimit stack{};
  ::getrlimit(RLIMIT_STACK, &stack);
  return stack.rlim_cur == RLIM_INFINITY ? kUnlimitedStack : stack.rlim_cur;
}

}  // namespace

std::optional<std::uint64_t> group_limit(const std::string& groups, const std::filesystem::path& mount) {
  std::optional<std::uint64_t> least;
  auto take = [&](std::optional<std::uint64_t> limit) {
    if (limit) least = std::min(least.value_or(*limit), *limit);
  };
  std::istringstream lines(groups);
  // "0::/GROUP", and with the first version "4:memory:/GROUP", where others may share the line.
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string group = line.substr(second + 1);
    if (controllers == ",,") take(least_above(mount, group, "memory.max"));
    if (controllers.contains(",memory,")) take(least_above(mount / "memory", group, "memory.limit_in_bytes"));
  }
  return least;
}

std::vector<MemoryLimit> memory_limits(const Options& options) {
  std::vector<MemoryLimit> out;
  if (options.max_memory > 0)
    out.push_back({.bytes = options.max_memory, .name = "--max-memory", .remedy = "raise --max-memory"});
  out.push_back({.bytes = machine_memory(), .name = "this machine's memory", .remedy = "give it more"});
  if (auto group = group_limit(system_file("/proc/self/cgroup"), "/sys/fs/cgroup"))
    out.push_back(
        {.bytes = *group, .name = "the control group's memory", .remedy = "raise memory.max (MemoryMax=)"});
  auto add = [&](int which, const char* name, const char* remedy) {
    rlimit limit{};
    if (::getrlimit(static_cast<__rlimit_resource>(which), &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
      return;
    out.push_back({.bytes = limit.rlim_cur, .of_address_space = true, .name = name, .remedy = remedy});
  };
  add(RLIMIT_AS, "RLIMIT_AS", "raise the limit (ulimit -v, LimitAS=)");
  add(RLIMIT_DATA, "RLIMIT_DATA", "raise the limit (ulimit -d, LimitDATA=)");
  return out;
}

MemoryNeed memory_needed(const Options& options, unsigned shards) {
  const service::ShardSettings one = settings_of_shard(options, shards);
  const std::uint64_t slots = one.stream.max_connections + service::kSpareConnections;
  const std::uint64_t ring =
      options.tcp_buffers * kTcpBuffer + options.udp_buffers * kUdpBuffer + options.ring_entries * kRingEntry;
  const std::uint64_t transfers = one.tftp.max_transfers * kTransfer;
  MemoryNeed shard{.address_space = kShard + ring + transfers, .used = kShardUsed + ring + transfers};
  auto add = [&](const PortChoice& port, std::uint64_t slot) {
    if (port.off()) return;
    shard.address_space += slots * slot;
    shard.used += slots * kSlotUsed;
  };
  add(options.tvs_port, kTvsSlot);
  add(options.http_port, kHttpSlot);
  add(options.https_port, kHttpsSlot);
  const std::uint64_t threads = shards + usable_cores().size() + kOtherThreads;
  const std::uint64_t admin = options.admin ? admin::Server::memory() + stack_size() : 0;
  return {.address_space = kProcess + shards * shard.address_space + threads * stack_size() + admin,
          .used = kProcessUsed + shards * shard.used + (options.admin ? admin::Server::memory() : 0)};
}

Result<MemoryPlan> plan_memory(const std::vector<MemoryLimit>& limits, const MemoryNeed& need) {
  MemoryPlan out{.limit = {}, .needed = 0, .files = kNoLimit};
  for (const MemoryLimit& limit : limits) {
    const std::uint64_t needed = limit.of_address_space ? need.address_space : need.used;
    // What allocators have freed keeps its address space.
    const std::uint64_t times = limit.of_address_space ? 2 : 1;
    const std::uint64_t least = needed + kLeastForFiles * kFilesOf / kFilesPart * times;
    if (limit.bytes < least)
      return fail(fmt::format(
          "there is not enough memory: a start with these settings needs {}{}, and {} is {}: {}, or lower "
          "--max-connections, --max-transfers or --shards",
          size_text(least), limit.of_address_space ? " of address space" : "", limit.name,
          size_text(limit.bytes), limit.remedy));
    const std::uint64_t files = (limit.bytes - needed) / kFilesOf * kFilesPart / times;
    if (files < out.files) out = {.limit = limit, .needed = needed, .files = files};
  }
  return out;
}

}  // namespace anchord::control

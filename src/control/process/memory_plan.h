// How much memory files may take: what the machine, its limits and the operator leave, less what the
// service needs for itself. Known before anything is read, so that a file that does not fit is refused
// and a start that does not fit says what it needs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "anchord/base/error.h"
#include "anchord/control/options.h"

namespace anchord::control {

// Bytes. What counts for a limit is address space, or only what is really used.
struct MemoryLimit {
  std::uint64_t bytes = 0;
  bool of_address_space = false;
  std::string name;    // "RLIMIT_AS"
  std::string remedy;  // how it is raised
};

struct MemoryNeed {
  std::uint64_t address_space = 0;
  std::uint64_t used = 0;
};

struct MemoryPlan {
  MemoryLimit limit;         // the one that leaves least
  std::uint64_t needed = 0;  // of it, by the service itself
  std::uint64_t files = 0;   // of it, for files: the budget
};

// What files get of what is left: the rest is for connections, and for what allocators round up.
constexpr std::uint64_t kFilesPart = 3;
constexpr std::uint64_t kFilesOf = 4;
// With less nothing could be served.
constexpr std::uint64_t kLeastForFiles = std::uint64_t{8} << 20;

// The least that the control groups of `groups` (as /proc/self/cgroup lists them) and those above
// them allow; `mount` is where their files are. None: nothing is limited.
std::optional<std::uint64_t> group_limit(const std::string& groups, const std::filesystem::path& mount);

// All there are here: --max-memory, the machine's memory, the control group's, RLIMIT_AS and
// RLIMIT_DATA.
std::vector<MemoryLimit> memory_limits(const Options& options);

// What a start with these options takes without files, rather more than less.
MemoryNeed memory_needed(const Options& options, unsigned shards);

// Fails, saying what is needed, when it does not fit one of them.
Result<MemoryPlan> plan_memory(const std::vector<MemoryLimit>& limits, const MemoryNeed& need);

}  // namespace anchord::control

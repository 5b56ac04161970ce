// Goes through a state directory's files as a backup holds them, without being led out of it.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "anchord/base/error.h"
#include "backup/archive.h"

namespace anchord::store {

struct Found {
  Entry entry;
  int folder = -1;  // open, and `name` is in it
  std::string name;
};

// What a backup cannot hold below provisioning/, devices/ and last-good/: symbolic links,
// sockets, names that are too long.
struct Skipped {
  static constexpr std::size_t kNamed = 20;
  std::size_t count = 0;
  std::vector<std::string> first;

  void add(const std::string& path) {
    if (count++ < kNamed) first.push_back(path);
  }
};

using WantedAtTop = std::function<bool(std::string_view name)>;
using Visit = std::function<Status(const Found& found)>;

// In the order of the names, folders before what is in them. provisioning/, devices/ and
// last-good/ themselves may be symbolic links. What is gone by the time it is looked at was
// never there.
Status walk_state(const std::filesystem::path& directory, const WantedAtTop& wanted, const Visit& visit,
                  Skipped& skipped);

}  // namespace anchord::store

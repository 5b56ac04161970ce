// A state directory, looked at without changing anything: for those who want to know beforehand
// what Store::open() and Store::load() would say.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "anchord/base/error.h"
#include "anchord/trust/cluster.h"

namespace anchord::store {

struct Inspected {
  // With the keys that can be used. Nothing when that cannot be told without changing anything: the
  // store is an older version's, which Store::open() brings to the present one first.
  std::optional<trust::Cluster> cluster;
  std::vector<std::string> problems;  // one line for each key that cannot be used, with the remedy
};

// Fails as Store::open() and load() do, with one line for an administrator. Reads the whole database.
Result<Inspected> inspect(const std::filesystem::path& directory);

}  // namespace anchord::store

// The cluster's hosts, read without changing anything: for those who only look. A store of
// an older version stays one, which Store::open() would bring to the present version.
#pragma once

#include <filesystem>
#include <vector>

#include "anchord/base/error.h"
#include "anchord/trust/cluster.h"

namespace anchord::store {

// Fails as Store::open() does, with one line for an administrator.
Result<std::vector<trust::Host>> read_hosts(const std::filesystem::path& directory);

}  // namespace anchord::store

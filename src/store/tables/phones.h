// The table of phones, in the open transaction.
#pragma once

#include <vector>

#include "anchord/base/error.h"
#include "anchord/trust/cluster.h"
#include "database/sqlite.h"

namespace anchord::store {

Result<std::vector<trust::Phone>> read_phones(Database& database);  // by name

}  // namespace anchord::store

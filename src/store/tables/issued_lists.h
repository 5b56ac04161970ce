// The tables of the lists that were issued, in the open transaction.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "anchord/base/bytes.h"
#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/store/issued_lists.h"
#include "anchord/trust/belief.h"
#include "database/sqlite.h"

namespace anchord::store {

// The file table's version of a list: of its bytes, whatever their name.
trust::ListVersion version_of_list(Bytes content);

// Keeps a list that phones are given from now on. What is old goes.
Status keep_issued_list(Database& database, std::string_view name, Bytes content, UnixSeconds built_at);

// Keeps the list unless its bytes are kept already, under whatever name: thousands of phones may
// have the same. Its version.
Result<trust::ListVersion> keep_once(Database& database, std::string_view name, Bytes content,
                                     UnixSeconds now);

// As own_list_versions().
Result<std::map<std::string, trust::ListVersion>> read_own_lists(Database& database);

// Puts every list that is kept and not there yet on the shelf.
Status fill_shelf(Database& database, trust::ListShelf& shelf);

}  // namespace anchord::store

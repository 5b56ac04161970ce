// Which of the certificates that are not the cluster's own have changed: written by the
// database itself (kChangeLog in schema.h), whoever changes them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "anchord/store/store.h"
#include "database/sqlite.h"

namespace anchord::store {

// Makes the log, empty, unless all of it is there.
Status ensure_change_log(Database& database);

// Where the log ends, in the state that is being read; none where there is no log.
Result<ChangeMark> end_of_changes(Database& database);

// The SHA-256 of what has changed between the marks, each once, whether or not it is still
// there; `to` is end_of_changes(). nullopt: the log does not say, since it began anew, is of
// another database or has forgotten.
Result<std::optional<std::vector<std::string>>> changes_between(Database& database, const ChangeMark& from,
                                                                const ChangeMark& to);

}  // namespace anchord::store

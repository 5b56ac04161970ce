// The audit's lines, written in the open transaction.
#pragma once

#include <string_view>

#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "database/sqlite.h"

namespace anchord::store {

// Says who changed what. For a change to what Store::load() gives use note_change(), which moves the
// change counter, too.
Status note_audit(Database& database, std::string_view what, bool forced = false,
                  UnixSeconds when = calendar_now());
Status note_change(Database& database, std::string_view what, bool forced = false,
                   UnixSeconds when = calendar_now());

}  // namespace anchord::store

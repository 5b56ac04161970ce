// The open store, as the functions of this module see it.
#pragma once

#include <filesystem>
#include <memory>

#include "anchord/trust/belief.h"
#include "database/sqlite.h"

namespace anchord::store {

class EngineLink;

// Store owns one and lends it as Store::session(). Programs know this type by its name only, so that they
// reach the database by nothing but the module's functions.
struct Session {
  std::filesystem::path directory;
  Database database;
  std::shared_ptr<EngineLink> link = {};  // where the state is a replica; replica/link.h has it opened
  trust::ListShelf shelf = {};            // what the ledger's beliefs are judged with
};

}  // namespace anchord::store

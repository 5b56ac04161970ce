// What commands that were killed have left behind: folders with keys in them.
#pragma once

#include <filesystem>
#include <vector>

namespace anchord::store {

// Removes what nobody uses any more: of restores beside the state directory and in it, of backups
// in it, of looks at backups and at read-only state where temporary files are. Gives what cannot
// be removed. What a running command uses stays.
std::vector<std::filesystem::path> remove_leftovers(const std::filesystem::path& state);

}  // namespace anchord::store

// The state directory with what is in it: that it is ours alone, before anything of it is used.
#pragma once

#include <cstddef>
#include <filesystem>

#include "anchord/base/trusted_folder.h"

namespace anchord::store {

constexpr char kDatabaseName[] = "anchord.db";

// Fails with one line and the remedy where the directory, what is above it, a folder in it or
// one of the database's files is somebody else's, or can be turned to something else by others.
Result<TrustedFolder> open_state(const std::filesystem::path& directory);

// As SQLite does with its own files: what root makes must not lock the service out. `file` gets
// the owner of `model`.
Status give_to_owner(const std::filesystem::path& file, const std::filesystem::path& model);

constexpr std::size_t kMaxKeyFile = 16 * 1024;  // bytes

// Beside the private keys: what seals those that were replaced.
constexpr char kFormerKeysFile[] = "former.sealing";

// Where the private keys' files are.
std::filesystem::path key_folder(const std::filesystem::path& directory);

// It, opened.
Result<TrustedFolder> open_keys(const std::filesystem::path& directory);

}  // namespace anchord::store

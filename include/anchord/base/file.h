// Whole files, read with a limit and replaced in one step.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "anchord/base/bytes.h"
#include "anchord/base/error.h"

namespace anchord {

// The path in quotes, as errors name it.
std::string quoted(const std::filesystem::path& path);
// For text that names a file. std::quoted(), which <iomanip> brings and texts find, is not meant.
std::string quoted(const std::string& path);

// Fails, naming the file and the limit, when it holds more than `limit` bytes.
Result<Buffer> read_file(const std::filesystem::path& path, std::size_t limit);
// The same of one that is open; `path` is for the error.
Result<Buffer> read_descriptor(int file, const std::filesystem::path& path, std::size_t limit);

// Writes all of it to an open file. 0, or what errno said.
int write_all(int file, Bytes content);

// Reads until there is no more room or no more to read: how many bytes there were, or -1 and errno.
ssize_t read_fully(int file, MutableBytes room);

// Has new names in a folder survive a power cut. There is nothing to be done where it fails.
void sync_folder(const std::filesystem::path& folder);

// Writes aside in the same folder, syncs, and renames over `path`: at any moment
// there is either the old file or the new one, never a part. `mode` as chmod.
Status write_file(const std::filesystem::path& path, Bytes content, unsigned mode);

// Whether a name is of a file that write_file() writes aside: with nobody who writes, one that a
// kill has left.
bool is_written_aside(std::string_view name);

}  // namespace anchord

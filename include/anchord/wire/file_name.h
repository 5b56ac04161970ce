// The name of a file in what a peer asks for, which looks like a path and is none.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace anchord::wire {

// `path` as files are named: without slashes in front, repeated slashes and "." parts,
// all of which firmware that glues paths together sends. In `room`, where `path` itself
// may lie, at its front. None when it can be no file's: a folder (nothing left, or a
// slash or a "." at its end), a ".." part, or more bytes than `room` has.
std::optional<std::string_view> plain_file_name(std::string_view path, std::span<char> room);

}  // namespace anchord::wire

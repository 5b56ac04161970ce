// What the kernel says of a process in the small files of /proc and /sys, and how sizes are told.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace anchord::control {

// A small file of /proc or /sys; empty when there is none.
std::string system_file(const std::filesystem::path& path);

// The word behind `key` at the beginning of a line; empty when there is none.
std::string word_after(const std::string& text, const std::string& key);

// The number at the beginning of a text.
std::optional<std::uint64_t> system_number(std::string_view text, int base = 10);

// Bytes of memory that this machine has.
std::uint64_t machine_memory();

// "1.5 MiB"
std::string size_text(std::uint64_t bytes);

}  // namespace anchord::control

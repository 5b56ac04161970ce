#include "machine/system_text.h"

#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <sstream>

#include "anchord/base/file.h"

namespace anchord::control {

std::string system_file(const std::filesystem::path& path) {
  auto content = read_file(path, std::size_t{1} << 20);
  if (!content) return {};
  return {content->begin(), content->end()};
}

std::string word_after(const std::string& text, const std::string& key) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(key)) continue;
    std::istringstream words(line.substr(key.size()));
    std::string word;
    words >> word;
    return word;
  }
  return {};
}

std::optional<std::uint64_t> system_number(std::string_view text, int base) {
  std::uint64_t out = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  if (error != std::errc{} || end == text.data()) return std::nullopt;
  return out;
}

std::uint64_t machine_memory() {
  return static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
         static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::array kUnits{"bytes", "KiB", "MiB", "GiB", "TiB"};
  double amount = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; amount >= 1024 && unit + 1 < kUnits.size(); ++unit) amount /= 1024;
  return unit == 0 ? fmt::format("{} bytes", bytes) : fmt::format("{:.1f} {}", amount, kUnits[unit]);
}

}  // namespace anchord::control

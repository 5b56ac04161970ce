#include "render/output.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>

namespace anchord::ctl {
namespace {

std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

void print_padded(std::string_view text, std::size_t columns) {
  print(text);
  print(std::string(columns - std::min(columns, width(text)), ' '));
}

void print_to_error(std::string_view text) {
  print_aside("anchorctl: " + printable(text) + "\n");
}

}  // namespace

void print_aside(std::string_view text) {
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
  (void)std::fflush(stderr);
}

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void print_line(std::string_view text) {
  print(printable(text));
  print("\n");
}

void print_json(const Json& document) {
  print(json_text(document, 2));
  print("\n");
}

void warn(std::string_view text) {
  print_to_error(fmt::format("warning: {}", text));
}
void print_error(std::string_view text) {
  print_to_error(text);
}

void print_facts(const std::vector<std::pair<std::string, std::string>>& facts) {
  std::size_t columns = 0;
  for (const auto& [name, value] : facts) columns = std::max(columns, width(name));
  for (const auto& [name, value] : facts) {
    print_padded(name, columns + 2);
    print_line(value);
  }
}

void print_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> columns;
  for (const auto& row : rows) {
    columns.resize(std::max(columns.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) columns[i] = std::max(columns[i], width(printable(row[i])));
  }
  for (const auto& row : rows) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) print_padded(printable(row[i]), columns[i] + 2);
    if (!row.empty()) print_line(row.back());
  }
}

bool output_arrived() {
  return std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
}

}  // namespace anchord::ctl

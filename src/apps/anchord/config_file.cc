#include "config_file.h"

#include <set>
#include <sstream>

#include "anchord/base/file.h"
#include "flags.h"

namespace anchord::app {
namespace {

constexpr std::size_t kMaxConfig = std::size_t{1} << 20;

struct Line {
  std::size_t number = 0;
  std::string text;
};

// An array may go over several lines: it counts as the one where it begins.
std::vector<Line> lines_of(std::istream& in) {
  std::vector<Line> out;
  std::size_t number = 0;
  for (std::string text; std::getline(in, text);) {
    ++number;
    CLI::detail::trim(text);
    if (text.empty() || text.front() == '#' || text.front() == ';') continue;
    Line line{number, text};
    const std::size_t value = text.find_first_not_of(" \t", text.find('=') + 1);
    const bool is_array =
        text.find('=') != std::string::npos && value != std::string::npos && text[value] == '[';
    for (std::string more; is_array && line.text.find(']') == std::string::npos && std::getline(in, more);) {
      ++number;
      line.text += '\n' + more;
    }
    out.push_back(std::move(line));
  }
  return out;
}

// What is wrong with one setting by itself; empty: nothing.
std::string mistake_in(const std::string& text) {
  if (text.front() == '[') return "there are no sections: '" + text + "'";
  CLI::App app;
  Flags flags;
  define(app, flags);
  app.get_option("--state")->required(false);
  std::istringstream in(text + "\n");
  try {
    app.parse_from_stream(in);
  } catch (const CLI::ParseError& error) {
    return text_of(error);
  }
  auto options = options_from(flags);
  return options ? std::string() : options.error().text;
}

std::string name_in(const std::string& text) {
  std::string name = text.substr(0, text.find('='));
  return CLI::detail::trim(name);
}

}  // namespace

Result<ConfigCheck> check_config(const std::string& file) {
  auto content = read_file(file, kMaxConfig);
  if (!content) return std::unexpected(std::move(content.error()));
  std::istringstream in(std::string(content->begin(), content->end()));
  ConfigCheck out;
  std::set<std::string> seen;
  for (const Line& line : lines_of(in)) {
    std::string mistake = mistake_in(line.text);
    if (mistake.empty() && !seen.insert(name_in(line.text)).second)
      mistake = "'" + name_in(line.text) + "' is set a second time";
    ++out.settings;
    if (!mistake.empty()) out.problems.push_back(file + ":" + std::to_string(line.number) + ": " + mistake);
  }
  return out;
}

}  // namespace anchord::app

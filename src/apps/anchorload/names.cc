#include "names.h"

#include <fmt/core.h>

#include <charconv>

#include "anchord/wire/tftp.h"

namespace anchord::load {
namespace {

bool parse_hex(std::string_view text, std::uint64_t& value) {
  auto [at, problem] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return problem == std::errc{} && at == text.data() + text.size();
}

}  // namespace

Result<FileNames::Pattern> FileNames::parse_one(std::string_view text) {
  const auto open = text.find('{');
  if (open == std::string_view::npos) return Pattern{.before = std::string(text)};
  const auto dots = text.find("..", open);
  const auto close = text.find('}', open);
  if (dots == std::string_view::npos || close == std::string_view::npos || dots > close ||
      text.find('{', close) != std::string_view::npos) {
    return fail(fmt::format("--file {}: a range is written once, as {{0000..00FF}}", text));
  }
  const std::string_view first = text.substr(open + 1, dots - open - 1);
  const std::string_view last = text.substr(dots + 2, close - dots - 2);
  Pattern out{.before = std::string(text.substr(0, open)), .after = std::string(text.substr(close + 1))};
  std::uint64_t end = 0;
  if (first.size() != last.size() || !parse_hex(first, out.first) || !parse_hex(last, end) ||
      end < out.first || end - out.first >= kMaxNames) {
    return fail(
        fmt::format("--file {}: a range goes from one hexadecimal number up to another of the same "
                    "length, {} names at the most",
                    text, kMaxNames));
  }
  out.count = end - out.first + 1;
  out.digits = static_cast<int>(first.size());
  return out;
}

Result<FileNames> FileNames::parse(const std::vector<std::string>& texts) {
  FileNames out;
  for (const std::string& text : texts) {
    ANCHORD_TRY_ASSIGN(auto pattern, parse_one(text));
    out.count_ += pattern.count;
    out.patterns_.push_back(std::move(pattern));
    const std::size_t length = out.name(out.count_ - 1).size();
    if (length == 0 || length > wire::kMaxTftpFileName) {
      return fail(fmt::format("--file {}: a name has 1 to {} bytes", text, wire::kMaxTftpFileName));
    }
  }
  if (out.count_ > kMaxNames) return fail(fmt::format("--file: more than {} names", kMaxNames));
  return out;
}

std::string FileNames::name(std::uint64_t number) const {
  for (const Pattern& p : patterns_) {
    if (number >= p.count) {
      number -= p.count;
    } else if (p.digits == 0) {
      return p.before;
    } else {
      return fmt::format("{}{:0{}X}{}", p.before, p.first + number, p.digits, p.after);
    }
  }
  return {};
}

}  // namespace anchord::load

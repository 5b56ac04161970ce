#include "anchord/base/reader.h"

#include <algorithm>

namespace anchord {

std::string ParseError::text() const {
  return "item '" + std::string(item) + "' at offset " + std::to_string(offset) + ": " + problem;
}

std::string_view Reader::text_until_nul(const char* item) {
  if (!ok()) return {};
  Bytes remaining = input_.subspan(at_);
  auto nul = std::ranges::find(remaining, std::uint8_t{0});
  if (nul == remaining.end()) {
    fail(item, "is not ended by a NUL");
    return {};
  }
  auto length = static_cast<std::size_t>(nul - remaining.begin());
  at_ += length + 1;
  return as_text(remaining.first(length));
}

Reader Reader::part(std::size_t count, const char* item) {
  std::size_t begin = offset();
  Reader out(take(count, item), begin);
  if (!ok()) out.error_ = error_;
  return out;
}

void Reader::expect_end(const char* item) {
  if (ok() && at_ != input_.size()) fail(item, "is followed by bytes that do not belong to it");
}

void Reader::fail_at(const char* item, const char* problem, std::size_t offset) {
  if (ok()) error_ = {.item = item, .problem = problem, .offset = offset};
}

void Reader::adopt(const Reader& part) {
  if (ok() && !part.ok()) error_ = part.error_;
}

}  // namespace anchord

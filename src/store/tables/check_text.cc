#include "tables/check_text.h"

#include <fmt/core.h>

namespace anchord::store {

Status check_text(std::string_view what, std::string_view text) {
  if (text.size() > kMaxNameValue)
    return fail(fmt::format("the {} is longer than {} bytes: shorten it", what, kMaxNameValue));
  for (char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return fail(fmt::format("the {} has a control character in it: leave it out", what));
  return {};
}

}  // namespace anchord::store

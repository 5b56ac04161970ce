#include "failure.h"

#include "anchord/base/printable.h"

namespace anchord::load {

std::string shown(std::string_view text) {
  constexpr std::size_t kLongest = 100;
  return printable(text.substr(0, kLongest));
}

}  // namespace anchord::load

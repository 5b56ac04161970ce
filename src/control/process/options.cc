#include "anchord/control/options.h"

#include <charconv>

namespace anchord::control {

Result<PortChoice> parse_port(std::string_view text) {
  if (text == "auto") return PortChoice{.automatic = true};
  PortChoice out;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out.number);
  if (error != std::errc{} || end != text.data() + text.size())
    return fail("port '" + std::string(text) + "' is not a number from 0 to 65535, nor auto");
  return out;
}

}  // namespace anchord::control

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

Result<AdminAddress> parse_admin(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  std::string_view host = text.substr(0, colon);
  const bool in_brackets = host.starts_with('[') && host.ends_with(']');
  if (in_brackets) host = host.substr(1, host.size() - 2);
  auto parsed = io::parse_host(host);
  // An IPv6 address without brackets would have its last part taken for the port.
  if (colon == text.npos || !parsed || (!in_brackets && !parsed->is_v4()))
    return fail("'" + std::string(text) +
                "' is no address and port: give it as 127.0.0.1:9445, [::1]:9445 or "
                "127.0.0.1:auto");
  ANCHORD_TRY_ASSIGN(const PortChoice port, parse_port(text.substr(colon + 1)));
  if (port.off())
    return fail("'" + std::string(text) + "' has port 0: give one from 1 to 65535, or auto for a free one");
  return AdminAddress{*parsed, port};
}

}  // namespace anchord::control

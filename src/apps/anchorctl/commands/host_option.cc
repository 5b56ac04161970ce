#include "commands/host_option.h"

#include <algorithm>
#include <ranges>
#include <string_view>

#include "commands/session.h"

namespace anchord::ctl {

trust::Host host_from_text(const std::string& option, const std::string& text) {
  const std::size_t equals = text.find('=');
  trust::Host host{.name = text.substr(0, equals)};
  if (equals != std::string::npos)
    for (auto part : std::views::split(std::string_view(text).substr(equals + 1), ','))
      host.addresses.emplace_back(part.begin(), part.end());
  const bool good = equals == std::string::npos || !host.addresses.empty();
  if (host.name.empty() || !good || std::ranges::find(host.addresses, "") != host.addresses.end())
    wrong_usage(option + " " + text + ": give NAME or NAME=ADDRESS[,ADDRESS]");
  return host;
}

}  // namespace anchord::ctl

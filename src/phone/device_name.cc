#include "anchord/phone/device_name.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "anchord/base/ascii.h"

namespace anchord::phone {
namespace {

constexpr std::string_view kPrefix = "SEP";
constexpr std::string_view kModelPrefix = "CP-";
constexpr std::size_t kMacDigits = 12;
constexpr std::size_t kMaxSpelling = 17;  // "00:11:22:33:44:55"
// What people write between the digits of an address.
constexpr std::string_view kBetween = ":-._ ";
static_assert(kDeviceName == kPrefix.size() + kMacDigits);

bool is_of_word(char c) {
  return is_letter(c) || is_digit(c);
}

bool ends_word(std::string_view rest) {
  return rest.empty() || !is_of_word(rest.front());
}

struct Mac {
  std::string digits;  // in capitals
  std::size_t length = 0;
};

// At the front of a text: twelve digits in a row, or in twos or fours with the same sign between.
std::optional<Mac> mac_at(std::string_view text) {
  for (std::size_t group : {kMacDigits, std::size_t{2}, std::size_t{4}}) {
    Mac out;
    const char between = group < text.size() ? text[group] : '\0';
    for (; out.length < text.size() && out.digits.size() < kMacDigits; ++out.length) {
      const bool is_between = out.length % (group + 1) == group;
      if (is_between ? text[out.length] != between || !kBetween.contains(between)
                     : hex_value(text[out.length]) < 0)
        break;
      if (!is_between) out.digits += to_upper(text[out.length]);
    }
    if (out.digits.size() == kMacDigits) return out;
  }
  return std::nullopt;
}

std::optional<std::string> device_behind_prefix(std::string_view rest) {
  auto mac = mac_at(rest);
  if (!mac && !rest.empty() && kBetween.contains(rest.front())) mac = mac_at(rest.substr(1));
  return mac ? std::optional(std::string(kPrefix) + mac->digits) : std::nullopt;
}

// One that is a word of its own.
std::optional<std::string> device_by_address(std::string_view text, std::size_t at) {
  if (at > 0 && is_of_word(text[at - 1])) return std::nullopt;
  auto mac = mac_at(text.substr(at));
  if (!mac || !ends_word(text.substr(at + mac->length))) return std::nullopt;
  return std::string(kPrefix) + mac->digits;
}

}  // namespace

std::optional<std::string> device_name(std::string_view text) {
  if (text.size() > kMaxSpelling) return std::nullopt;
  const std::string upper = upper_case(text);
  std::string_view mac = upper;
  if (mac.starts_with(kPrefix)) mac.remove_prefix(kPrefix.size());
  bool colons = mac.size() == kMaxSpelling;
  std::string name{kPrefix};
  for (std::size_t i = 0; i < mac.size(); ++i) {
    bool separator = colons && i % 3 == 2;
    if (separator ? mac[i] != ':' : hex_value(mac[i]) < 0) return std::nullopt;
    if (!separator) name += mac[i];
  }
  if (name.size() != kDeviceName) return std::nullopt;
  return name;
}

std::string device_name_of(std::uint64_t mac) {
  return fmt::format("{}{:012X}", kPrefix, mac & 0xffff'ffff'ffff);
}

std::uint64_t mac_of(std::string_view name) {
  std::uint64_t mac = 0;
  std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), mac, 16);
  return mac;
}

std::string_view device_at_front(std::string_view text) {
  if (text.size() < kDeviceName || !starts_ignoring_case(text, kPrefix)) return {};
  const std::string_view digits = text.substr(kPrefix.size(), kMacDigits);
  if (!std::ranges::all_of(digits, [](char c) { return hex_value(c) >= 0; })) return {};
  return text.substr(0, kDeviceName);
}

std::vector<std::string> devices_in(std::string_view text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    auto name = starts_ignoring_case(text.substr(at), kPrefix)
                    ? device_behind_prefix(text.substr(at + kPrefix.size()))
                    : device_by_address(text, at);
    if (name && std::ranges::find(out, *name) == out.end()) out.push_back(std::move(*name));
  }
  return out;
}

std::optional<std::string> device_in_common_name(std::string_view common_name) {
  const std::string upper = upper_case(common_name);
  const std::string_view text = upper;
  for (std::size_t at = text.find(kPrefix); at != text.npos; at = text.find(kPrefix, at + 1)) {
    if ((at > 0 && is_of_word(text[at - 1])) ||
        !ends_word(text.substr(std::min(at + kDeviceName, text.size()))))
      continue;
    if (auto name = device_name(text.substr(at, kDeviceName))) return name;
  }
  // Some authorities leave the prefix out, or write the address as a network card's.
  for (std::size_t at = 0; at < text.size(); ++at)
    if (auto name = device_by_address(text, at)) return name;
  return std::nullopt;
}

std::optional<std::string> device_called(std::string_view called) {
  if (called.size() < kDeviceName) return std::nullopt;
  return device_name(called.substr(called.size() - kDeviceName));
}

std::string_view model_called(std::string_view called) {
  if (!device_called(called)) return {};
  called.remove_suffix(kDeviceName);
  if (called.ends_with('-')) called.remove_suffix(1);
  return bare_model(called);
}

std::string device_key(std::string_view called) {
  return device_called(called).value_or(std::string(called));
}

std::string_view bare_model(std::string_view model) {
  if (model.starts_with(kModelPrefix)) model.remove_prefix(kModelPrefix.size());
  return model;
}

}  // namespace anchord::phone

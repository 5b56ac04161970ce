#include "anchord/trust/cluster.h"

#include <algorithm>
#include <array>
#include <utility>

#include "anchord/base/ascii.h"

namespace anchord::trust {
namespace {

constexpr std::array<std::pair<Service, std::string_view>, 5> kServices{{{Service::tvs, "tvs"},
                                                                         {Service::tftp, "tftp"},
                                                                         {Service::tftp_ec, "tftp-ec"},
                                                                         {Service::capf, "capf"},
                                                                         {Service::recovery, "recovery"}}};

constexpr std::string_view kPhonePrefix = "SEP";
constexpr std::size_t kMacDigits = 12;
constexpr std::size_t kMaxSpelling = 17;  // "00:11:22:33:44:55"
// What people write between the digits of an address.
constexpr std::string_view kBetween = ":-._ ";

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

std::optional<std::string> phone_behind_prefix(std::string_view rest) {
  auto mac = mac_at(rest);
  if (!mac && !rest.empty() && kBetween.contains(rest.front())) mac = mac_at(rest.substr(1));
  return mac ? std::optional(std::string(kPhonePrefix) + mac->digits) : std::nullopt;
}

// One that is a word of its own.
std::optional<std::string> phone_by_address(std::string_view text, std::size_t at) {
  if (at > 0 && is_of_word(text[at - 1])) return std::nullopt;
  auto mac = mac_at(text.substr(at));
  if (!mac || !ends_word(text.substr(at + mac->length))) return std::nullopt;
  return std::string(kPhonePrefix) + mac->digits;
}

}  // namespace

std::optional<std::string> phone_name(std::string_view text) {
  if (text.size() > kMaxSpelling) return std::nullopt;
  const std::string upper = upper_case(text);
  std::string_view mac = upper;
  if (mac.starts_with(kPhonePrefix)) mac.remove_prefix(kPhonePrefix.size());
  bool colons = mac.size() == kMaxSpelling;
  std::string name{kPhonePrefix};
  for (std::size_t i = 0; i < mac.size(); ++i) {
    bool separator = colons && i % 3 == 2;
    if (separator ? mac[i] != ':' : hex_value(mac[i]) < 0) return std::nullopt;
    if (!separator) name += mac[i];
  }
  if (name.size() != kPhonePrefix.size() + kMacDigits) return std::nullopt;
  return name;
}

std::vector<std::string> phones_in(std::string_view text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    auto name = starts_ignoring_case(text.substr(at), kPhonePrefix)
                    ? phone_behind_prefix(text.substr(at + kPhonePrefix.size()))
                    : phone_by_address(text, at);
    if (name && std::ranges::find(out, *name) == out.end()) out.push_back(std::move(*name));
  }
  return out;
}

std::optional<std::string> named_phone(const crypto::Name& subject) {
  const std::string text = upper_case(subject.value_of("CN"));
  for (std::size_t at = text.find(kPhonePrefix); at != std::string::npos;
       at = text.find(kPhonePrefix, at + 1)) {
    if ((at > 0 && is_of_word(text[at - 1])) ||
        !ends_word(std::string_view(text).substr(std::min(at + kPhoneName, text.size()))))
      continue;
    if (auto name = phone_name(std::string_view(text).substr(at, kPhoneName))) return name;
  }
  // Some authorities leave the prefix out, or write the address as a network card's.
  for (std::size_t at = 0; at < text.size(); ++at)
    if (auto name = phone_by_address(text, at)) return name;
  return std::nullopt;
}

std::string_view mode_name(Mode mode) {
  return mode == Mode::mixed ? "mixed" : "nonsecure";
}

std::optional<Mode> mode_from_name(std::string_view name) {
  for (Mode mode : {Mode::nonsecure, Mode::mixed})
    if (mode_name(mode) == name) return mode;
  return std::nullopt;
}

std::string_view service_name(Service service) {
  return kServices[static_cast<std::size_t>(service)].second;
}

std::optional<Service> service_from_name(std::string_view name) {
  for (const auto& [service, its_name] : kServices)
    if (its_name == name) return service;
  return std::nullopt;
}

std::vector<wire::Role> own_roles(Service service, Mode mode) {
  switch (service) {
    case Service::tvs:
      return {wire::Role::tvs};
    case Service::tftp:
      return {wire::Role::sast, mode == Mode::mixed ? wire::Role::ccm_tftp : wire::Role::tftp};
    case Service::tftp_ec:
      return {wire::Role::tftp};
    case Service::capf:
      return {wire::Role::capf};
    case Service::recovery:
      return {wire::Role::sast};
  }
  std::unreachable();
}

}  // namespace anchord::trust

#include "anchord/trust/cluster.h"

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

std::optional<std::string> named_phone(const crypto::Name& subject) {
  const std::string text = upper_case(subject.value_of("CN"));
  auto is_of_word = [&](std::size_t at) {
    return at < text.size() && (is_letter(text[at]) || is_digit(text[at]));
  };
  for (std::size_t at = text.find(kPhonePrefix); at != std::string::npos;
       at = text.find(kPhonePrefix, at + 1)) {
    if ((at > 0 && is_of_word(at - 1)) || is_of_word(at + kPhoneName)) continue;
    if (auto name = phone_name(std::string_view(text).substr(at, kPhoneName))) return name;
  }
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

#include "anchord/trust/cluster.h"

#include <algorithm>
#include <array>
#include <ranges>

#include "anchord/base/ascii.h"

#include "anchord/phone/device_name.h"

namespace anchord::trust {
namespace {

struct ServiceName {
  Service service;
  std::string_view name;
};
// In the order of Service.
constexpr std::array<ServiceName, 5> kServices{{{Service::tvs, "tvs"},
                                                {Service::tftp, "tftp"},
                                                {Service::tftp_ec, "tftp-ec"},
                                                {Service::capf, "capf"},
                                                {Service::recovery, "recovery"}}};

}  // namespace

std::optional<std::string> named_phone(const crypto::Name& subject) {
  return phone::device_in_common_name(subject.value_of("CN"));
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
  return kServices[static_cast<std::size_t>(service)].name;
}

std::optional<Service> service_from_name(std::string_view name) {
  for (const auto& [service, its_name] : kServices)
    if (its_name == name) return service;
  return std::nullopt;
}

std::string service_choice() {
  return choice_of(std::views::transform(kServices, &ServiceName::name));
}

std::optional<std::size_t> find_host(const Cluster& cluster, std::string_view name) {
  auto found = std::ranges::find_if(cluster.hosts,
                                    [&](const Host& host) { return same_ignoring_case(host.name, name); });
  if (found == cluster.hosts.end()) return std::nullopt;
  return static_cast<std::size_t>(found - cluster.hosts.begin());
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

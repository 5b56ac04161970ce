#include "anchord/trust/cluster.h"

#include <array>
#include <utility>

namespace anchord::trust {
namespace {

constexpr std::array<std::pair<Service, std::string_view>, 4> kServices{{{Service::tvs, "tvs"},
                                                                         {Service::tftp, "tftp"},
                                                                         {Service::capf, "capf"},
                                                                         {Service::recovery, "recovery"}}};

}  // namespace

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
    case Service::capf:
      return {wire::Role::capf};
    case Service::recovery:
      return {wire::Role::sast};
  }
  std::unreachable();
}

}  // namespace anchord::trust

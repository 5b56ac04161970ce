// Certificates of the world's clusters. They are made once for the process and used by one world
// after the other, since making one costs more than a hundred steps.
#pragma once

#include <cstddef>
#include <string>

#include "anchord/trust/cluster.h"

namespace anchord::trust::world {

constexpr UnixSeconds kStart = 1'800'000'000;

// The `number`th that the service had. `host`: of tvs the service's own, of all others the first.
Identity identity(const std::string& cluster, Service service, const std::string& host, std::size_t number);

std::string host_name(const std::string& cluster, std::size_t number);  // from 1
Host named_host(const std::string& cluster, std::size_t number);

Cluster first_cluster(const std::string& name, std::size_t hosts);

}  // namespace anchord::trust::world

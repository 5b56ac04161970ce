// After how many wants a boot of a virtual phone has ended, whatever the answers.
#pragma once

#include "anchord/trust/virtual_phone.h"

namespace anchord::trust {

// Four names of lists, each with its retries, and at most four of configurations; two lists
// and one configuration may need every verification service.
constexpr std::size_t kMaxWants = 4 * (1 + kListRetries) + 4 + 3 * kMaxTvsServers;

}  // namespace anchord::trust

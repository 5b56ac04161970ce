// What the hosts of a cluster may be called, and which addresses they may have.
#pragma once

#include <span>

#include "anchord/base/error.h"
#include "anchord/trust/cluster.h"

namespace anchord::store {

// With its addresses in one spelling, so that one that is written in two ways is one.
trust::Host normalised(trust::Host host);

// Whether there may be such a host: its name is one, and its addresses are, none of them given twice.
Status check_host(const trust::Host& host);

// Whether a host with this name and these addresses, normalised, may stand beside the others.
Status check_beside(const trust::Host& host, std::span<const trust::Host> others);

}  // namespace anchord::store

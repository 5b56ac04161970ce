// How phones fare at a cluster in the end, for questions about what would become of them.
#pragma once

#include "anchord/base/clock.h"
#include "anchord/trust/served.h"
#include "anchord/trust/virtual_phone.h"

namespace anchord::trust {

// Phones are told of three to five verification services; the fewest is what all have.
constexpr std::size_t kServersOfAll = 3;

// The last of as many boots as it takes until the phone's lists change no more. It has been told of as
// many verification services as every phone has.
VirtualPhone::Done settled_boot(PhoneMemory held, const Served& served, UnixSeconds now);

}  // namespace anchord::trust

// How phones fare at a cluster in the end, for questions about what would become of them.
#pragma once

#include "anchord/base/clock.h"
#include "anchord/trust/own_list.h"
#include "anchord/trust/served.h"
#include "anchord/trust/virtual_phone.h"

namespace anchord::trust {

// Phones are told of three to five verification services; the fewest is what all have.
constexpr std::size_t kServersOfAll = 3;

// A phone that nobody has named, and that was told of as many verification services as every phone is.
VirtualPhone any_phone(PhoneMemory held, const Served& served);

// With lists that such a phone has for itself; those that are empty it has not.
Served with_own_lists(Served served, const OwnLists& lists);

// The last of as many boots of such a phone as it takes until its lists change no more.
VirtualPhone::Done settled_boot(PhoneMemory held, const Served& served, UnixSeconds now);

}  // namespace anchord::trust

// What boots may prove, in words.
#pragma once

#include <string>

#include "anchord/trust/evidence.h"

namespace anchord::ctl {

// "a whole boot from one address, whichever, releases guards"
std::string meaning_of(trust::Evidence evidence);
// What an attacker on the network can do all the same.
std::string left_to_attackers(trust::Evidence evidence);

}  // namespace anchord::ctl

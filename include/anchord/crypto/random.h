// Random bytes fit for keys, serial numbers and transfer ids. Never fails: a
// machine without a random source stops the process.
#pragma once

#include "anchord/base/bytes.h"

namespace anchord::crypto {

void fill_random(MutableBytes room);

}  // namespace anchord::crypto

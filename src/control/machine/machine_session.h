// Names the machine's present boot: times of the monotonic clock are comparable within one.
#pragma once

#include <cstdint>

namespace anchord::control {

// Where the kernel does not say, the process is the session: nothing is compared beyond it.
std::uint64_t machine_session();

}  // namespace anchord::control

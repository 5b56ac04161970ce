// Room in a vector before what must not fail.
#pragma once

#include <algorithm>
#include <cstddef>

namespace anchord::control {

// Without a failure so many can be put behind those that are there. The vector grows as push_back() has it
// grow.
template <class Vector>
void make_room_for(Vector& vector, std::size_t more) {
  if (vector.capacity() - vector.size() < more)
    vector.reserve(std::max(2 * vector.capacity(), vector.size() + more));
}

}  // namespace anchord::control

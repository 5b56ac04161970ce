// Passes another call's failure on: `if (!store) return failure_of(store);`
#pragma once

#include <string_view>
#include <utility>

#include "anchord/base/error.h"

namespace anchord::ctl {

template <class T>
std::unexpected<Error> failure_of(Result<T>& result) {
  return std::unexpected(std::move(result.error()));
}

// With what it was about in front.
template <class T>
std::unexpected<Error> failure_of(Result<T>& result, std::string_view what) {
  return std::unexpected(std::move(result.error()).within(what));
}

}  // namespace anchord::ctl

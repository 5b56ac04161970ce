// More values in a large sorted vector.
#pragma once

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>
#include <vector>

namespace anchord::control {

// As many are put in one by one: another vector costs more than moving half of this one.
constexpr std::size_t kFew = 8;

// `by` is what they are sorted by.
template <class T, class Projection>
void merge_sorted(std::vector<T>& sorted, std::vector<T> more, Projection by) {
  if (more.size() <= kFew) {
    for (T& one : more)
      sorted.insert(std::ranges::upper_bound(sorted, std::invoke(by, one), {}, by), std::move(one));
    return;
  }
  std::ranges::sort(more, {}, by);
  std::vector<T> all;
  all.reserve(sorted.size() + more.size());
  auto less = [&](const T& a, const T& b) { return std::invoke(by, a) < std::invoke(by, b); };
  std::merge(std::move_iterator(sorted.begin()), std::move_iterator(sorted.end()),
             std::move_iterator(more.begin()), std::move_iterator(more.end()), std::back_inserter(all), less);
  sorted = std::move(all);
}

}  // namespace anchord::control

#include "anchord/base/nearest_name.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "anchord/base/ascii.h"

namespace anchord {
namespace {

constexpr std::size_t kShortestBeginning = 3;  // less begins the names of too many

std::string folded(std::string_view name) {
  std::string out = lower_case(name);
  std::ranges::replace(out, '_', '-');
  return out;
}

// Optimal string alignment distance: Levenshtein's, with a swap of two neighbours as one step.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last;
  std::vector<std::size_t> last(b.size() + 1);
  std::iota(last.begin(), last.end(), 0);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last = std::exchange(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::string_view nearest_name(std::string_view given, std::span<const std::string_view> known) {
  if (given.empty() || given.size() > kLongestMisspelling) return {};
  const std::string wanted = folded(given);
  std::string_view nearest;
  std::size_t least = std::max<std::size_t>(1, (wanted.size() - 1) / 3) + 1;
  for (std::string_view name : known) {
    const std::size_t steps = distance(wanted, folded(name));
    if (steps >= least || steps >= name.size()) continue;
    least = steps;
    nearest = name;
  }
  if (!nearest.empty() || wanted.size() < kShortestBeginning) return nearest;
  for (std::string_view name : known) {
    if (!folded(name).starts_with(wanted)) continue;
    if (!nearest.empty()) return {};
    nearest = name;
  }
  return nearest;
}

}  // namespace anchord

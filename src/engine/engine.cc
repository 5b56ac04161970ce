#include "anchord/engine/engine.h"

#include <algorithm>
#include <iterator>

namespace anchord::engine {

KeyRange KeyRange::prefix(std::string_view prefix) {
  KeyRange out{std::string(prefix), std::string(prefix)};
  // The first key behind them: bytes that are the highest already have none behind them.
  while (!out.end.empty() && out.end.back() == '\xff') out.end.pop_back();
  if (out.end.empty()) {
    out.end.push_back('\0');  // etcd's word for the end of all keys
  } else {
    out.end.back() = static_cast<char>(static_cast<unsigned char>(out.end.back()) + 1);
  }
  return out;
}

bool KeyRange::contains(std::string_view key) const {
  if (end.empty()) return key == begin;
  return key >= begin && (key < end || end == std::string_view("\0", 1));
}

bool Txn::writes() const {
  const auto writing = [](const Operation& operation) { return !std::holds_alternative<Get>(operation); };
  return std::ranges::any_of(then, writing) || std::ranges::any_of(otherwise, writing);
}

Outcome<RangeAnswer> read_all(Engine& engine, const KeyRange& keys, std::size_t part) {
  Get get{.keys = keys, .limit = part};
  ANCHORD_TRY_ASSIGN(RangeAnswer out, engine.range(get));
  while (out.more && !out.values.empty()) {
    get.at = out.revision;
    get.keys.begin = out.values.back().key + '\0';  // the next one that there can be
    ANCHORD_TRY_ASSIGN(RangeAnswer more, engine.range(get));
    std::ranges::move(more.values, std::back_inserter(out.values));
    out.more = more.more && !more.values.empty();
  }
  return out;
}

}  // namespace anchord::engine

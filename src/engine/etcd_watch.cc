#include "etcd_watch.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <thread>

namespace anchord::engine {
namespace {

// Between two members that both do not take a watch.
constexpr Millis kWatchPause = 100;

}  // namespace

void EtcdWatch::leave_member() {
  session_.next_member();
  running_ = false;
  pending_.clear();
  pending_bytes_ = 0;
}

Outcome<void> EtcdWatch::begin() {
  const Millis deadline = monotonic_now() + session_.settings().try_time;
  // A watch whose token has ended is refused like one that may not see the keys: a question that wants the
  // same token says which it is, and renews it.
  if (!session_.settings().user.empty()) {
    const std::string first = encode_range({keys_, 0, 1, true});
    ANCHORD_TRY(session_.ask({"/v3/kv/range", first, {}}, deadline));
  }
  const std::string body = encode_watch(keys_, next_);
  ANCHORD_TRY(session_.begin({"/v3/watch", body, {}}, deadline));
  running_ = true;
  return {};
}

// Changes, or why this member is of no more use.
Outcome<Changes> EtcdWatch::listen(Millis deadline) {
  if (!running_) ANCHORD_TRY(begin());
  auto line = session_.connection().receive_line(deadline);
  if (!line) return failed(Problem::out_of_reach, std::move(line.error().text));
  if (!*line) return Changes{};
  if (session_.connection().status() != 200) {
    auto refusal = decode_refusal(**line);
    if (refusal) return std::unexpected(session_.failure_of(*refusal));
    return failed(Problem::out_of_reach, std::move(refusal.error().text));
  }
  auto decoded = decode_line(**line);
  if (!decoded) return failed(Problem::out_of_reach, std::move(decoded.error().text));
  if (decoded->refused) return std::unexpected(session_.failure_of(decoded->refusal));
  return take(std::move(*decoded), (*line)->size());
}

Outcome<Changes> EtcdWatch::take(StreamLine line, std::size_t size) {
  if (line.cluster != session_.cluster()) {
    return failed(Problem::wrong_cluster,
                  fmt::format("{} has become a member of another cluster of etcd", session_.url()));
  }
  if (line.canceled) {
    if (line.compacted != 0) {
      Failure failure{
          {fmt::format("etcd no longer keeps revision {}, only those from {} on", next_, line.compacted)},
          Problem::compacted,
          line.compacted};
      return std::unexpected(std::move(failure));
    }
    const bool final = line.reason.contains("permission denied");
    return failed(final ? Problem::refused : Problem::out_of_reach,
                  fmt::format("{} refuses the watch: {}", session_.url(), line.reason));
  }
  for (Event& event : line.events) {
    if (event.at.modified < (pending_.empty() ? next_ : pending_.back().at.modified)) {
      return failed(Problem::out_of_reach, "events that are not in their order");
    }
    pending_.push_back(std::move(event));
  }
  pending_bytes_ += size;
  // Only the last revision can go on in the next line, and only where the line is a part.
  const auto whole =
      !line.fragment ? pending_.end() : std::ranges::find_if(pending_, [&](const Event& event) {
        return event.at.modified == pending_.back().at.modified;
      });
  Changes out{.events = {}, .heard = true};
  out.events.assign(std::make_move_iterator(pending_.begin()), std::make_move_iterator(whole));
  pending_.erase(pending_.begin(), whole);
  if (!out.events.empty()) {
    next_ = out.events.back().at.modified + 1;
    pending_bytes_ = 0;
  }
  if (pending_bytes_ > kMaxRevisionBytes)
    return failed(Problem::out_of_reach, "a revision that is too large");
  return out;
}

Outcome<Changes> EtcdWatch::next(Millis wait) {
  const Millis deadline = monotonic_now() + wait;
  for (;;) {
    auto changes = listen(deadline);
    if (changes) return changes;
    Failure& why = changes.error();
    if (why.problem != Problem::out_of_reach && why.problem != Problem::unknown) return changes;
    why.problem = Problem::out_of_reach;
    why.text = fmt::format("the watch at {} has ended: {}", session_.url(), why.text);
    leave_member();
    if (monotonic_now() + kWatchPause >= deadline) return changes;
    std::this_thread::sleep_for(std::chrono::milliseconds(kWatchPause));
  }
}

}  // namespace anchord::engine

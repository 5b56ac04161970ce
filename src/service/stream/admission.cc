#include "stream/admission.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace anchord::service {

Admission::Admission(ShardContext& shard, const StreamIdentity& identity,
                     const StreamConnections& connections, const std::vector<int>& listeners)
    : shard_(shard),
      settings_(shard.settings.stream),
      connections_(connections),
      accept_(identity.accept),
      neighbours_(connections.capacity(), shard.seed),
      fresh_(connections.capacity()),
      quiet_(connections.capacity()),
      lingering_(connections.capacity()) {
  for (int descriptor : listeners) listeners_.push_back({.descriptor = descriptor});
}

bool Admission::may_accept(Millis now, bool hellos_welcome) const {
  return !draining_ && now >= accept_again_ && hellos_welcome &&
         connections_.used() < settings_.max_connections + kEnoughAbove;
}

// One at a time, so that accepting never runs ahead of what is to be served.
void Admission::arm_listeners(Millis now, bool hellos_welcome) {
  if (!may_accept(now, hellos_welcome)) return;
  for (std::uint32_t i = 0; i < listeners_.size(); ++i) {
    if (listeners_[i].armed) continue;
    shard_.ring.accept(listeners_[i].descriptor, Tag{accept_, 0, i}.packed());
    listeners_[i].armed = true;
    ++armed_listeners_;
  }
}

bool Admission::accepted(std::uint32_t listener, const io::Completion& completion) {
  listeners_[listener].armed = false;
  --armed_listeners_;
  if (completion.result >= 0) return true;
  if (completion.result != -ECANCELED && completion.result != -ECONNABORTED)
    accept_again_ = shard_.ring.now() + kAcceptPause;
  return false;
}

void Admission::adjust_backlog(Millis now, std::uint32_t hellos_served) {
  if (draining_) return;
  // An accept that is still armed after a wait found nobody.
  for (Listener& listener : listeners_) listener.idle |= listener.armed;
  if (backlog_ != kBacklog && now >= ease_at_) set_backlog(kBacklog);
  if (now < period_end_) return;
  const std::uint32_t in_period = hellos_served - hellos_before_;
  bool telling = now - period_end_ < kBacklogPeriod && in_period >= kTellingCount;
  if (telling && !std::ranges::all_of(listeners_, &Listener::idle)) {
    std::uint32_t in_a_second = in_period * kPeriodsInSecond;
    set_backlog(static_cast<int>(std::clamp<std::uint32_t>(in_a_second, kLeastBacklog, kBacklog)));
    ease_at_ = now + kBacklogEase;
  }
  for (Listener& listener : listeners_) listener.idle = false;
  hellos_before_ = hellos_served;
  period_end_ = now + kBacklogPeriod;
}

void Admission::set_backlog(int length) {
  if (length == backlog_) return;
  for (const Listener& listener : listeners_) shard_.ring.set_backlog(listener.descriptor, length);
  backlog_ = length;
}

Millis Admission::next_wake(Millis now, bool hellos_welcome) const {
  if (draining_) return kNever;
  const Millis wake = backlog_ == kBacklog ? kNever : ease_at_;
  if (armed_listeners_ == listeners_.size()) return wake;
  if (now < accept_again_) return std::min(wake, accept_again_);
  return may_accept(now, hellos_welcome) ? now : wake;
}

void Admission::drain() {
  draining_ = true;
  for (const Listener& listener : listeners_) shard_.ring.shutdown(listener.descriptor);
}

std::uint32_t Admission::connection_to_evict(Millis now) const {
  if (!lingering_.empty()) return lingering_.front();
  if (!fresh_.empty() && age(fresh_.front(), now) >= kHandshakeGrace) return fresh_.front();
  if (!quiet_.empty() && age(quiet_.front(), now) >= kQuietGrace) return quiet_.front();
  return kNone;
}

std::uint32_t Admission::neighbour_to_evict(const io::Host& host, Millis now) const {
  for (auto [stage, grace] :
       {std::pair{Progress::mute, Millis{0}}, std::pair{Progress::speaking, kHandshakeGrace},
        std::pair{Progress::handshake_done, kQuietGrace}}) {
    const std::uint32_t longest = neighbours_.longest(host, stage);
    if (longest != Neighbours::kNone && age(longest, now) >= grace) return longest;
  }
  return kNone;
}

}  // namespace anchord::service

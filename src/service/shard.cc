#include "anchord/service/shard.h"

#include <algorithm>
#include <cassert>

#include "shard_context.h"
#include "tag.h"
#include "tftp_service.h"
#include "tvs_service.h"

namespace anchord::service {

struct Shard::Parts {
  Parts(unsigned number, io::Ring& ring, const ShardSettings& given, const ShardSockets& sockets,
        Publisher& publisher, std::uint64_t seed, Counters& counters, ActivityLog& log)
      : settings(given),
        pins(publisher, number),
        guard(given.max_strangers, seed),
        context{.ring = ring,
                .settings = settings,
                .shard = number,
                .counters = counters,
                .log = log,
                .pins = pins,
                .guard = guard,
                .seed = seed},
        tvs(context, sockets.tvs),
        tftp(context, sockets.tftp) {}

  ShardSettings settings;
  Pins pins;
  GuessGuard guard;
  ShardContext context;
  TvsService tvs;
  TftpService tftp;
};

Shard::Shard(unsigned number, io::Ring& ring, const ShardSettings& settings, const ShardSockets& sockets,
             Publisher& publisher, std::uint64_t seed, Counters& counters, ActivityLog& log)
    : parts_(std::make_unique<Parts>(number, ring, settings, sockets, publisher, seed, counters, log)) {
  parts_->pins.refresh();
  ring.watch_waker(Tag{TagKind::waker, 0, 0}.packed());
  parts_->tvs.start();
  parts_->tftp.start();
}

Shard::~Shard() = default;

bool Shard::turn() {
  Parts& p = *parts_;
  Millis now = p.context.ring.now();
  Millis wake = std::min({p.tvs.next_wake(now), p.tftp.next_wake(), drain_deadline_});
  std::span<const io::Completion> completions = p.context.ring.wait(wake);
  // A change that was published before a request came is seen by that request.
  p.pins.refresh();
  for (const io::Completion& completion : completions) dispatch(completion);
  now = p.context.ring.now();
  p.tvs.turn(now);
  p.tftp.turn(now);
  return !finish_drain(now);
}

void Shard::dispatch(const io::Completion& completion) {
  Tag tag = Tag::unpack(completion.tag);
  switch (tag.kind) {
    case TagKind::waker:
      if (!completion.more) parts_->context.ring.watch_waker(completion.tag);
      return;
    case TagKind::tvs_accept:
      return parts_->tvs.on_accept(tag.slot, completion);
    case TagKind::tvs_receive:
      return parts_->tvs.on_receive(tag, completion);
    case TagKind::tvs_send:
      return parts_->tvs.on_send(tag, completion);
    case TagKind::tftp_receive:
      return parts_->tftp.on_receive(tag.slot, completion);
    case TagKind::tftp_send:
      return parts_->tftp.on_send(tag, completion);
    case TagKind::tftp_reply:
      return parts_->tftp.on_reply_sent(tag);
  }
  assert(false);
}

void Shard::drain() {
  Parts& p = *parts_;
  if (drain_deadline_ != kNever) return;
  drain_deadline_ = p.context.ring.now() + p.settings.drain_timeout;
  p.tvs.drain();
  p.tftp.drain();
}

// Whether a drain is over.
bool Shard::finish_drain(Millis now) {
  if (drain_deadline_ == kNever) return false;
  Parts& p = *parts_;
  if (now >= drain_deadline_) {
    p.tvs.terminate_all();
    p.tftp.terminate_all();
    // What was in flight completes at once; look again soon, should it not.
    drain_deadline_ = now + 100;
  }
  return p.tvs.finished() && p.tftp.idle();
}

}  // namespace anchord::service

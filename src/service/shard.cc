#include "anchord/service/shard.h"

#include <algorithm>
#include <cassert>
#include <optional>
#include <utility>

#include "context/shard_context.h"
#include "context/tag.h"
#include "http/http_session.h"
#include "stream/stream_service.h"
#include "tftp/tftp_service.h"
#include "tvs/tvs_session.h"

namespace anchord::service {
namespace {

StreamIdentity tvs_identity(Counters& c) {
  return {.accept = TagKind::tvs_accept,
          .receive = TagKind::tvs_receive,
          .send = TagKind::tvs_send,
          .counters = c.tvs_stream(),
          .idle_timeouts = c.tvs_idle_timeouts,
          .tls = c.tvs_tls(),
          .handshake_time = &c.latencies.tls_handshake_tvs};
}

StreamIdentity http_identity(Counters& c) {
  return {.accept = TagKind::http_accept,
          .receive = TagKind::http_receive,
          .send = TagKind::http_send,
          .counters = c.http_stream(),
          .idle_timeouts = c.http_timeouts,
          .tls = {}};
}

StreamIdentity https_identity(Counters& c) {
  return {.accept = TagKind::https_accept,
          .receive = TagKind::https_receive,
          .send = TagKind::https_send,
          .counters = c.https_stream(),
          .idle_timeouts = c.https_timeouts,
          .tls = c.https_tls(),
          .tls_service = TlsService::https,
          .handshake_time = &c.latencies.tls_handshake_https};
}

// A protocol and its connections. One that nobody listens for takes no memory.
template <class Speaker>
struct Stream {
  template <class... Args>
  void open(ShardContext& shard, TcpBuffers& buffers, const StreamIdentity& identity,
            const std::vector<int>& listeners, Args&&... args) {
    if (listeners.empty()) return;
    protocol.emplace(shard, std::forward<Args>(args)...);
    service.emplace(shard, *protocol, buffers, identity, listeners);
  }

  std::optional<Speaker> protocol;
  std::optional<StreamService> service;
};

}  // namespace

struct Shard::Parts {
  Parts(unsigned number, io::Ring& ring, const ShardSettings& given, const ShardSockets& sockets,
        ViewPublisher& publisher, GuessGuard& guard, std::uint64_t seed, Counters& counters, ActivityLog& log)
      : settings(given),
        pins(publisher, number),
        downloads(log.downloads, counters, seed),
        context{.ring = ring,
                .settings = settings,
                .shard = number,
                .counters = counters,
                .log = log,
                .pins = pins,
                .guard = guard,
                .downloads = downloads,
                .seed = seed},
        tftp(context, sockets.tftp) {
    tvs.open(context, buffers, tvs_identity(counters), sockets.tvs);
    http.open(context, buffers, http_identity(counters), sockets.http, Protocol::http, counters.http());
    https.open(context, buffers, https_identity(counters), sockets.https, Protocol::https, counters.https());
    for (std::optional<StreamService>* service : {&tvs.service, &http.service, &https.service})
      if (*service) streams.push_back(&**service);
  }

  ShardSettings settings;
  Pins pins;
  DownloadRecorder downloads;
  ShardContext context;
  TcpBuffers buffers;
  Stream<TvsProtocol> tvs;
  Stream<HttpProtocol> http;
  Stream<HttpProtocol> https;
  std::vector<StreamService*> streams;  // those of the above that there are
  TftpService tftp;
};

Shard::Shard(unsigned number, io::Ring& ring, const ShardSettings& settings, const ShardSockets& sockets,
             ViewPublisher& publisher, GuessGuard& guard, std::uint64_t seed, Counters& counters,
             ActivityLog& log)
    : parts_(
          std::make_unique<Parts>(number, ring, settings, sockets, publisher, guard, seed, counters, log)) {
  parts_->pins.refresh();
  ring.show_ticks_in(log.tick);
  ring.watch_waker(Tag{TagKind::waker, 0, 0}.packed());
  for (StreamService* stream : parts_->streams) stream->start();
  parts_->tftp.start();
}

Shard::~Shard() = default;

bool Shard::tick() {
  Parts& p = *parts_;
  Millis now = p.context.ring.now();
  // A drain with nothing under way ends at once.
  if (finish_drain(now)) return false;
  Millis wake = std::min(p.tftp.next_wake(), drain_deadline_);
  for (const StreamService* stream : p.streams) wake = std::min(wake, stream->next_wake(now));
  p.context.log.tick.store(kNever, std::memory_order_release);
  std::span<const io::Completion> completions = p.context.ring.wait(wake);
  // A change that was published before a request came is seen by that request.
  p.pins.refresh();
  for (const io::Completion& completion : completions) p.context.with_memory([&] { dispatch(completion); });
  now = p.context.ring.now();
  for (StreamService* stream : p.streams) p.context.with_memory([&] { stream->tick(now); });
  // Connections that keep buffers without need are evicted, whichever service needs the buffers.
  if (std::ranges::any_of(p.streams, &StreamService::starving))
    for (StreamService* stream : p.streams) p.context.with_memory([&] { stream->handle_starvation(now); });
  p.buffers.freed = false;
  p.context.with_memory([&] { p.tftp.tick(now); });
  note_answers();
  return !finish_drain(now);
}

// Questions wait for the whole tick, whose answers leave together with the next wait: one reading of the
// clock is the time of all.
void Shard::note_answers() {
  Counters& c = parts_->context.counters;
  const std::uint64_t answered = c.tvs_verify_valid.get() + c.tvs_verify_invalid.get() +
                                 c.tvs_query_found.get() + c.tvs_query_not_found.get();
  const std::uint64_t fresh = answered - std::exchange(answered_, answered);
  if (fresh > 0) c.latencies.tvs_answer_tvs.record(parts_->context.ring.micros_since_wait(), fresh);
}

void Shard::dispatch(const io::Completion& completion) {
  Tag tag = Tag::unpack(completion.tag);
  switch (tag.kind) {
    case TagKind::waker:
      if (!completion.more) parts_->context.ring.watch_waker(completion.tag);
      return;
    case TagKind::tvs_accept:
      return parts_->tvs.service->on_accept(tag.slot, completion);
    case TagKind::tvs_receive:
      return parts_->tvs.service->on_receive(tag, completion);
    case TagKind::tvs_send:
      return parts_->tvs.service->on_send(tag, completion);
    case TagKind::http_accept:
      return parts_->http.service->on_accept(tag.slot, completion);
    case TagKind::http_receive:
      return parts_->http.service->on_receive(tag, completion);
    case TagKind::http_send:
      return parts_->http.service->on_send(tag, completion);
    case TagKind::https_accept:
      return parts_->https.service->on_accept(tag.slot, completion);
    case TagKind::https_receive:
      return parts_->https.service->on_receive(tag, completion);
    case TagKind::https_send:
      return parts_->https.service->on_send(tag, completion);
    case TagKind::tftp_receive:
      return parts_->tftp.on_receive(tag.slot, completion);
    case TagKind::tftp_send:
      return parts_->tftp.on_send(tag, completion);
  }
  assert(false);
}

void Shard::drain() {
  Parts& p = *parts_;
  if (drain_deadline_ != kNever) return;
  drain_deadline_ = p.context.ring.now() + p.settings.drain_timeout;
  for (StreamService* stream : p.streams) stream->drain();
  p.tftp.drain();
}

std::uint64_t Shard::give_way(std::uint64_t version) {
  std::uint64_t oldest = parts_->tftp.give_way_before(version);
  for (StreamService* stream : parts_->streams) oldest = std::min(oldest, stream->give_way_before(version));
  return oldest;
}

// Whether a drain is over.
bool Shard::finish_drain(Millis now) {
  if (drain_deadline_ == kNever) return false;
  Parts& p = *parts_;
  if (now >= drain_deadline_) {
    for (StreamService* stream : p.streams) stream->terminate_all();
    p.tftp.terminate_all();
    // What was in flight completes at once; look again soon, should it not.
    drain_deadline_ = now + 100;
  }
  return p.tftp.idle() && std::ranges::all_of(p.streams, &StreamService::finished);
}

}  // namespace anchord::service

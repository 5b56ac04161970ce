#include "http/http_session.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "anchord/base/log.h"
#include "downloads/provisioned_file.h"
#include "stream/tls_handshake.h"

namespace anchord::service {

using Outcome = RequestStream::Outcome;

Status HttpSession::start(const crypto::TlsContext* context, const io::Host& peer) {
  assert(transfer_.answer.file == nullptr);
  ANCHORD_TRY(stream_.start(context));
  peer_ = peer;
  return {};
}

void HttpSession::reset(HttpWorkspace& work) {
  if (transfer_.answer.file != nullptr) end_transfer(false, work);
  awaited_.give_up(work.awaited, [&](const Download& download) { work.service.shard.record(download); });
  stream_.reset(work.partial);
}

StreamProgress HttpSession::advance(Bytes input, MutableBytes room, HttpWorkspace& work) {
  StreamProgress progress = stream_.advance(
      input, room,
      [&](crypto::TlsEngine& engine) {
        const TlsCounters counters = work.service.shard.counters.https_tls();
        return continue_handshake(engine, counters, {.service = TlsService::https, .from = peer_},
                                  work.service.shard);
      },
      [&](StreamProgress& so_far) { return serve(room, work, so_far); });
  progress.awaited = awaited_.last();
  return progress;
}

StreamNext HttpSession::serve(MutableBytes room, HttpWorkspace& work, StreamProgress& progress) {
  if (transfer_.answer.file != nullptr) {
    bool all_given = transfer_.at == transfer_.answer.end && transfer_.piece.empty();
    if (!all_given) return give_file(room.size(), progress);
    bool is_last = !transfer_.answer.keep_alive;
    end_transfer(true, work);
    progress.answered = true;
    if (is_last) return stream_.close();
  }
  Writer reply{stream_.is_tls() ? MutableBytes(work.reply) : room};
  const auto round = stream_.answer_requests(work.partial, work.plain, [&](Bytes& plain) {
    return answer_front(plain, reply, work, progress.answered);
  });
  const bool is_full = round.served == Served::reply_full || round.outcome == Outcome::output_full;
  if (!stream_.is_tls()) {
    progress.produced = reply.size();
  } else if (reply.size() > 0 && stream_.write(reply.written()) != Outcome::done) {
    return stream_.close();
  }
  if (round.served == Served::last || round.outcome == Outcome::peer_closed ||
      round.outcome == Outcome::failed)
    return stream_.close();
  stream_.keep(round.left, work.partial);
  if (round.served == Served::file) return give_file(room.size(), progress);
  return is_full ? StreamNext::flush_first : StreamNext::more_input;
}

// Answers the whole requests at the front of `plain`, and moves it past them. Ends with
// the first that is answered with a file.
HttpSession::Served HttpSession::answer_front(Bytes& plain, Writer& reply, HttpWorkspace& work,
                                              bool& answered) {
  for (;;) {
    if (reply.size() + kMaxHttpAnswer > HttpWorkspace::kReplyRoom) return Served::reply_full;
    wire::HttpRequest request;
    auto size = wire::parse_http_request(plain, request);
    if (!size) {
      if (log::debug_enabled()) log::debug(std::string("http: malformed request: ") + size.error().problem);
      refuse_http(size.error().status, peer_, work.service, reply);
      return Served::last;
    }
    if (*size == 0) return Served::all;
    HttpAnswer answer = answer_http(request, peer_, work.service, reply);
    assert(reply.ok());
    plain = plain.subspan(*size);
    answered = true;
    if (answer.file != nullptr) {
      const ShardContext& shard = work.service.shard;
      transfer_ = {.pin = shard.pins.pin(),
                   .version = shard.pins.current().version,
                   .answer = answer,
                   .began = shard.ring.now(),
                   .at = answer.begin};
      if (is_recorded_transfer()) work.service.shard.record(download_of_transfer(work.service));
      return Served::file;
    }
    if (!answer.keep_alive) return Served::last;
  }
}

// Hands on the file's next bytes: all that are left, or what fits into the room when
// they are encrypted on the way.
StreamNext HttpSession::give_file(std::size_t room, StreamProgress& progress) {
  Transfer& t = transfer_;
  const index::FileBody& body = t.answer.file->body;
  if (!stream_.is_tls()) {
    progress.body = body.slice(t.at, t.answer.end - t.at);
    t.at = t.answer.end;
    return StreamNext::flush_first;
  }
  constexpr std::size_t kOverhead = HttpWorkspace::kTlsOverhead;
  while (t.at < t.answer.end || !t.piece.empty()) {
    if (t.piece.empty()) {
      std::size_t free = room - stream_.produced();
      std::size_t left = std::min(t.answer.end - t.at, HttpWorkspace::kMaxTlsRecord);
      // The rest of the room is not worth a record of its own.
      if (free < kOverhead + std::min(left, HttpWorkspace::kMaxTlsRecord / 4)) break;
      auto parts = body.slice(t.at, std::min(left, free - kOverhead));
      t.piece = parts[0].empty() ? parts[1] : parts[0];
      t.at += t.piece.size();
    }
    Outcome outcome = stream_.write(t.piece);
    if (outcome == Outcome::output_full) break;
    if (outcome != Outcome::done) return stream_.close();
    t.piece = {};
  }
  return StreamNext::flush_first;
}

// Parts of files are not recorded: it is not known whether the peer has the rest, and a flood of parts must
// not push out the records of others.
bool HttpSession::is_recorded_transfer() const {
  const HttpAnswer& answer = transfer_.answer;
  return answer.whole && is_recorded(answer.device.text(), answer.file->name);
}

Download HttpSession::download_of_transfer(const HttpService& service) const {
  Download download{.device = transfer_.answer.device,
                    .version = transfer_.answer.file->version,
                    .from = peer_,
                    .protocol = service.protocol,
                    .end = DownloadEnd::begun,
                    .began = transfer_.began,
                    .ended = service.shard.ring.now()};
  download.file.set(transfer_.answer.file->name);
  return download;
}

// `taken`: by the socket, to the last byte. The peer has it when it has acknowledged all that
// was sent until now.
void HttpSession::end_transfer(bool taken, HttpWorkspace& work) {
  const HttpAnswer& answer = transfer_.answer;
  HttpService& service = work.service;
  (taken ? service.counters.completed : service.counters.failed).add();
  if (taken) {
    service.counters.bytes.add(answer.end - answer.begin);
    service.answer_time.record_millis(service.shard.ring.now() - transfer_.began);
  }
  if (is_recorded_transfer()) {
    Download download = download_of_transfer(service);
    download.end = DownloadEnd::maybe_given;
    if (taken) download.ended = sent_;
    if (!taken || !awaited_.add(download, work.awaited)) service.shard.record(download);
    awaited_.stamp(stream_.output(), work.awaited);
  }
  if (transfer_.pin) service.shard.pins.unpin(transfer_.pin.version);
  transfer_ = {};
}

void HttpSession::acknowledged(std::uint64_t bytes, HttpWorkspace& work) {
  awaited_.settle(bytes, work.awaited, [&](Download download) {
    // Seen late, perhaps when the peer has long gone on with the file.
    download.end = DownloadEnd::given;
    work.service.shard.record(download);
  });
}

void HttpSession::let_go_of_view(HttpWorkspace& work) {
  assert(transfer_.pin);
  transfer_.entry = transfer_.pin->files.hold(*transfer_.answer.file);
  work.service.shard.pins.unpin(transfer_.pin.version);
  transfer_.pin = {};
}

std::uint64_t HttpSession::reads_since(const ShardContext& shard) const {
  if (transfer_.entry == nullptr || !shard.is_superseded(*transfer_.entry)) return StreamProtocol::kNoReader;
  return transfer_.version;
}

HttpProtocol::HttpProtocol(ShardContext& shard, Protocol protocol, const HttpCounters& counters)
    : shard_(shard),
      workspace_({.shard = shard,
                  .protocol = protocol,
                  .counters = counters,
                  .answer_time = protocol == Protocol::https ? shard.counters.latencies.http_answer_https
                                                             : shard.counters.latencies.http_answer_http,
                  .date = {}},
                 stream_slots(shard.settings.stream)),
      pinning_(stream_slots(shard.settings.stream)),
      sessions_(std::make_unique<HttpSession[]>(stream_slots(shard.settings.stream))) {}

HttpProtocol::~HttpProtocol() {
  for (std::uint32_t slot = 0; slot < stream_slots(shard_.settings.stream); ++slot) reset(slot);
}

std::size_t HttpProtocol::room() const {
  return workspace_.service.protocol == Protocol::https ? HttpWorkspace::kTlsRoom : HttpWorkspace::kReplyRoom;
}

bool HttpProtocol::start(std::uint32_t slot, const io::Host& peer) {
  const crypto::TlsContext* context = nullptr;
  if (workspace_.service.protocol == Protocol::https) {
    const auto& contexts = shard_.pins.current().https_tls;
    if (contexts.empty()) {
      shard_.counters.https_unready.add();
      return false;
    }
    context = &contexts[shard_.shard];
  }
  Status started = sessions_[slot].start(context, peer);
  if (!started)
    log::error(log::Peers::connections, "https: cannot begin a TLS connection: " + started.error().text);
  return started.has_value();
}

StreamProgress HttpProtocol::advance(std::uint32_t slot, Bytes input, MutableBytes room) {
  StreamProgress progress = sessions_[slot].advance(input, room, workspace_);
  pinning_.remove(slot);
  if (sessions_[slot].holds_view()) pinning_.push_back(slot);
  return progress;
}

void HttpProtocol::reset(std::uint32_t slot) {
  sessions_[slot].reset(workspace_);
  pinning_.remove(slot);
}

void HttpProtocol::tick() {
  std::uint64_t version = shard_.pins.current().version;
  if (std::exchange(version_, version) == version) return;
  while (!pinning_.empty()) {
    sessions_[pinning_.front()].let_go_of_view(workspace_);
    pinning_.remove(pinning_.front());
  }
}

}  // namespace anchord::service

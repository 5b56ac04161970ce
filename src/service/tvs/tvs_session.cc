#include "tvs/tvs_session.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "anchord/base/clock.h"
#include "anchord/base/log.h"
#include "stream/tls_handshake.h"
#include "tvs/tvs_answer.h"

namespace anchord::service {
namespace {

void note(const Question& question, ShardContext& shard) {
  if (!shard.log.questions.push(question)) shard.counters.tvs_unrecorded.add();
}

}  // namespace

// Answers the whole requests at the front of `plain`, and moves it past them.
TvsSession::Served TvsSession::answer_front(Bytes& plain, TvsWorkspace& work, Writer& reply,
                                            ShardContext& shard, bool& answered) {
  Counters& counters = shard.counters;
  for (;;) {
    // Some pad what they send with zeros, which begin no request.
    while (!plain.empty() && plain[0] == 0) plain = plain.subspan(1);
    Parsed<std::size_t> size = wire::tvs_message_size(plain);
    if (!size) return Served::malformed;
    if (*size == 0 || *size > plain.size()) return Served::all;
    Writer attempt = reply;
    Question record{.from = peer_, .at = shard.ring.now(), .presented = presented_};
    Parsed<void> answer =
        answer_tvs(plain.first(*size), shard.pins.current(), work.digests, calendar_now(), attempt, record);
    if (!answer) {
      if (log::debug_enabled()) log::debug("tvs: malformed request: " + answer.error().text());
      return Served::malformed;
    }
    if (!attempt.ok()) return Served::reply_full;
    reply = attempt;
    plain = plain.subspan(*size);
    answered = true;
    if (record.kind == QuestionKind::verify) {
      (record.answered_yes ? counters.tvs_verify_valid : counters.tvs_verify_invalid).add();
    } else {
      (record.answered_yes ? counters.tvs_query_found : counters.tvs_query_not_found).add();
    }
    if (!awaited_.add(record, work.awaited)) note(record, shard);
  }
}

Status TvsSession::start(const View& view, unsigned shard, const io::Host& peer) {
  assert(state_ == State::ended && partial_.empty());
  if (Status started = engine_.start(view.tls[shard]); !started) return started;
  state_ = State::handshake;
  output_ = 0;
  peer_ = peer;
  presented_ = view.tvs_certificate;
  return {};
}

void TvsSession::reset(TvsWorkspace& work, ShardContext& shard) {
  engine_.reset();
  partial_.drop(work.partial);
  awaited_.give_up(work.awaited, [&](const Question& question) { note(question, shard); });
  state_ = State::ended;
}

StreamProgress TvsSession::advance(Bytes input, MutableBytes room, TvsWorkspace& work, ShardContext& shard) {
  StreamProgress progress;
  engine_.take_into(room);
  if (!input.empty()) engine_.give(input);
  if (state_ == State::handshake) {
    Trouble trouble{.service = TlsService::tvs, .from = peer_, .presented = presented_};
    HandshakeResult result = continue_handshake(engine_, shard.counters.tvs_tls(), trouble, shard);
    if (result == HandshakeResult::done) state_ = State::open;
    if (result == HandshakeResult::full) progress.next = StreamNext::flush_first;
    if (result == HandshakeResult::refused) state_ = State::ended;
  }
  if (state_ == State::open) progress.next = serve(work, shard, progress.answered);
  if (state_ == State::ended) progress.next = StreamNext::finish;
  progress.produced = engine_.produced();
  output_ += progress.produced;
  progress.awaited = awaited_.last();
  return progress;
}

void TvsSession::acknowledged(std::uint64_t bytes, TvsWorkspace& work, ShardContext& shard) {
  awaited_.settle(bytes, work.awaited, [&](Question question) {
    question.delivered = true;
    note(question, shard);
  });
}

std::size_t TvsSession::write_close_notify(MutableBytes room) {
  engine_.take_into(room);
  if (state_ == State::open) (void)engine_.close();
  state_ = State::ended;
  return engine_.produced();
}

StreamNext TvsSession::serve(TvsWorkspace& work, ShardContext& shard, bool& answered) {
  Bytes plain = partial_.take(work.partial, work.plain);
  Writer reply{work.reply};
  Served served = answer_front(plain, work, reply, shard, answered);
  StreamNext next = StreamNext::more_input;
  while (served == Served::all && next == StreamNext::more_input) {
    // What is left is less than a request, so a whole record fits behind it.
    if (plain.data() != work.plain.data()) std::memmove(work.plain.data(), plain.data(), plain.size());
    MutableBytes tail = MutableBytes(work.plain).subspan(plain.size());
    std::size_t count = 0;
    crypto::TlsEngine::Outcome outcome = engine_.read(tail, count);
    plain = Bytes(work.plain).first(plain.size() + count);
    if (outcome == crypto::TlsEngine::Outcome::want_input) break;
    if (outcome == crypto::TlsEngine::Outcome::output_full) next = StreamNext::flush_first;
    if (outcome == crypto::TlsEngine::Outcome::peer_closed || outcome == crypto::TlsEngine::Outcome::failed)
      next = StreamNext::finish;
    if (outcome == crypto::TlsEngine::Outcome::done)
      served = answer_front(plain, work, reply, shard, answered);
  }
  if (served == Served::reply_full) next = StreamNext::flush_first;
  if (served == Served::malformed) {
    shard.counters.tvs_malformed.add();
    next = StreamNext::finish;
  }
  // The requests before a malformed one, or before the close_notify, get their answers.
  if (reply.size() > 0) {
    crypto::TlsEngine::Outcome outcome = engine_.write(reply.written());
    if (outcome == crypto::TlsEngine::Outcome::done)
      awaited_.stamp(output_ + engine_.produced(), work.awaited);
    if (outcome == crypto::TlsEngine::Outcome::failed) next = StreamNext::finish;
  }
  if (next == StreamNext::finish) {
    (void)engine_.close();
    state_ = State::ended;
  } else {
    partial_.keep(plain, work.partial);
  }
  return next;
}

TvsProtocol::TvsProtocol(ShardContext& shard)
    : shard_(shard),
      workspace_(stream_slots(shard.settings.stream)),
      sessions_(std::make_unique<TvsSession[]>(stream_slots(shard.settings.stream))) {}

bool TvsProtocol::start(std::uint32_t slot, const io::Host& peer) {
  Status started = sessions_[slot].start(shard_.pins.current(), shard_.shard, peer);
  if (!started)
    log::error(log::Peers::connections, "tvs: cannot begin a TLS connection: " + started.error().text);
  return started.has_value();
}

bool TvsProtocol::handshaking(std::uint32_t slot) const {
  return sessions_[slot].state() == TvsSession::State::handshake;
}

StreamProgress TvsProtocol::advance(std::uint32_t slot, Bytes input, MutableBytes room) {
  return sessions_[slot].advance(input, room, workspace_, shard_);
}

std::size_t TvsProtocol::write_close_notify(std::uint32_t slot, MutableBytes room) {
  return sessions_[slot].write_close_notify(room);
}

}  // namespace anchord::service

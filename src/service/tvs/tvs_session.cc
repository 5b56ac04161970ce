#include "tvs/tvs_session.h"

#include "anchord/base/clock.h"
#include "anchord/base/log.h"
#include "stream/tls_handshake.h"
#include "tvs/tvs_answer.h"

namespace anchord::service {

using Outcome = RequestStream::Outcome;

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
  ANCHORD_TRY(stream_.start(&view.tls[shard]));
  peer_ = peer;
  presented_ = view.tvs_certificate;
  return {};
}

void TvsSession::reset(TvsWorkspace& work, ShardContext& shard) {
  awaited_.give_up(work.awaited, [&](const Question& question) { note(question, shard); });
  stream_.reset(work.partial);
}

StreamProgress TvsSession::advance(Bytes input, MutableBytes room, TvsWorkspace& work, ShardContext& shard) {
  StreamProgress progress = stream_.advance(
      input, room,
      [&](crypto::TlsEngine& engine) {
        const Trouble trouble{.service = TlsService::tvs, .from = peer_, .presented = presented_};
        return continue_handshake(engine, shard.counters.tvs_tls(), trouble, shard);
      },
      [&](StreamProgress& so_far) { return serve(work, shard, so_far.answered); });
  progress.awaited = awaited_.last();
  return progress;
}

void TvsSession::acknowledged(std::uint64_t bytes, TvsWorkspace& work, ShardContext& shard) {
  awaited_.settle(bytes, work.awaited, [&](Question question) {
    question.delivered = true;
    note(question, shard);
  });
}

StreamNext TvsSession::serve(TvsWorkspace& work, ShardContext& shard, bool& answered) {
  Writer reply{work.reply};
  const auto round = stream_.answer_requests(work.partial, work.plain, [&](Bytes& plain) {
    return answer_front(plain, work, reply, shard, answered);
  });
  StreamNext next = StreamNext::more_input;
  if (round.outcome == Outcome::output_full || round.served == Served::reply_full)
    next = StreamNext::flush_first;
  if (round.outcome == Outcome::peer_closed || round.outcome == Outcome::failed) next = StreamNext::finish;
  if (round.served == Served::malformed) {
    shard.counters.tvs_malformed.add();
    next = StreamNext::finish;
  }
  // The requests before a malformed one, or before the close_notify, get their answers.
  if (reply.size() > 0) {
    const Outcome outcome = stream_.write(reply.written());
    if (outcome == Outcome::done) awaited_.stamp(stream_.output() + stream_.produced(), work.awaited);
    if (outcome == Outcome::failed) next = StreamNext::finish;
  }
  if (next == StreamNext::finish) return stream_.close();
  stream_.keep(round.left, work.partial);
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

StreamProgress TvsProtocol::advance(std::uint32_t slot, Bytes input, MutableBytes room) {
  return sessions_[slot].advance(input, room, workspace_, shard_);
}

}  // namespace anchord::service

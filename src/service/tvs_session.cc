#include "tvs_session.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "anchord/base/log.h"
#include "tvs_answer.h"

namespace anchord::service {
namespace {

enum class Served { all, reply_full, malformed };

// Answers the whole requests at the front of `plain`, and moves it past them.
Served answer_front(Bytes& plain, const View& view, Writer& reply, Counters& counters, QuestionLog& log,
                    unsigned& answered) {
  for (;;) {
    Parsed<std::size_t> size = wire::tvs_message_size(plain);
    if (!size) return Served::malformed;
    if (*size == 0 || *size > plain.size()) return Served::all;
    Writer attempt = reply;
    Question record;
    Parsed<void> answer = answer_tvs(plain.first(*size), view, attempt, record);
    if (!answer) {
      if (log::debug_enabled()) log::debug("tvs: malformed request: " + answer.error().text());
      return Served::malformed;
    }
    if (!attempt.ok()) return Served::reply_full;
    reply = attempt;
    plain = plain.subspan(*size);
    ++answered;
    if (record.kind == QuestionKind::verify) {
      (record.answered_yes ? counters.tvs_verify_valid : counters.tvs_verify_invalid).add();
    } else {
      (record.answered_yes ? counters.tvs_query_found : counters.tvs_query_not_found).add();
    }
    if (!log.push(record)) counters.tvs_unrecorded.add();
  }
}

}  // namespace

Status TvsSession::start(const crypto::TlsContext& context) {
  assert(state_ == State::ended && partial_ == BufferPool::kNone);
  if (Status started = engine_.start(context); !started) return started;
  state_ = State::handshake;
  return {};
}

void TvsSession::reset(TvsWorkspace& work) {
  engine_.reset();
  if (partial_ != BufferPool::kNone) work.partial.release(partial_);
  partial_ = BufferPool::kNone;
  partial_size_ = 0;
  state_ = State::ended;
}

TvsSession::Progress TvsSession::advance(Bytes input, MutableBytes room, const View& view, TvsWorkspace& work,
                                         Counters& counters, QuestionLog& log) {
  Progress progress;
  engine_.take_into(room);
  if (!input.empty()) engine_.give(input);
  if (state_ == State::handshake) progress.next = shake_hands(counters);
  if (state_ == State::open) progress.next = serve(view, work, counters, log, progress.answered);
  if (state_ == State::ended) progress.next = Next::finish;
  progress.produced = engine_.produced();
  return progress;
}

std::size_t TvsSession::say_goodbye(MutableBytes room) {
  engine_.take_into(room);
  if (state_ == State::open) (void)engine_.close();
  state_ = State::ended;
  return engine_.produced();
}

TvsSession::Next TvsSession::shake_hands(Counters& counters) {
  switch (engine_.handshake()) {
    case crypto::TlsEngine::Outcome::done:
      state_ = State::open;
      counters.tvs_handshakes.add();
      if (engine_.resumed()) counters.tvs_resumed.add();
      return Next::more_input;
    case crypto::TlsEngine::Outcome::want_input:
      return Next::more_input;
    case crypto::TlsEngine::Outcome::output_full:
      return Next::flush_first;
    case crypto::TlsEngine::Outcome::peer_closed:
    case crypto::TlsEngine::Outcome::failed:
      if (log::debug_enabled()) log::debug("tvs: handshake refused: " + engine_.failure());
      counters.tvs_handshake_failures.add();
      state_ = State::ended;
      return Next::finish;
  }
  assert(false);
  return Next::finish;
}

TvsSession::Next TvsSession::serve(const View& view, TvsWorkspace& work, Counters& counters, QuestionLog& log,
                                   unsigned& answered) {
  Bytes plain = take_partial(work);
  Writer reply{work.reply};
  Served served = answer_front(plain, view, reply, counters, log, answered);
  Next next = Next::more_input;
  while (served == Served::all && next == Next::more_input) {
    // What is left is less than a request, so a whole record fits behind it.
    if (plain.data() != work.plain.data()) std::memmove(work.plain.data(), plain.data(), plain.size());
    MutableBytes tail = MutableBytes(work.plain).subspan(plain.size());
    std::size_t count = 0;
    crypto::TlsEngine::Outcome outcome = engine_.read(tail, count);
    plain = Bytes(work.plain).first(plain.size() + count);
    if (outcome == crypto::TlsEngine::Outcome::want_input) break;
    if (outcome == crypto::TlsEngine::Outcome::output_full) next = Next::flush_first;
    if (outcome == crypto::TlsEngine::Outcome::peer_closed || outcome == crypto::TlsEngine::Outcome::failed)
      next = Next::finish;
    if (outcome == crypto::TlsEngine::Outcome::done)
      served = answer_front(plain, view, reply, counters, log, answered);
  }
  if (served == Served::reply_full) next = Next::flush_first;
  if (served == Served::malformed) {
    counters.tvs_malformed.add();
    next = Next::finish;
  }
  // The requests before a malformed one, or before the goodbye, get their answers.
  if (reply.size() > 0 && engine_.write(reply.written()) == crypto::TlsEngine::Outcome::failed)
    next = Next::finish;
  if (next == Next::finish) {
    (void)engine_.close();
    state_ = State::ended;
  } else {
    keep_partial(plain, work);
  }
  return next;
}

void TvsSession::keep_partial(Bytes left, TvsWorkspace& work) {
  if (left.empty()) return;
  partial_ = work.partial.acquire();
  assert(left.size() <= work.partial[partial_].size());
  std::memcpy(work.partial[partial_].data(), left.data(), left.size());
  partial_size_ = static_cast<std::uint32_t>(left.size());
}

Bytes TvsSession::take_partial(TvsWorkspace& work) {
  std::uint32_t size = partial_size_;
  if (partial_ != BufferPool::kNone) {
    std::memcpy(work.plain.data(), work.partial[partial_].data(), size);
    work.partial.release(partial_);
    partial_ = BufferPool::kNone;
    partial_size_ = 0;
  }
  return Bytes(work.plain).first(size);
}

}  // namespace anchord::service

#include "stream/request_stream.h"

#include <algorithm>

namespace anchord::service {

Status RequestStream::start(const crypto::TlsContext* context) {
  assert(state_ == State::ended && partial_.empty());
  if (context != nullptr) ANCHORD_TRY(engine_.start(*context));
  state_ = context != nullptr ? State::handshake : State::open;
  output_ = 0;
  return {};
}

void RequestStream::reset(BufferPool& partial) {
  engine_.reset();
  input_ = {};
  partial_.drop(partial);
  state_ = State::ended;
}

void RequestStream::take(Bytes input, MutableBytes room) {
  if (engine_.active()) {
    engine_.take_into(room);
    if (!input.empty()) engine_.give(input);
  } else if (!input.empty()) {
    assert(input_.empty());
    input_ = input;
  }
}

StreamNext RequestStream::settle(HandshakeResult result) {
  if (result == HandshakeResult::done) state_ = State::open;
  if (result == HandshakeResult::refused) state_ = State::ended;
  return result == HandshakeResult::full ? StreamNext::flush_first : StreamNext::more_input;
}

RequestStream::Outcome RequestStream::read(MutableBytes room, std::size_t& count) {
  if (engine_.active()) return engine_.read(room, count);
  count = std::min(room.size(), input_.size());
  if (count == 0) return Outcome::want_input;
  std::memcpy(room.data(), input_.data(), count);
  input_ = input_.subspan(count);
  return Outcome::done;
}

std::size_t RequestStream::write_close_notify(MutableBytes room) {
  if (!engine_.active()) return 0;
  engine_.take_into(room);
  if (state_ == State::open) (void)engine_.close();
  state_ = State::ended;
  return engine_.produced();
}

StreamNext RequestStream::close() {
  if (engine_.active()) (void)engine_.close();
  state_ = State::ended;
  return StreamNext::finish;
}

}  // namespace anchord::service

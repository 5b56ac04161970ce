// The bytes of one connection on which requests are answered, plain or on TLS: the handshake, the loop over
// the requests, and the end. What a request is and what answers it is the protocol's business, as are records
// of what has arrived. No sockets and no clock.
//
//   handshake ──► open ──► ended
//       └─────────────────────┘
//
// Requests may arrive split and joined in any way. Invariant: between two calls of advance() everything
// readable has been answered, unless the result was flush_first; what is left is less than one request.
#pragma once

#include <cassert>
#include <cstdint>
#include <cstring>

#include "anchord/crypto/tls.h"
#include "stream/buffer_pool.h"
#include "stream/partial_input.h"
#include "stream/stream_protocol.h"
#include "stream/tls_handshake.h"

namespace anchord::service {

class RequestStream {
 public:
  using Outcome = crypto::TlsEngine::Outcome;

  // Begins a connection, which is plain without a context. Fails only without memory.
  Status start(const crypto::TlsContext* context);
  // The connection is gone. `partial` is the pool of all beginnings of requests.
  void reset(BufferPool& partial);

  bool handshaking() const { return state_ == State::handshake; }
  bool is_tls() const { return engine_.active(); }
  // As StreamProtocol's.
  std::size_t unread() const { return engine_.active() ? engine_.unread() : input_.size(); }
  std::size_t write_close_notify(MutableBytes room);

  // Does what StreamProtocol::advance() says, but for `awaited`. `handshake(engine)` continues a handshake,
  // as continue_handshake() does. `serve(progress)` answers what is there, and returns what next; on a plain
  // connection it also says in `progress` what it has written into the room.
  template <class Handshake, class Serve>
  StreamProgress advance(Bytes input, MutableBytes room, Handshake&& handshake, Serve&& serve) {
    StreamProgress progress;
    take(input, room);
    if (state_ == State::handshake) progress.next = settle(handshake(engine_));
    if (state_ == State::open) progress.next = serve(progress);
    if (state_ == State::ended) progress.next = StreamNext::finish;
    if (engine_.active()) progress.produced = engine_.produced();
    output_ += progress.produced + progress.body[0].size() + progress.body[1].size();
    return progress;
  }

  // Where a request was answered last, and why no further one was: `served` is the protocol's reason, whose
  // `all` means that no whole request is left; then `outcome` is why nothing more could be read.
  template <class Served>
  struct Round {
    Served served;
    Outcome outcome = Outcome::done;
    Bytes left;  // plain bytes behind the last request that was answered
  };
  // Answers requests until nothing can be read any more, or until answer(plain) does not return Served::all.
  // It answers the whole requests at the front of `plain`, and moves that past them. `plain` is a workspace
  // with room for less than a request and the next record behind it.
  template <class Answer>
  auto answer_requests(BufferPool& partial, MutableBytes workspace, Answer&& answer) {
    Bytes plain = partial_.take(partial, workspace);
    using Served = decltype(answer(plain));
    Round<Served> round{.served = answer(plain), .left = {}};
    while (round.served == Served::all && round.outcome == Outcome::done) {
      if (plain.data() != workspace.data()) std::memmove(workspace.data(), plain.data(), plain.size());
      std::size_t count = 0;
      round.outcome = read(workspace.subspan(plain.size()), count);
      plain = Bytes(workspace).first(plain.size() + count);
      if (round.outcome == Outcome::done) round.served = answer(plain);
    }
    round.left = plain;
    return round;
  }
  // Keeps what is left for the next round.
  void keep(Bytes left, BufferPool& partial) { partial_.keep(left, partial); }

  // Encrypts into the room, on TLS.
  Outcome write(Bytes plain) { return engine_.write(plain); }
  // How much of the room is used, on TLS.
  std::size_t produced() const { return engine_.produced(); }
  // Ends the connection, on TLS with a close_notify behind what was written.
  StreamNext close();
  // Bytes that were given to be sent before this call of advance(), in all.
  std::uint64_t output() const { return output_; }

 private:
  enum class State : std::uint8_t { handshake, open, ended };

  void take(Bytes input, MutableBytes room);
  StreamNext settle(HandshakeResult result);
  Outcome read(MutableBytes room, std::size_t& count);

  crypto::TlsEngine engine_;  // active on TLS only
  Bytes input_;               // on plain connections: given, and not read yet
  State state_ = State::ended;
  PartialInput partial_;
  std::uint64_t output_ = 0;
};

}  // namespace anchord::service

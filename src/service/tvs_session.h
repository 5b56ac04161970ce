// One TVS connection as a state machine over bytes: ciphertext in, ciphertext
// out, no sockets and no clock. Requests may arrive split and joined in any way.
//
//   handshake ──► open ──► ended
//       └─────────────────────┘
//
// Invariant: between two calls of advance() everything readable has been served,
// unless the result was flush_first; what is left is less than one request.
#pragma once

#include <cstdint>

#include "anchord/base/bytes.h"
#include "anchord/crypto/tls.h"
#include "anchord/service/activity_log.h"
#include "anchord/service/counters.h"
#include "anchord/service/view.h"
#include "anchord/wire/tvs.h"
#include "buffer_pool.h"

namespace anchord::service {

// The largest response is a query's: a header, and items for status, certificate,
// roles and TTL.
constexpr std::size_t kMaxTvsResponse = wire::kTvsHeaderSize + 64 + crypto::kMaxCertificateSize;
// Replies of one round are gathered into one write, and that into one send. The
// room for the send adds TLS's own bytes for two records and a pending ticket.
constexpr std::size_t kReplyRoom = kMaxTvsResponse + 1024;
constexpr std::size_t kOutputRoom = kReplyRoom + 4 * 1024;
constexpr std::size_t kMaxTvsMessage = wire::kTvsHeaderSize + wire::kMaxTvsBody;
constexpr std::size_t kMaxTlsRecord = 16 * 1024;
// Less than a request that waits for its rest, and the next record behind it.
constexpr std::size_t kPlainRoom = kMaxTvsMessage + kMaxTlsRecord;

// What all sessions of a shard share while they run, one after the other.
struct TvsWorkspace {
  explicit TvsWorkspace(std::uint32_t sessions)
      : partial(sessions, kPlainRoom), plain(kPlainRoom), reply(kReplyRoom) {}

  BufferPool partial;  // requests not answered yet, held only while there are any
  Buffer plain;
  Buffer reply;
};

class TvsSession {
 public:
  enum class State : std::uint8_t { handshake, open, ended };
  enum class Next : std::uint8_t {
    more_input,   // all input is used; come again when there is more
    flush_first,  // send the output, then come again with no input and fresh room
    finish,       // send the output, then close
  };
  struct Progress {
    Next next = Next::more_input;
    std::size_t produced = 0;  // bytes of `room` that are to be sent
    unsigned answered = 0;     // whole requests
  };

  Status start(const crypto::TlsContext& context);
  void reset(TvsWorkspace& work);

  State state() const { return state_; }
  // Input that was given and not used yet: it must stay in place.
  std::size_t unread() const { return engine_.unread(); }
  bool resumed() const { return engine_.resumed(); }

  // `input` is empty or continues the stream; given only when unread() is 0.
  // `room` holds kOutputRoom bytes.
  Progress advance(Bytes input, MutableBytes room, const View& view, TvsWorkspace& work, Counters& counters,
                   QuestionLog& log);

  // Says goodbye: the bytes of a close_notify, for a connection with no output
  // under way.
  std::size_t say_goodbye(MutableBytes room);

 private:
  Next shake_hands(Counters& counters);
  Next serve(const View& view, TvsWorkspace& work, Counters& counters, QuestionLog& log, unsigned& answered);
  void keep_partial(Bytes left, TvsWorkspace& work);
  Bytes take_partial(TvsWorkspace& work);

  crypto::TlsEngine engine_;
  State state_ = State::ended;
  std::uint32_t partial_ = BufferPool::kNone;
  std::uint32_t partial_size_ = 0;
};

}  // namespace anchord::service

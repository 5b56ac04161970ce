// One TVS connection as a state machine over bytes (RequestStream): ciphertext in, ciphertext
// out, no sockets, and of clocks only the calendar.
#pragma once

#include <cstdint>
#include <memory>

#include "anchord/wire/tvs.h"
#include "context/shard_context.h"
#include "stream/awaited_records.h"
#include "stream/buffer_pool.h"
#include "stream/request_stream.h"
#include "stream/stream_protocol.h"
#include "tvs/tvs_answer.h"

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
  // Phones ask one question after the other; few clients ask more at once.
  using Awaited = AwaitedRecords<Question, 8>;

  explicit TvsWorkspace(std::uint32_t sessions)
      : partial(sessions, kPlainRoom),
        awaited(sessions, Awaited::kRoom),
        plain(kPlainRoom),
        reply(kReplyRoom) {}

  BufferPool partial;  // requests not answered yet, held only while there are any
  BufferPool awaited;
  Buffer plain;
  Buffer reply;
  SignerDigests digests;
};

class TvsSession {
 public:
  // On the context of shard `shard` in the present view.
  Status start(const View& view, unsigned shard, const io::Host& peer);
  void reset(TvsWorkspace& work, ShardContext& shard);

  bool handshaking() const { return stream_.handshaking(); }
  std::size_t unread() const { return stream_.unread(); }

  // As StreamProtocol's; `room` holds kOutputRoom bytes.
  StreamProgress advance(Bytes input, MutableBytes room, TvsWorkspace& work, ShardContext& shard);
  void acknowledged(std::uint64_t bytes, TvsWorkspace& work, ShardContext& shard);
  std::size_t write_close_notify(MutableBytes room) { return stream_.write_close_notify(room); }

 private:
  enum class Served : std::uint8_t { all, reply_full, malformed };

  StreamNext serve(TvsWorkspace& work, ShardContext& shard, bool& answered);
  Served answer_front(Bytes& plain, TvsWorkspace& work, Writer& reply, ShardContext& shard, bool& answered);

  RequestStream stream_;
  TvsWorkspace::Awaited awaited_;  // answers that were sent, and perhaps have not arrived
  io::Host peer_;
  std::array<std::uint8_t, 8> presented_{};  // to the peer: View::tvs_certificate
};

// The sessions of one shard.
class TvsProtocol final : public StreamProtocol {
 public:
  explicit TvsProtocol(ShardContext& shard);

  std::size_t room() const override { return kOutputRoom; }
  bool start(std::uint32_t slot, const io::Host& peer) override;
  bool handshaking(std::uint32_t slot) const override { return sessions_[slot].handshaking(); }
  std::size_t unread(std::uint32_t slot) const override { return sessions_[slot].unread(); }
  StreamProgress advance(std::uint32_t slot, Bytes input, MutableBytes room) override;
  std::size_t write_close_notify(std::uint32_t slot, MutableBytes room) override {
    return sessions_[slot].write_close_notify(room);
  }
  void acknowledged(std::uint32_t slot, std::uint64_t bytes) override {
    sessions_[slot].acknowledged(bytes, workspace_, shard_);
  }
  void reset(std::uint32_t slot) override { sessions_[slot].reset(workspace_, shard_); }

 private:
  ShardContext& shard_;
  TvsWorkspace workspace_;
  std::unique_ptr<TvsSession[]> sessions_;
};

}  // namespace anchord::service

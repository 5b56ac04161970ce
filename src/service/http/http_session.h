// One HTTP connection, plain or on TLS, as a state machine over bytes (RequestStream): no
// sockets and no clock. Answers leave in order.
//
//   handshake ──► open ◄──► sending a file ──► ended
//       └──────────┴─────────────────────────────┘
//
// A file's bytes are references into the snapshot when the connection is plain, and
// are encrypted piece by piece into the output's room when it is not. The view that
// they lie in is pinned from the answer's head until the last byte was taken, or until
// there is a newer view: then the file's bytes alone are held. No body mixes two
// versions, and a slow reader holds no view.
#pragma once

#include <memory>

#include "http/http_answer.h"
#include "limits/slot_list.h"
#include "stream/awaited_records.h"
#include "stream/buffer_pool.h"
#include "stream/request_stream.h"
#include "stream/stream_protocol.h"

namespace anchord::service {

// What all connections of a service share while they run, one after the other.
struct HttpWorkspace {
  // Two that one request follows upon the other's heels.
  using Awaited = AwaitedRecords<Download, 2>;

  // Answers without a file are gathered into one send, as many as fit.
  static constexpr std::size_t kReplyRoom = 4 * 1024;
  static constexpr std::size_t kMaxTlsRecord = 16 * 1024;
  // What TLS adds to a record, and to the piece of one byte that TLS 1.0 splits off.
  static constexpr std::size_t kTlsOverhead = 256;
  // A send's room on TLS: two full records of a file.
  static constexpr std::size_t kTlsRoom = kReplyRoom + 2 * (kMaxTlsRecord + kTlsOverhead);

  HttpWorkspace(const HttpService& made, std::uint32_t sessions)
      : service(made),
        partial(sessions, wire::kMaxHttpHead),
        awaited(sessions, Awaited::kRoom),
        plain(wire::kMaxHttpHead),
        reply(kReplyRoom) {}

  HttpService service;
  BufferPool partial;  // requests not answered yet, held only while there are any
  BufferPool awaited;
  Buffer plain;
  Buffer reply;
};

class HttpSession {
 public:
  // Without a context the connection is plain.
  Status start(const crypto::TlsContext* context, const io::Host& peer);
  void reset(HttpWorkspace& work);

  bool handshaking() const { return stream_.handshaking(); }
  std::size_t unread() const { return stream_.unread(); }

  bool holds_view() const { return static_cast<bool>(transfer_.pin); }
  // As StreamProtocol's.
  std::uint64_t reads_since(const ShardContext& shard) const;
  // Goes on with a hold on its file alone: for when a newer view is there.
  void let_go_of_view(HttpWorkspace& work);

  // As StreamProtocol's.
  StreamProgress advance(Bytes input, MutableBytes room, HttpWorkspace& work);
  void taken(Millis sent) { sent_ = sent; }
  void acknowledged(std::uint64_t bytes, HttpWorkspace& work);
  std::size_t write_close_notify(MutableBytes room) { return stream_.write_close_notify(room); }

 private:
  enum class Served : std::uint8_t { all, reply_full, file, last };

  // The bytes of a file that are on their way.
  struct Transfer {
    Pins::Pin pin;  // none any more: the answer's file is `entry`
    std::shared_ptr<const index::FileEntry> entry{};
    std::uint64_t version = 0;  // of the view that it began with
    HttpAnswer answer;
    Millis began = 0;
    std::size_t at = 0;  // what has been given to be sent, from answer.begin on
    Bytes piece;         // ... and TLS has not taken yet
  };

  StreamNext serve(MutableBytes room, HttpWorkspace& work, StreamProgress& progress);
  Served answer_front(Bytes& plain, Writer& reply, HttpWorkspace& work, bool& answered);
  StreamNext give_file(std::size_t room, StreamProgress& progress);
  Download download_of_transfer(const HttpService& service) const;
  bool is_recorded_transfer() const;
  void end_transfer(bool taken, HttpWorkspace& work);

  RequestStream stream_;
  Transfer transfer_;
  Millis sent_ = 0;                 // when the last of what the socket has taken was sent
  HttpWorkspace::Awaited awaited_;  // files that the socket has taken, and the peer perhaps not
  io::Host peer_;
};

// The connections of one shard's service.
class HttpProtocol final : public StreamProtocol {
 public:
  HttpProtocol(ShardContext& shard, Protocol protocol, const HttpCounters& counters);
  ~HttpProtocol() override;
  HttpProtocol(const HttpProtocol&) = delete;
  HttpProtocol& operator=(const HttpProtocol&) = delete;

  std::size_t room() const override;
  bool start(std::uint32_t slot, const io::Host& peer) override;
  bool handshaking(std::uint32_t slot) const override { return sessions_[slot].handshaking(); }
  std::size_t unread(std::uint32_t slot) const override { return sessions_[slot].unread(); }
  StreamProgress advance(std::uint32_t slot, Bytes input, MutableBytes room) override;
  void taken(std::uint32_t slot, Millis sent) override { sessions_[slot].taken(sent); }
  void acknowledged(std::uint32_t slot, std::uint64_t bytes) override {
    sessions_[slot].acknowledged(bytes, workspace_);
  }
  std::size_t write_close_notify(std::uint32_t slot, MutableBytes room) override {
    return sessions_[slot].write_close_notify(room);
  }
  void reset(std::uint32_t slot) override;
  std::uint64_t reads_since(std::uint32_t slot) const override { return sessions_[slot].reads_since(shard_); }
  void tick() override;

 private:
  ShardContext& shard_;
  HttpWorkspace workspace_;
  SlotList pinning_;           // those that hold a view
  std::uint64_t version_ = 0;  // of the view in the last tick
  std::unique_ptr<HttpSession[]> sessions_;
};

}  // namespace anchord::service

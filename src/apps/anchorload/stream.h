// A connection of a client: TCP, or TLS over it, on the worker's ring. Reusable, one
// connection after the other, to wherever the next one is to go.
//
// It connects without waiting: over TCP what is sent goes out once it is connected, over TLS
// it must not be sent before the handshake is done (ready()).
// Bytes and the end are told to the owner, from within on_completion(). After the end,
// and after close(), open() may be called when idle() says so.
#pragma once

#include <memory>
#include <optional>

#include "anchord/base/file_descriptor.h"
#include "anchord/crypto/tls.h"
#include "client.h"
#include "failure.h"

namespace anchord::load {

class StreamOwner {
 public:
  virtual void on_bytes(Bytes bytes) = 0;
  // The TLS handshake is done: to look at tls(), and to send, or to close() if it is the
  // wrong one.
  virtual void on_secured() {}
  // The connection is over: by the server (closed, network, refused), or for what it
  // did to TLS (protocol). Not after close().
  virtual void on_end(const Failure& failure) = 0;
  // What was in flight on it has come back.
  virtual void on_idle() = 0;

 protected:
  ~StreamOwner() = default;
};

class Stream {
 public:
  // The completions of `client` with these parts belong here.
  static constexpr std::uint8_t kReceivePart = 0;
  static constexpr std::uint8_t kSendPart = 1;
  static constexpr std::uint8_t kConnectPart = 2;
  static constexpr bool has(std::uint8_t part) { return part <= kConnectPart; }

  Stream(StreamOwner& owner, Worker& worker, std::uint32_t client);

  bool idle() const { return fd_ < 0; }
  bool is_open() const { return fd_ >= 0 && !closing_; }
  bool ready() const { return is_open() && (!secure_ || tls_->handshake_done()); }

  // How the next connection is made.
  struct How {
    const crypto::TlsContext* tls = nullptr;  // null: plain TCP
    crypto::TlsSession session = {};          // to resume
  };
  // Makes the socket of the next connection, which open() does otherwise.
  std::optional<Failure> prepare(const io::Host& target);
  // What could be seen at once; everything else is told by on_end().
  std::optional<Failure> open(const io::Address& target, const How& how);
  // Each piece is a TLS record of its own; all leave together.
  void add(Bytes bytes);
  void send();
  void send(Bytes bytes) {
    add(bytes);
    send();
  }
  void close();
  // Lets at least one byte and at most `bytes` of what comes from now on arrive: behind them the stream ends
  // as if the server had closed it, and the server knows that the rest did not arrive.
  std::optional<Failure> cut_after(std::size_t bytes);
  void on_completion(std::uint8_t part, const io::Completion& completion);
  // Ends the connection as one that no answer came by, from this moment on: what arrives later is not
  // acknowledged any more. False: something has arrived that nobody has looked at yet, which the server knows
  // as acknowledged, and it comes as usual.
  bool give_up();
  // What there is to know of a TLS connection, until its end.
  const crypto::TlsEngine& tls() const { return *tls_; }

 private:
  void on_connected(const io::Completion& completion);
  void on_received(const io::Completion& completion);
  void on_sent(const io::Completion& completion);
  void decrypt(Bytes ciphertext);
  bool advance_handshake();
  void take_output();
  Failure why(int error) const;
  void end(const Failure& failure);
  void settle();

  StreamOwner& owner_;
  Worker& worker_;
  const std::uint32_t client_;
  std::unique_ptr<crypto::TlsEngine> tls_;  // made when it is needed for the first time
  bool secure_ = false;
  FileDescriptor prepared_;
  io::Address target_;
  int fd_ = -1;
  bool connecting_ = false;
  bool closing_ = false;
  bool cut_ = false;
  bool receiving_ = false;  // armed
  bool sending_ = false;
  Buffer out_;  // being sent
  std::size_t sent_ = 0;
  Buffer next_out_;  // to be sent after that
};

}  // namespace anchord::load

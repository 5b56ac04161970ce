// TLS as a transformation of bytes: contexts (settings, certificate, key) and an
// engine (one connection) that reads and writes the caller's memory. No sockets.
//
// Contexts: made per thread, used by one thread at a time; a copy is a handle on the
// same context. An engine keeps its context alive.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "anchord/base/bytes.h"
#include "anchord/base/error.h"
#include "anchord/crypto/certificate.h"
#include "anchord/crypto/private_key.h"

struct ssl_st;
struct bio_st;

namespace anchord::crypto {

enum class TlsVersion { v1_0, v1_1, v1_2, v1_3 };
inline constexpr std::array kTlsVersions{TlsVersion::v1_0, TlsVersion::v1_1, TlsVersion::v1_2,
                                         TlsVersion::v1_3};

Result<TlsVersion> parse_tls_version(std::string_view text);  // "1.2"
std::string_view to_text(TlsVersion version);

// For TLS 1.2 and older, best first; 1.3 has a list of its own. The last two are all
// that the oldest phones have.
constexpr std::string_view kDefaultCiphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:"
    "AES128-GCM-SHA256:AES256-GCM-SHA384:AES256-SHA:AES128-SHA";

// Checks that the library knows all ciphers that a list names.
Status check_ciphers(const std::string& ciphers);

// Keys of session tickets. All shards hold the same, so that a ticket from one is
// good at another; after a rotation tickets under the previous key still are.
// Wiped at the end.
struct TicketKeys {
  static constexpr std::size_t kSize = 48;  // 16 name, 16 HMAC-SHA256, 16 AES-128
  using Key = std::array<std::uint8_t, kSize>;

  Key current{};
  Key previous{};

  static TicketKeys generate();
  void rotate();

  TicketKeys() = default;
  TicketKeys(const TicketKeys&) = default;
  TicketKeys& operator=(const TicketKeys&) = default;
  ~TicketKeys();
};

struct TlsServerSettings {
  Certificate certificate;
  PrivateKey key;
  TlsVersion min = TlsVersion::v1_2;
  TlsVersion max = TlsVersion::v1_3;
  std::string ciphers{kDefaultCiphers};
  TicketKeys ticket_keys;
};

// What a client shows to a server that asks who it is.
struct TlsIdentity {
  Certificate certificate;
  PrivateKey key;
};

struct TlsClientSettings {
  TlsVersion min = TlsVersion::v1_2;
  TlsVersion max = TlsVersion::v1_3;
  std::string ciphers{kDefaultCiphers};
  // The server must present exactly this certificate.
  std::optional<Certificate> pinned;
  // Or one that leads to one of these, is valid now, is meant for servers, and is for `server`: a name, or an
  // IP address. Without either any server is taken: for load and for looking at one, never for trust.
  std::vector<Certificate> roots;
  std::string server;
  std::optional<TlsIdentity> identity;
};

class TlsContext {
 public:
  // Fails when key and certificate do not belong together, the cipher list is not
  // understood, or min exceeds max. A server does not ask for client certificates. This is the
  // only place that binds a private key to TLS: another signer goes in here.
  static Result<TlsContext> server(const TlsServerSettings& settings);
  static Result<TlsContext> client(const TlsClientSettings& settings);

  // For a server, at a rotation; from the thread that uses the context.
  void set_ticket_keys(const TicketKeys& keys);

  struct Impl;  // inside crypto only

 private:
  friend class TlsEngine;
  explicit TlsContext(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

  std::shared_ptr<Impl> impl_;  // never null
};

// A client's means to resume. Empty until the server has given one.
class TlsSession {
 public:
  TlsSession() = default;
  explicit operator bool() const { return impl_ != nullptr; }

 private:
  friend class TlsEngine;
  friend struct TlsCallbacks;  // inside crypto only
  std::shared_ptr<void> impl_;
};

// One connection at a time; reusable. The caller gives what came from the peer,
// calls one of the operations, and sends what was put into its room:
//
//   engine.take_into(room);              // again after each send
//   engine.give(received);
//   engine.handshake() / read() / write() / close()
//   send(room.first(engine.produced()));
//
// An operation may produce output whatever its outcome, a failure included (the
// alert): send it always.
class TlsEngine {
 public:
  enum class Outcome {
    done,
    want_input,   // everything given was consumed
    output_full,  // send, take_into() again, and repeat the call
    peer_closed,  // the peer said that it will send no more
    failed,       // failure() says why; only reset() is left
  };

  TlsEngine() = default;
  TlsEngine(const TlsEngine&) = delete;
  TlsEngine& operator=(const TlsEngine&) = delete;
  ~TlsEngine();

  // A new connection; the engine must not be active. Fails only without memory.
  Status start(const TlsContext& context);
  void reset();
  bool active() const { return ssl_ != nullptr; }

  // `ciphertext` is borrowed until it is consumed: unread() must be 0 before the
  // next, and reset() lets go of it.
  void give(Bytes ciphertext);
  std::size_t unread() const { return input_.size(); }

  // `room` is borrowed until the next take_into() or reset().
  void take_into(MutableBytes room);
  std::size_t produced() const { return produced_; }

  Outcome handshake();
  // Reads out of one record: done with count > 0. One record can hold more than
  // `plain` has room for, so read until want_input.
  Outcome read(MutableBytes plain, std::size_t& count);
  // Writes all bytes, or returns output_full: call it again with the same bytes then.
  Outcome write(Bytes plain);
  // Says that we send no more, after the last write is done. During the handshake it
  // does nothing.
  Outcome close();

  bool handshake_done() const;
  std::string_view version() const;  // "TLSv1.2"
  std::string_view cipher() const;   // "AES256-SHA"
  bool resumed() const;
  Buffer peer_certificate_der() const;  // empty when there is none
  std::string failure() const;          // one line, after `failed`
  // The alert with which the peer ended the connection (RFC 8446, 6.2), after `failed`; 0:
  // it was not the peer. A claim: in the clear anybody on the way can say it.
  std::uint8_t peers_alert() const;

  // Client only. set_session() before the handshake; session() after the first read (TLS
  // 1.3 brings it behind the handshake).
  void set_session(const TlsSession& session);
  const TlsSession& session() const { return session_; }

 private:
  friend struct TlsCallbacks;  // inside crypto only

  Outcome outcome_of(int result);
  static std::uint8_t plain_alert(Bytes records);

  std::shared_ptr<TlsContext::Impl> context_;
  ssl_st* ssl_ = nullptr;
  bio_st* bio_ = nullptr;  // made at the first start, kept across connections
  Bytes input_;            // given and not yet consumed
  MutableBytes room_;
  std::size_t produced_ = 0;
  bool closed_ = false;
  bool failed_ = false;
  std::string distrust_;          // why the peer's certificate is not taken
  std::uint8_t plain_alert_ = 0;  // came unencrypted with what failed
  std::uint32_t reason_ = 0;      // the library's code, turned into text only when asked
  TlsSession session_;
};

}  // namespace anchord::crypto

#include <fmt/core.h>
#include <openssl/bio.h>
#include <openssl/cipher.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/pool.h>

#include <algorithm>
#include <cassert>
#include <cstring>

#include "anchord/base/ip_address.h"
#include "anchord/crypto/random.h"
#include "anchord/crypto/tls.h"
#include "tls_impl.h"

namespace anchord::crypto {

using Outcome = TlsEngine::Outcome;

// The library reads a record's header and then its body, never further: what is left
// of the input belongs to later calls.
int TlsCallbacks::bio_read(BIO* bio, char* out, int size) {
  auto& engine = *static_cast<TlsEngine*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  std::size_t count = std::min(engine.input_.size(), static_cast<std::size_t>(size));
  if (count == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  std::memcpy(out, engine.input_.data(), count);
  engine.input_ = engine.input_.subspan(count);
  return static_cast<int>(count);
}

// Takes a part when there is no room for all; the library keeps the rest.
int TlsCallbacks::bio_write(BIO* bio, const char* in, int size) {
  auto& engine = *static_cast<TlsEngine*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  MutableBytes free = engine.room_.subspan(engine.produced_);
  std::size_t count = std::min(free.size(), static_cast<std::size_t>(size));
  if (count == 0) {
    BIO_set_retry_write(bio);
    return -1;
  }
  std::memcpy(free.data(), in, count);
  engine.produced_ += count;
  return static_cast<int>(count);
}

long TlsCallbacks::bio_ctrl(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

const BIO_METHOD* TlsCallbacks::bio_method() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "span");
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_ctrl(made, bio_ctrl);
    return made;
  }();
  return method;
}

// RFC 5077, section 4: AES-128-CBC under HMAC-SHA256. Returns 1 for a good ticket, 2
// for a good one that should be replaced, 0 for one to ignore.
int TlsCallbacks::ticket_key(SSL* ssl, std::uint8_t* name, std::uint8_t* iv, EVP_CIPHER_CTX* cipher,
                             HMAC_CTX* mac, int encrypt) {
  constexpr std::size_t kPart = TicketKeys::kSize / 3;
  const TicketKeys& keys = engine_of(ssl).context_->ticket_keys;
  const TicketKeys::Key* key = &keys.current;
  if (encrypt != 0) {
    std::memcpy(name, key->data(), kPart);
    fill_random({iv, EVP_MAX_IV_LENGTH});
  } else if (std::memcmp(name, key->data(), kPart) != 0) {
    key = &keys.previous;
    if (std::memcmp(name, key->data(), kPart) != 0) return 0;
  }
  const std::uint8_t* mac_key = key->data() + kPart;
  const std::uint8_t* cipher_key = key->data() + 2 * kPart;
  if (HMAC_Init_ex(mac, mac_key, kPart, EVP_sha256(), nullptr) != 1 ||
      EVP_CipherInit_ex(cipher, EVP_aes_128_cbc(), nullptr, cipher_key, iv, encrypt) != 1) {
    return -1;
  }
  return key == &keys.current ? 1 : 2;
}

ssl_verify_result_t TlsCallbacks::verify(SSL* ssl, std::uint8_t* alert) {
  TlsEngine& engine = engine_of(ssl);
  const TlsContext::Impl& context = *engine.context_;
  if (context.pinned && !same_bytes(context.pinned->der(), engine.peer_certificate_der())) {
    engine.distrust_ = "the server presented another certificate than the one expected";
  } else if (context.roots != nullptr) {
    engine.distrust_ = distrust_of(SSL_get0_peer_certificates(ssl), context.roots.get(), context.server_name);
  }
  if (engine.distrust_.empty()) return ssl_verify_ok;
  *alert = SSL_AD_BAD_CERTIFICATE;
  return ssl_verify_invalid;
}

int TlsCallbacks::new_session(SSL* ssl, SSL_SESSION* session) {
  engine_of(ssl).session_.impl_ =
      std::shared_ptr<void>(session, [](void* p) { SSL_SESSION_free(static_cast<SSL_SESSION*>(p)); });
  return 1;  // the reference is ours now
}

TlsEngine::~TlsEngine() {
  reset();
  BIO_free(bio_);
}

Status TlsEngine::start(const TlsContext& context) {
  assert(!active());
  if (bio_ == nullptr) {
    bio_ = BIO_new(TlsCallbacks::bio_method());
    if (bio_ == nullptr) return fail("no memory for a TLS connection");
    BIO_set_data(bio_, this);
    BIO_set_init(bio_, 1);
  }
  ssl_ = SSL_new(context.impl_->ctx.get());
  if (ssl_ == nullptr) return fail(fmt::format("starting a TLS connection failed: {}", take_library_error()));
  context_ = context.impl_;
  SSL_set_app_data(ssl_, this);
  BIO_up_ref(bio_);
  SSL_set0_rbio(ssl_, bio_);
  BIO_up_ref(bio_);
  SSL_set0_wbio(ssl_, bio_);
  if (context_->server) {
    SSL_set_accept_state(ssl_);
    // A connection that waits for its next question keeps nothing of its handshake.
    SSL_set_shed_handshake_config(ssl_, 1);
  } else {
    SSL_set_connect_state(ssl_);
    // A name of the server's, so that one that has several certificates shows the right one; never an
    // address.
    const std::string& name = context_->server_name;
    if (!name.empty() && !parse_ip_address(name)) SSL_set_tlsext_host_name(ssl_, name.c_str());
  }
  return {};
}

void TlsEngine::reset() {
  SSL_free(ssl_);
  ssl_ = nullptr;
  context_.reset();
  input_ = {};
  room_ = {};
  produced_ = 0;
  closed_ = false;
  failed_ = false;
  distrust_.clear();
  plain_alert_ = 0;
  reason_ = 0;
  session_ = {};
}

void TlsEngine::give(Bytes ciphertext) {
  assert(input_.empty());
  input_ = ciphertext;
}

void TlsEngine::take_into(MutableBytes room) {
  room_ = room;
  produced_ = 0;
}

Outcome TlsEngine::outcome_of(int result) {
  if (result > 0) return Outcome::done;
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      assert(input_.empty());
      return Outcome::want_input;
    case SSL_ERROR_WANT_WRITE:
      return Outcome::output_full;
    case SSL_ERROR_ZERO_RETURN:
      return Outcome::peer_closed;
    default:
      failed_ = true;
      reason_ = ERR_peek_last_error();  // the TLS layer's own, behind the cipher's
      ERR_clear_error();
      return Outcome::failed;
  }
}

// A client of TLS 1.3 that refuses the server's certificate may say so in the clear, which the
// library takes for a broken record: it would expect the alert encrypted.
std::uint8_t TlsEngine::plain_alert(Bytes records) {
  constexpr std::size_t kHeader = 5;
  constexpr std::uint8_t kAlert = 21;
  while (records.size() >= kHeader) {
    std::size_t size = std::size_t{records[3]} << 8 | records[4];
    if (records.size() < kHeader + size) break;
    if (records[0] == kAlert && size == 2) return records[kHeader + 1];
    records = records.subspan(kHeader + size);
  }
  return 0;
}

Outcome TlsEngine::handshake() {
  assert(active());
  if (failed_) return Outcome::failed;
  const Bytes given = input_;
  Outcome outcome = outcome_of(SSL_do_handshake(ssl_));
  if (outcome == Outcome::failed) plain_alert_ = plain_alert(given);
  return outcome;
}

Outcome TlsEngine::read(MutableBytes plain, std::size_t& count) {
  assert(handshake_done() && !plain.empty());
  count = 0;
  if (failed_) return Outcome::failed;
  int result = SSL_read(ssl_, plain.data(), static_cast<int>(plain.size()));
  if (result > 0) count = static_cast<std::size_t>(result);
  return outcome_of(result);
}

Outcome TlsEngine::write(Bytes plain) {
  assert(handshake_done());
  if (failed_) return Outcome::failed;
  if (plain.empty()) return Outcome::done;
  return outcome_of(SSL_write(ssl_, plain.data(), static_cast<int>(plain.size())));
}

Outcome TlsEngine::close() {
  assert(active());
  if (failed_) return Outcome::failed;
  // Asked again, the library would wait for the peer's own close.
  if (closed_) return Outcome::done;
  int result = SSL_shutdown(ssl_);
  closed_ = result >= 0;
  return closed_ ? Outcome::done : outcome_of(result);
}

bool TlsEngine::handshake_done() const {
  return active() && SSL_in_init(ssl_) == 0;
}

std::string_view TlsEngine::version() const {
  return active() ? SSL_get_version(ssl_) : "";
}

std::string_view TlsEngine::cipher() const {
  const SSL_CIPHER* cipher = active() ? SSL_get_current_cipher(ssl_) : nullptr;
  return cipher != nullptr ? SSL_CIPHER_get_name(cipher) : "";
}

bool TlsEngine::resumed() const {
  return active() && SSL_session_reused(ssl_) == 1;
}

Buffer TlsEngine::peer_certificate_der() const {
  const STACK_OF(CRYPTO_BUFFER)* chain = active() ? SSL_get0_peer_certificates(ssl_) : nullptr;
  if (chain == nullptr || sk_CRYPTO_BUFFER_num(chain) == 0) return {};
  const CRYPTO_BUFFER* leaf = sk_CRYPTO_BUFFER_value(chain, 0);
  return Buffer(CRYPTO_BUFFER_data(leaf), CRYPTO_BUFFER_data(leaf) + CRYPTO_BUFFER_len(leaf));
}

std::string TlsEngine::failure() const {
  if (!distrust_.empty()) return distrust_;
  const char* reason = ERR_reason_error_string(reason_);
  return fmt::format("TLS: {}", reason != nullptr ? reason : "no reason given");
}

std::uint8_t TlsEngine::peers_alert() const {
  bool is_alert = ERR_GET_LIB(reason_) == ERR_LIB_SSL && ERR_GET_REASON(reason_) > SSL_AD_REASON_OFFSET &&
                  ERR_GET_REASON(reason_) <= SSL_AD_REASON_OFFSET + 255;
  return is_alert ? static_cast<std::uint8_t>(ERR_GET_REASON(reason_) - SSL_AD_REASON_OFFSET) : plain_alert_;
}

void TlsEngine::set_session(const TlsSession& session) {
  assert(active() && !context_->server);
  if (session) SSL_set_session(ssl_, static_cast<SSL_SESSION*>(session.impl_.get()));
}

}  // namespace anchord::crypto

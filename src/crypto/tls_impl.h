// What a TLS context is made of, for the engine that runs on it.
#pragma once

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <optional>
#include <string>

#include "anchord/crypto/tls.h"
#include "boringssl.h"

namespace anchord::crypto {

struct TlsContext::Impl {
  bssl::UniquePtr<SSL_CTX> ctx;
  bool server = false;
  TicketKeys ticket_keys;  // server
  // Of a client.
  std::optional<Certificate> pinned;
  bssl::UniquePtr<X509_STORE> roots;  // null: none are asked for
  std::string server_name;
};

// Why a server with this name is not the one that shows these certificates, its own first; empty when it is.
std::string distrust_of(const STACK_OF(CRYPTO_BUFFER) * shown, X509_STORE* roots, const std::string& server);

// Called by the library; each finds its engine through the SSL or BIO it is given.
struct TlsCallbacks {
  static TlsEngine& engine_of(const SSL* ssl) { return *static_cast<TlsEngine*>(SSL_get_app_data(ssl)); }

  static int bio_read(BIO* bio, char* out, int size);
  static int bio_write(BIO* bio, const char* in, int size);
  static long bio_ctrl(BIO* bio, int command, long number, void* pointer);
  static const BIO_METHOD* bio_method();

  static int ticket_key(SSL* ssl, std::uint8_t* name, std::uint8_t* iv, EVP_CIPHER_CTX* cipher, HMAC_CTX* mac,
                        int encrypt);
  static ssl_verify_result_t verify(SSL* ssl, std::uint8_t* alert);
  static int new_session(SSL* ssl, SSL_SESSION* session);
};

}  // namespace anchord::crypto

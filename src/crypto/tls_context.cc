#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/pool.h>
#include <openssl/stack.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <cassert>

#include "anchord/base/ip_address.h"
#include "anchord/crypto/random.h"
#include "anchord/crypto/tls.h"
#include "tls_impl.h"

namespace anchord::crypto {
namespace {

struct VersionName {
  std::string_view text;
  std::uint16_t wire;
};

constexpr std::array<VersionName, kTlsVersions.size()> kVersions{{
    {"1.0", TLS1_VERSION},
    {"1.1", TLS1_1_VERSION},
    {"1.2", TLS1_2_VERSION},
    {"1.3", TLS1_3_VERSION},
}};

const VersionName& entry(TlsVersion version) {
  return kVersions[static_cast<std::size_t>(version)];
}

template <class Settings>
Result<bssl::UniquePtr<SSL_CTX>> make_context(const Settings& settings) {
  if (settings.min > settings.max) {
    return fail(fmt::format("the lowest TLS version, {}, is above the highest, {}", to_text(settings.min),
                            to_text(settings.max)));
  }
  bssl::UniquePtr<SSL_CTX> ctx(SSL_CTX_new(TLS_with_buffers_method()));
  bool ok = ctx != nullptr && SSL_CTX_set_min_proto_version(ctx.get(), entry(settings.min).wire) == 1 &&
            SSL_CTX_set_max_proto_version(ctx.get(), entry(settings.max).wire) == 1;
  if (!ok) return fail(fmt::format("making a TLS context failed: {}", take_library_error()));
  if (SSL_CTX_set_strict_cipher_list(ctx.get(), settings.ciphers.c_str()) != 1) {
    return fail(
        fmt::format("bad TLS cipher list '{}' ({}): use names such as AES256-SHA with ':' between them",
                    settings.ciphers, take_library_error()));
  }
  // The bytes of a write that is repeated are the same, but may have moved.
  SSL_CTX_set_mode(ctx.get(), SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return ctx;
}

// Has the context show this certificate.
Status present(SSL_CTX* ctx, const Certificate& certificate, const PrivateKey& key) {
  if (!key.matches(certificate)) {
    return fail(fmt::format("the private key does not belong to the certificate '{}'",
                            certificate.subject().to_vendor()));
  }
  Bytes der = certificate.der();
  bssl::UniquePtr<CRYPTO_BUFFER> leaf(CRYPTO_BUFFER_new(der.data(), der.size(), nullptr));
  CRYPTO_BUFFER* chain[] = {leaf.get()};
  if (SSL_CTX_set_chain_and_key(ctx, chain, 1, key.impl().key.get(), nullptr) == 1) return {};
  return fail(fmt::format("the certificate '{}' does not do for TLS: {}", certificate.subject().to_vendor(),
                          take_library_error()));
}

Result<bssl::UniquePtr<X509_STORE>> make_store(const std::vector<Certificate>& roots) {
  bssl::UniquePtr<X509_STORE> out(X509_STORE_new());
  for (const Certificate& root : roots) {
    Bytes der = root.der();
    bssl::UniquePtr<CRYPTO_BUFFER> buffer(CRYPTO_BUFFER_new(der.data(), der.size(), nullptr));
    bssl::UniquePtr<X509> x509(X509_parse_from_buffer(buffer.get()));
    if (x509 == nullptr || X509_STORE_add_cert(out.get(), x509.get()) != 1) {
      return fail(fmt::format("the certificate '{}' does not do as a root: {}", root.subject().to_vendor(),
                              take_library_error()));
    }
  }
  return out;
}

}  // namespace

Result<TlsVersion> parse_tls_version(std::string_view text) {
  for (TlsVersion version : kTlsVersions) {
    if (to_text(version) == text) return version;
  }
  return fail(fmt::format("'{}' is not a TLS version: use 1.0, 1.1, 1.2 or 1.3", text));
}

std::string_view to_text(TlsVersion version) {
  return entry(version).text;
}

Status check_ciphers(const std::string& ciphers) {
  auto made = make_context(TlsClientSettings{.ciphers = ciphers, .pinned = {}});
  return made ? Status() : std::unexpected(std::move(made.error()));
}

TicketKeys TicketKeys::generate() {
  TicketKeys out;
  fill_random(out.current);
  fill_random(out.previous);
  return out;
}

void TicketKeys::rotate() {
  previous = current;
  fill_random(current);
}

TicketKeys::~TicketKeys() {
  wipe(current);
  wipe(previous);
}

Result<TlsContext> TlsContext::server(const TlsServerSettings& settings) {
  ANCHORD_TRY_ASSIGN(auto ctx, make_context(settings));
  ANCHORD_TRY(present(ctx.get(), settings.certificate, settings.key));
  SSL_CTX_set_options(ctx.get(), SSL_OP_CIPHER_SERVER_PREFERENCE);
  // Tickets only: a cache would be of one shard and of no use to its neighbours.
  SSL_CTX_set_session_cache_mode(ctx.get(), SSL_SESS_CACHE_OFF);
  // A ticket is good for this certificate alone: whoever resumes has trusted it once.
  const Sha256& id = settings.certificate.sha256();
  SSL_CTX_set_session_id_context(ctx.get(), id.data(), id.size());
  SSL_CTX_set_tlsext_ticket_key_cb(ctx.get(), TlsCallbacks::ticket_key);

  auto impl = std::make_shared<Impl>();
  impl->ctx = std::move(ctx);
  impl->server = true;
  impl->ticket_keys = settings.ticket_keys;
  return TlsContext(std::move(impl));
}

Result<TlsContext> TlsContext::client(const TlsClientSettings& settings) {
  assert(settings.roots.empty() || !settings.server.empty());
  ANCHORD_TRY_ASSIGN(auto ctx, make_context(settings));
  SSL_CTX_set_custom_verify(ctx.get(), SSL_VERIFY_PEER, TlsCallbacks::verify);
  SSL_CTX_set_reverify_on_resume(ctx.get(), 1);
  SSL_CTX_set_session_cache_mode(ctx.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(ctx.get(), TlsCallbacks::new_session);

  auto impl = std::make_shared<Impl>();
  if (settings.identity) {
    ANCHORD_TRY(present(ctx.get(), settings.identity->certificate, settings.identity->key));
  }
  if (!settings.roots.empty()) {
    ANCHORD_TRY_ASSIGN(impl->roots, make_store(settings.roots));
  }
  impl->ctx = std::move(ctx);
  impl->pinned = settings.pinned;
  impl->server_name = settings.server;
  return TlsContext(std::move(impl));
}

std::string distrust_of(const STACK_OF(CRYPTO_BUFFER) * shown, X509_STORE* roots, const std::string& server) {
  bssl::UniquePtr<X509> leaf;
  bssl::UniquePtr<STACK_OF(X509)> others(sk_X509_new_null());
  for (std::size_t i = 0; i < sk_CRYPTO_BUFFER_num(shown); ++i) {
    bssl::UniquePtr<X509> one(X509_parse_from_buffer(sk_CRYPTO_BUFFER_value(shown, i)));
    if (one == nullptr) {
      ERR_clear_error();
      return "the server's certificate cannot be read";
    }
    if (leaf == nullptr) {
      leaf = std::move(one);
    } else {
      bssl::PushToStack(others.get(), std::move(one));
    }
  }
  bssl::UniquePtr<X509_STORE_CTX> check(X509_STORE_CTX_new());
  if (X509_STORE_CTX_init(check.get(), roots, leaf.get(), others.get()) != 1 ||
      X509_STORE_CTX_set_default(check.get(), "ssl_server") != 1) {
    return fmt::format("the server's certificate cannot be checked: {}", take_library_error());
  }
  X509_VERIFY_PARAM* rules = X509_STORE_CTX_get0_param(check.get());
  // A root that somebody else has issued is one all the same: it was named.
  X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_PARTIAL_CHAIN);
  const bool is_address = parse_ip_address(server).has_value();
  const int named = is_address ? X509_VERIFY_PARAM_set1_ip_asc(rules, server.c_str())
                               : X509_VERIFY_PARAM_set1_host(rules, server.c_str(), server.size());
  X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  if (named == 1 && X509_verify_cert(check.get()) == 1) return {};
  const int why = named == 1 ? X509_STORE_CTX_get_error(check.get()) : X509_V_ERR_HOSTNAME_MISMATCH;
  ERR_clear_error();
  return fmt::format("the server's certificate is not good for '{}': {}", server,
                     X509_verify_cert_error_string(why));
}

void TlsContext::set_ticket_keys(const TicketKeys& keys) {
  assert(impl_->server);
  impl_->ticket_keys = keys;
}

}  // namespace anchord::crypto

#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/pool.h>
#include <openssl/stack.h>

#include <cassert>

#include "anchord/crypto/random.h"
#include "anchord/crypto/tls.h"
#include "tls_impl.h"

namespace anchord::crypto {
namespace {

struct VersionName {
  TlsVersion version;
  std::string_view text;
  std::uint16_t wire;
};

constexpr VersionName kVersions[] = {
    {TlsVersion::v1_0, "1.0", TLS1_VERSION},
    {TlsVersion::v1_1, "1.1", TLS1_1_VERSION},
    {TlsVersion::v1_2, "1.2", TLS1_2_VERSION},
    {TlsVersion::v1_3, "1.3", TLS1_3_VERSION},
};

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

}  // namespace

Result<TlsVersion> parse_tls_version(std::string_view text) {
  for (const VersionName& known : kVersions) {
    if (known.text == text) return known.version;
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
  if (!settings.key.matches(settings.certificate)) {
    return fail(fmt::format("the private key does not belong to the certificate '{}'",
                            settings.certificate.subject().to_vendor()));
  }
  ANCHORD_TRY_ASSIGN(auto ctx, make_context(settings));

  Bytes der = settings.certificate.der();
  bssl::UniquePtr<CRYPTO_BUFFER> leaf(CRYPTO_BUFFER_new(der.data(), der.size(), nullptr));
  CRYPTO_BUFFER* chain[] = {leaf.get()};
  if (SSL_CTX_set_chain_and_key(ctx.get(), chain, 1, settings.key.impl().key.get(), nullptr) != 1) {
    return fail(fmt::format("the certificate '{}' does not do for TLS: {}",
                            settings.certificate.subject().to_vendor(), take_library_error()));
  }
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
  ANCHORD_TRY_ASSIGN(auto ctx, make_context(settings));
  SSL_CTX_set_custom_verify(ctx.get(), SSL_VERIFY_PEER, TlsCallbacks::verify);
  SSL_CTX_set_reverify_on_resume(ctx.get(), 1);
  SSL_CTX_set_session_cache_mode(ctx.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(ctx.get(), TlsCallbacks::new_session);

  auto impl = std::make_shared<Impl>();
  impl->ctx = std::move(ctx);
  impl->pinned = settings.pinned;
  return TlsContext(std::move(impl));
}

void TlsContext::set_ticket_keys(const TicketKeys& keys) {
  assert(impl_->server);
  impl_->ticket_keys = keys;
}

}  // namespace anchord::crypto

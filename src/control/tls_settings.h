// What a service of given options presents to those who connect by TLS.
#pragma once

#include <fmt/core.h>

#include "anchord/control/options.h"
#include "anchord/crypto/tls.h"
#include "anchord/trust/cluster.h"

namespace anchord::control {

inline Result<crypto::TlsServerSettings> tls_settings(const Options& options, const trust::Identity& identity,
                                                      const crypto::TicketKeys& ticket_keys) {
  if (!identity.key)
    return fail(fmt::format("the key of {} is missing", identity.certificate.subject().to_vendor()));
  return crypto::TlsServerSettings{.certificate = identity.certificate,
                                   .key = *identity.key,
                                   .min = options.tls_min,
                                   .ciphers = options.tls_ciphers,
                                   .ticket_keys = ticket_keys};
}

}  // namespace anchord::control

// What a service of given options presents to those who connect by TLS.
#pragma once

#include <fmt/core.h>

#include "anchord/base/clock.h"
#include "anchord/control/options.h"
#include "anchord/crypto/tls.h"
#include "anchord/trust/cluster.h"

namespace anchord::control {

// How long one key makes tickets. Those of the key before are taken still, so that a ticket is good for one
// to two of these.
constexpr Millis kTicketKeyLife = 12 * 3600 * Millis{1000};

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

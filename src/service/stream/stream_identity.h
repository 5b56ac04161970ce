// What tells the services on TCP of one shard apart.
#pragma once

#include <optional>

#include "anchord/service/activity_log.h"
#include "anchord/service/counters.h"
#include "context/tag.h"

namespace anchord::service {

struct StreamIdentity {
  TagKind accept;
  TagKind receive;
  TagKind send;
  StreamCounters counters;
  Counter& idle_timeouts;
  std::optional<TlsCounters> tls;              // of those on TLS
  TlsService tls_service = TlsService::tvs;    // likewise
  LatencyHistogram* handshake_time = nullptr;  // likewise
};

}  // namespace anchord::service

// What a shard serves from at one moment: a snapshot of the cluster, and the TLS
// settings that belong to it. Immutable once published; the publisher frees it
// when the last shard has let go.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "anchord/crypto/tls.h"
#include "anchord/index/rcu.h"
#include "anchord/index/snapshot.h"

namespace anchord::service {

struct View : index::Snapshot {
  // Whether there is a list of one device's own, which tells of its name that there is such a device.
  bool own_lists = false;
  // One for each shard, so that no two threads touch the same context. All carry
  // the same certificate and ticket keys: a session begun on one shard resumes on
  // any other.
  std::vector<crypto::TlsContext> tls;
  // The first bytes of the SHA-256 of that certificate.
  std::array<std::uint8_t, 8> tvs_certificate{};
  // The same for HTTPS. Empty while there is no certificate for it: connections are
  // then closed at once.
  std::vector<crypto::TlsContext> https_tls;
};

using ViewPublisher = index::RcuPublisher<View>;

}  // namespace anchord::service

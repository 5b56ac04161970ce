// The limits of one shard. Everything that a peer can make grow has one here or
// a named constant beside the code that enforces it.
#pragma once

#include <cstdint>
#include <vector>

#include "anchord/base/clock.h"
#include "anchord/io/address.h"

namespace anchord::service {

// Connections that each service of a shard may have above its limit: old ones that are
// being closed while their successors are accepted. A part of the descriptors it needs.
constexpr std::uint32_t kSpareConnections = 512;

// Connections that wait for their shard; a boot storm arrives within milliseconds.
constexpr int kBacklog = 4096;

// The limits of each service on TCP: TVS, HTTP and HTTPS have as many connections each, so that a
// flood on one does not take the others'.
struct StreamSettings {
  // Connections open at once. At the limit the quietest give way to new ones.
  std::uint32_t max_connections = 4096;
  // Of those, from one IPv4 address or one IPv6 /64: one machine must not push
  // everybody else out. At the limit those from there that were answered nothing yet give
  // way to new ones, so that it does not push out its neighbours behind that address either.
  std::uint32_t max_per_address = 512;
  // The time from accept to the end of the handshake; it stops silent and trickling clients.
  Millis handshake_timeout = 5'000;
  // The time from there to the end of the first request.
  Millis request_timeout = 10'000;
  // The time from one answered request to the next, and the time in which the peer must take a part of a
  // large answer. Bytes of a request that is not complete do not extend it.
  Millis idle_timeout = 60'000;
};

// The token bucket of a source of packets: how many tokens it holds, and how fast they come back.
struct TokenBucketSettings {
  std::uint32_t burst;
  std::uint32_t per_second;
};

struct TftpSettings {
  // Transfers under way at once, of peers that have acknowledged something; a request beyond it gets an
  // error at once.
  std::uint32_t max_transfers = 4096;
  // The time before the first retransmit; each further one waits twice as long.
  Millis retry_timeout = 1'000;
  // Retransmits of one packet after the peer has acknowledged something. Before
  // that there is one at most, since the address may be forged.
  unsigned retries = 5;
  // Requests that are remembered until the peer acknowledges something: so many can come before the
  // first of them is forgotten. At 100,000 a second that is more than a second, and a phone at the end of
  // a satellite link answers in 0.7.
  std::uint32_t max_unproven = 131'072;
  // Token buckets for first answers to peers that have not acknowledged anything: an address may be forged,
  // and its owner then gets our packets. A first acknowledgement gives back the token that the request took.
  // This one is for an IPv4 address or IPv6 /64: a thousand phones behind one address may boot in one moment,
  // and the tokens that come back with time are for answers that were lost.
  TokenBucketSettings unproven_per_address{.burst = 1024, .per_second = 64};
  // This one is for an IPv4 /24 or IPv6 /48: sites of four thousand phones, or four such addresses.
  TokenBucketSettings unproven_per_network{.burst = 4096, .per_second = 256};
};

// Phones that fetch their list are allowed four times as many: a site with more of them behind one address,
// none of which is set up, needs no guard.
constexpr unsigned kMaxUnknownDevices = 2048;

struct ShardSettings {
  StreamSettings stream;
  TftpSettings tftp;
  // Who is served; empty: everybody.
  std::vector<io::Network> allow;
  // The GuessGuard's limit, for all shards together: unknown devices that one source (an IPv4 address, an
  // IPv6 /64) may ask for before it is throttled, at most kMaxUnknownDevices; 0: any number.
  unsigned max_unknown_devices = 256;
  // How long a shard that was told to drain waits for what is under way.
  Millis drain_timeout = 10'000;
};

}  // namespace anchord::service

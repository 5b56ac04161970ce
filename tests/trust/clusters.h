// Clusters made for tests, with keys that are made once: a new certificate costs nothing,
// a new RSA key a tenth of a second.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "anchord/crypto/self_signed.h"
#include "anchord/trust/lifecycle.h"
#include "anchord/trust/served.h"
#include "anchord/trust/virtual_phone.h"

namespace anchord::trust {

constexpr UnixSeconds kStart = 1'800'000'000;

// One of a few keys, never the same twice in a row.
inline crypto::PrivateKey next_key(crypto::KeyKind kind) {
  static const std::vector<crypto::PrivateKey> rsa = [] {
    std::vector<crypto::PrivateKey> keys;
    for (int i = 0; i < 5; ++i)
      keys.push_back(crypto::PrivateKey::generate(crypto::KeyKind::rsa2048).value());
    return keys;
  }();
  static std::size_t next = 0;
  if (kind == crypto::KeyKind::p256) return crypto::PrivateKey::generate(kind).value();
  return rsa[next++ % rsa.size()];
}

inline Identity new_identity(const std::string& common_name,
                             crypto::KeyKind kind = crypto::KeyKind::rsa2048) {
  crypto::PrivateKey key = next_key(kind);
  crypto::SelfSignedRequest request{.not_before = kStart - 3600, .days = 1826};
  request.subject.append("O", "Example");
  request.subject.append("CN", common_name);
  return {crypto::make_self_signed(key, request).value(), key};
}

inline Identity new_identity(const Cluster& cluster, Service service, const std::string& host) {
  switch (service) {
    case Service::tvs:
      return new_identity("TVS-" + host);
    case Service::tftp:
      return new_identity(cluster.hosts.front().name);
    case Service::tftp_ec:
      return new_identity(cluster.hosts.front().name, crypto::KeyKind::p256);
    case Service::capf:
      return new_identity("CAPF-" + cluster.name);
    case Service::recovery:
      return new_identity("ITLRECOVERY_" + cluster.hosts.front().name);
  }
  std::unreachable();
}

inline KnownCertificate own_certificate(const Identity& identity, Service service) {
  return {.certificate = identity.certificate, .roles = own_roles(service, Mode::nonsecure), .own = service};
}

inline Cluster new_cluster(const std::string& name, std::size_t hosts) {
  crypto::KeyKind ec = crypto::KeyKind::p256;
  std::vector<Host> named;
  for (std::size_t i = 1; i <= hosts; ++i)
    named.push_back({name + std::to_string(i) + ".example.com", {"192.0.2." + std::to_string(i)}});
  std::string first = named.front().name;
  Cluster cluster{.name = name,
                  .id = "",
                  .hosts = named,
                  .tvs = {},
                  .tftp = new_identity(first),
                  .tftp_ec = new_identity(first, ec),
                  .capf = new_identity("CAPF-" + name),
                  .recovery = new_identity("ITLRECOVERY_" + first),
                  .known = {},
                  .phones = {}};
  for (const Host& host : named) {
    cluster.tvs.push_back(new_identity("TVS-" + host.name));
    cluster.known.push_back(own_certificate(cluster.tvs.back(), Service::tvs));
  }
  cluster.known.push_back(own_certificate(cluster.tftp, Service::tftp));
  cluster.known.push_back(own_certificate(cluster.tftp_ec, Service::tftp_ec));
  cluster.known.push_back(own_certificate(cluster.capf, Service::capf));
  cluster.known.push_back(own_certificate(cluster.recovery, Service::recovery));
  return cluster;
}

inline Cluster regenerated(const Cluster& cluster, Service service, std::size_t host = 0,
                           UnixSeconds now = kStart) {
  const std::string& name = cluster.hosts[host].name;
  return with_identity(cluster, service, name, new_identity(cluster, service, name), now);
}

// With a host more, which has the next number.
inline Cluster with_new_host(const Cluster& cluster) {
  const std::string number = std::to_string(cluster.hosts.size() + 1);
  Host host{cluster.name + number + ".example.com", {"192.0.2." + number}};
  Identity tvs = new_identity(cluster, Service::tvs, host.name);
  return with_host(cluster, std::move(host), std::move(tvs));
}

inline Served served(const Cluster& cluster, UnixSeconds now = kStart) {
  return served_by(cluster, now).value();
}

inline Holders holders_of(const PhoneMemory& memory, std::string name, std::size_t count = 1) {
  return {.ctl = memory.ctl, .itl = memory.itl, .count = count, .first = {std::move(name)}};
}

// A phone that has booted at the cluster.
inline VirtualPhone phone_at(const Cluster& cluster, UnixSeconds now = kStart) {
  VirtualPhone phone({.tvs_servers = cluster.tvs.size()});
  VirtualPhone::Done done = boot_in_memory(phone, served(cluster, now), now);
  EXPECT_EQ(done.end, BootEnd::fine) << done.reason;
  return phone;
}

// The same lists in a phone that has not asked anybody anything yet.
inline VirtualPhone forgetful(const VirtualPhone& phone) {
  return VirtualPhone(phone.settings(), phone.memory());
}

// Two boots: what the first takes decides what the second makes of what the first refused.
inline VirtualPhone::Done boot_of(const VirtualPhone& phone, const Cluster& cluster,
                                  UnixSeconds now = kStart + 60) {
  VirtualPhone copy = forgetful(phone);
  boot_in_memory(copy, served(cluster, now), now);
  return boot_in_memory(copy, served(cluster, now), now);
}

}  // namespace anchord::trust

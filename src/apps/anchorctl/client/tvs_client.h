// Asks a verification service one question over TLS: a blocking client with one
// deadline for everything, from the connection to the answer's last byte.
#pragma once

#include <cstdint>
#include <string>

#include "anchord/base/bytes.h"
#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/crypto/certificate.h"
#include "anchord/crypto/tls.h"

namespace anchord::ctl {

constexpr std::uint16_t kTvsPort = 2445;
constexpr Millis kTvsTimeout = 5000;

struct TvsAddress {
  std::string host;
  std::uint16_t port = kTvsPort;

  // HOST, HOST:PORT, [IPv6] or [IPv6]:PORT.
  static Result<TvsAddress> parse(const std::string& text);
  std::string text() const;
};

struct TvsServer {
  TvsAddress address;
  crypto::Certificate certificate;  // the server must present exactly this one
  crypto::TlsVersion min = crypto::TlsVersion::v1_2;
  crypto::TlsVersion max = crypto::TlsVersion::v1_3;
};

struct TvsReply {
  Buffer message;  // one whole message, its content not yet judged
  std::string tls_version;
  std::string cipher;
};

Result<TvsReply> ask_tvs(const TvsServer& server, Bytes request);

}  // namespace anchord::ctl

// Makes the self-signed certificates that a cluster runs on.
#pragma once

#include <string>
#include <vector>

#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/crypto/certificate.h"
#include "anchord/crypto/private_key.h"

namespace anchord::crypto {

struct SelfSignedRequest {
  Name subject;
  UnixSeconds not_before = 0;
  unsigned days = 0;
  UnixSeconds spread = 0;  // the end is less than this later, by the serial number: for many made at once
  std::vector<std::string> dns_names;
  std::vector<std::string> addresses;  // IPv4 or IPv6 as text
};

// SHA-256 signature, random 16-byte serial number; fit for a TLS server and client
// and for its own authority. Fails on an empty or unknown subject, a bad address,
// or a lifetime that certificates cannot express.
Result<Certificate> make_self_signed(const PrivateKey& key, const SelfSignedRequest& request);

}  // namespace anchord::crypto

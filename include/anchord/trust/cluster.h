// A cluster's durable state as plain values: what the store keeps, what trust
// lists are built from, and what the verification service answers for.
//
// Values own what they hold and may be copied freely (certificates and keys are
// shared handles). Times to live are in seconds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "anchord/crypto/certificate.h"
#include "anchord/crypto/name.h"
#include "anchord/crypto/private_key.h"
#include "anchord/wire/header.h"

namespace anchord::trust {

// How long a phone may keep an answer of the verification service: the vendor's value.
constexpr std::uint32_t kDefaultTtl = 86400;

// In mixed mode the TFTP signer is listed as CCM+TFTP: that is how a list tells
// phones that signalling may be secured.
enum class Mode { nonsecure, mixed };

// What the cluster itself holds a certificate and a key for.
enum class Service { tvs, tftp, capf, recovery };

std::string_view mode_name(Mode mode);  // "nonsecure", "mixed"
std::optional<Mode> mode_from_name(std::string_view name);
std::string_view service_name(Service service);  // "tvs", "tftp", "capf", "recovery"
std::optional<Service> service_from_name(std::string_view name);

struct Host {
  std::string name;     // goes into certificates and lists
  std::string address;  // may be empty
};

// The key is absent where only the certificate matters (a reader's view).
struct Identity {
  crypto::Certificate certificate;
  std::optional<crypto::PrivateKey> key;
};

// A certificate that the verification service vouches for.
struct KnownCertificate {
  crypto::Certificate certificate;
  std::vector<wire::Role> roles;  // in the order in which they are answered
  std::uint32_t ttl = kDefaultTtl;
  std::optional<Service> own;  // set for the cluster's own certificates
};

// How lists and files are signed.
struct SigningSettings {
  wire::Digest digest = wire::Digest::sha512;  // sha1 or sha512
  crypto::NameSpelling spelling = crypto::NameSpelling::vendor;
};

struct Cluster {
  std::string name;
  Mode mode = Mode::nonsecure;
  SigningSettings signing;
  std::vector<Host> hosts;    // at least one; the first names the TFTP signer
  std::vector<Identity> tvs;  // one for each of hosts, in the same order
  Identity tftp;              // signs trust lists and configuration files
  Identity capf;
  Identity recovery;                    // the second list signer, for when the first is lost
  std::vector<KnownCertificate> known;  // own certificates first, then what was added
};

// The roles that the verification service answers for an own certificate. The
// TFTP signer may sign lists and files, recovery lists only.
std::vector<wire::Role> own_roles(Service service, Mode mode);

}  // namespace anchord::trust

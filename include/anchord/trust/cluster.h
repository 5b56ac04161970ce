// A cluster's durable state as plain values: what the store keeps, what trust
// lists are built from, and what the verification service answers for.
//
// Values own what they hold and may be copied freely (certificates and keys are
// shared handles). Times to live are in seconds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "anchord/base/clock.h"
#include "anchord/crypto/certificate.h"
#include "anchord/crypto/name.h"
#include "anchord/crypto/private_key.h"
#include "anchord/trust/evidence.h"
#include "anchord/wire/header.h"

namespace anchord::trust {

// How long a phone may keep an answer of the verification service: the vendor's value.
constexpr std::uint32_t kDefaultTtl = 86400;

// In mixed mode the TFTP signer is listed as CCM+TFTP: that is how a list tells
// phones that signalling may be secured.
enum class Mode { nonsecure, mixed };

// What the cluster itself holds a certificate and a key for. tftp_ec is what phones
// see when they provision by HTTPS.
enum class Service { tvs, tftp, tftp_ec, capf, recovery };

std::string_view mode_name(Mode mode);  // "nonsecure", "mixed"
std::optional<Mode> mode_from_name(std::string_view name);
std::string_view service_name(Service service);  // "tvs", "tftp", "tftp-ec", "capf", "recovery"
std::optional<Service> service_from_name(std::string_view name);
std::string service_choice();  // "tvs, tftp, tftp-ec, capf or recovery"

struct Host {
  std::string name;                         // goes into certificates and lists
  std::vector<std::string> addresses = {};  // IPv4 and IPv6, as text; may be empty
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
  // What it was the cluster's own for until it was replaced: phones that hold a list
  // from before still know it.
  std::optional<Service> retired_from = {};
  UnixSeconds retired_at = 0;
};

// Neither is nor was the cluster's own: somebody has added it.
inline bool is_added(const KnownCertificate& known) {
  return !known.own && !known.retired_from;
}

// A phone that the cluster provisions. Its configuration is encrypted to the
// certificate when that has an RSA key.
struct Phone {
  std::string name;   // as phone::device_name() gives it
  std::string model;  // as its kind calls itself, "8861"; may be empty
  std::optional<crypto::Certificate> certificate;
};

// The phone that a certificate's subject names: phone::device_in_common_name() of its common name.
std::optional<std::string> named_phone(const crypto::Name& subject);

// How lists and files are signed.
struct SigningSettings {
  wire::Digest digest = wire::Digest::sha512;  // sha1 or sha512
  crypto::NameSpelling spelling = crypto::NameSpelling::vendor;
  bool operator==(const SigningSettings&) const = default;
};

struct Cluster {
  std::string name;
  std::string id;  // 32 hexadecimal digits, made once: tells clusters of one name apart
  Mode mode = Mode::nonsecure;
  // Whether phones have been given a CTL. From the first time in mixed mode on there is
  // one: phones keep theirs, and it alone can tell them of a change of mode.
  bool has_ctl = false;
  // Prepared for a release without Security by Default: the ITL is empty, files are
  // not signed, and the verification service vouches for nothing.
  bool rolling_back = false;
  Evidence evidence = Evidence::ordinary;  // that boots must give; nothing that phones are served
  SigningSettings signing;
  std::vector<Host> hosts;    // at least one; the first names the TFTP signer
  std::vector<Identity> tvs;  // one for each of hosts, in the same order
  Identity tftp;              // signs trust lists and configuration files
  Identity tftp_ec;           // what HTTPS presents: the TFTP signer's names, an EC key
  Identity capf;
  Identity recovery;                    // the second list signer, for when the first is lost
  std::vector<KnownCertificate> known;  // own certificates first, then what was added
  std::vector<Phone> phones;            // by name
};

// Its place among the cluster's hosts, by its name in upper or lower case. Nothing: there is no such host.
std::optional<std::size_t> find_host(const Cluster& cluster, std::string_view name);

// The roles that the verification service answers for an own certificate. The
// TFTP signer may sign lists and files, recovery lists only. tftp_ec signs
// nothing; phones look for the role TFTP in who serves them files.
std::vector<wire::Role> own_roles(Service service, Mode mode);

}  // namespace anchord::trust

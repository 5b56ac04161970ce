// The test vectors' certificates, keys and files.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "anchord/base/file.h"
#include "anchord/trust/trust_list.h"

namespace anchord::trust {

inline Buffer vector_file(const std::string& name) {
  auto read = read_file(std::string(ANCHORD_TEST_DATA "/") + name, 1 << 20);
  if (!read) throw std::runtime_error(read.error().text);
  return *read;
}

inline crypto::Certificate vector_certificate(const std::string& name) {
  return crypto::Certificate::from_pem_or_der(vector_file("certs/" + name + ".crt")).value();
}

inline Identity vector_identity(const std::string& name) {
  return {vector_certificate(name),
          crypto::PrivateKey::from_pem_or_der(vector_file("certs/" + name + ".key")).value()};
}

inline SigningSettings vector_signing(const std::string& digest) {
  return {digest == "sha1" ? wire::Digest::sha1 : wire::Digest::sha512, crypto::NameSpelling::open};
}

inline UnixSeconds vector_time(const std::string& digest) {
  return 1795407360 + (digest == "sha1" ? 0 : 1);
}

// What the vectors' lists say.
inline TrustListFields vector_fields(const std::string& digest) {
  using wire::Role;
  SigningSettings signing = vector_signing(digest);
  return {.signer = vector_identity("tftp"),
          .signing = signing,
          .signer_version = signer_version(signing.digest),
          .records = {{vector_certificate("tftp"), Role::sast, {}},
                      {vector_certificate("recovery"), Role::sast, {}},
                      {vector_certificate("tftp"), Role::ccm_tftp, {}},
                      {vector_certificate("tvs"), Role::tvs, {}},
                      {vector_certificate("capf"), Role::capf, {}},
                      {vector_certificate("app-ec"), Role::app_server, {}},
                      {vector_certificate("app-odd"), Role::app_server, {}}}};
}

// A cluster of one host that runs on the vectors' certificates.
inline Cluster vector_cluster() {
  return {.name = "Example",
          .hosts = {{.name = "cucm1.example.com"}},
          .tvs = {vector_identity("tvs")},
          .tftp = vector_identity("tftp"),
          .tftp_ec = vector_identity("app-ec"),
          .capf = vector_identity("capf"),
          .recovery = vector_identity("recovery"),
          .known = {}};
}

inline void expect_error(const Error& error, std::initializer_list<std::string_view> parts) {
  EXPECT_EQ(error.text.find('\n'), error.text.npos) << error.text;
  for (std::string_view part : parts) EXPECT_NE(error.text.find(part), error.text.npos) << error.text;
}

}  // namespace anchord::trust

// The vectors' files, for this module's tests.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "anchord/base/file.h"
#include "anchord/base/writer.h"
#include "anchord/crypto/certificate.h"
#include "anchord/crypto/private_key.h"

namespace anchord::crypto::test {

inline Buffer file(const std::string& name) {
  auto content = read_file(std::string(ANCHORD_TEST_DATA "/") + name, 1 << 20);
  EXPECT_TRUE(content.has_value()) << name;
  return content ? *content : Buffer{};
}

// Kept for the whole run, so that a test may hold views into it.
inline const Certificate& certificate(const std::string& name) {
  static std::map<std::string, Certificate> kept;
  auto found = kept.find(name);
  if (found != kept.end()) return found->second;
  auto read = Certificate::from_pem_or_der(file("certs/" + name + ".crt"));
  EXPECT_TRUE(read.has_value()) << (read ? "" : read.error().text);
  return kept.emplace(name, read.value()).first->second;
}

inline PrivateKey key(const std::string& name) {
  auto out = PrivateKey::from_pem_or_der(file("certs/" + name + ".key"));
  EXPECT_TRUE(out.has_value()) << (out ? "" : out.error().text);
  return out.value();
}

inline bool contains(Bytes whole, Bytes part) {
  return !std::ranges::search(whole, part).empty();
}

// An item of a trust list's record: tag, length, value.
inline Buffer item(std::uint8_t tag, Bytes value) {
  Buffer out(3 + value.size());
  Writer writer(out);
  writer.u8(tag);
  writer.u16(value.size());
  writer.bytes(value);
  return out;
}

// Made once for all tests: making keys is slow.
inline const PrivateKey& shared_key(KeyKind kind) {
  static const PrivateKey keys[] = {PrivateKey::generate(KeyKind::rsa2048).value(),
                                    PrivateKey::generate(KeyKind::rsa4096).value(),
                                    PrivateKey::generate(KeyKind::p256).value()};
  return keys[static_cast<std::size_t>(kind)];
}

}  // namespace anchord::crypto::test

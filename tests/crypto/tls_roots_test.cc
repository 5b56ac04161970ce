// Which servers a client takes that has roots, and what it shows of itself.
#include <gtest/gtest.h>

#include "anchord/base/clock.h"
#include "anchord/crypto/base64.h"
#include "anchord/crypto/self_signed.h"
#include "anchord/crypto/tls.h"
#include "tls_pair.h"

namespace anchord::crypto {
namespace {

using test::Pair;

Certificate chain(const std::string& name) {
  return Certificate::from_pem_or_der(test::file("chain/" + name)).value();
}
PrivateKey member_key() {
  return PrivateKey::from_pem_or_der(test::file("chain/member.key")).value();
}

// Empty when the client takes the server; else why not.
std::string distrust(const Certificate& shown, const PrivateKey& key, const Certificate& root,
                     const std::string& name) {
  auto client = TlsContext::client({.pinned = {}, .roots = {root}, .server = name});
  auto server = TlsContext::server({.certificate = shown, .key = key});
  EXPECT_TRUE(client && server);
  Pair pair;
  pair.start(*client, *server);
  return pair.handshake() ? "" : pair.client.engine.failure();
}

TEST(TlsRoots, AServerIsTakenByARootForItsNames) {
  for (const char* name : {"127.0.0.1", "etcd-1.example"}) {
    EXPECT_EQ(distrust(chain("member.crt"), member_key(), chain("root.crt"), name), "");
    EXPECT_EQ(distrust(chain("member.crt"), member_key(), chain("member.crt"), name), "")
        << "it is a root itself";
  }
  for (const char* name : {"127.0.0.2", "::1", "etcd-2.example", "example", "Engine test member"}) {
    EXPECT_TRUE(distrust(chain("member.crt"), member_key(), chain("root.crt"), name)
                    .starts_with(std::string("the server's certificate is not good for '") + name + "': "));
  }
}

TEST(TlsRoots, OthersAreNotTaken) {
  EXPECT_TRUE(distrust(chain("member.crt"), member_key(), test::certificate("tvs"), "127.0.0.1")
                  .contains("unable to get"));
  EXPECT_TRUE(
      distrust(chain("client-only.crt"), member_key(), chain("root.crt"), "127.0.0.1").contains("purpose"));
}

TEST(TlsRoots, OnlyWhileTheyAreValid) {
  const PrivateKey& key = test::shared_key(KeyKind::p256);
  const auto made = [&](UnixSeconds begin) {
    return make_self_signed(key, {.subject = Name::parse("O=a").value(),
                                  .not_before = begin,
                                  .days = 2,
                                  .addresses = {"127.0.0.1"}})
        .value();
  };
  const UnixSeconds now = calendar_now();
  const Certificate valid = made(now - kSecondsPerDay), ended = made(now - 10 * kSecondsPerDay),
                    future = made(now + kSecondsPerDay);
  EXPECT_EQ(distrust(valid, key, valid, "127.0.0.1"), "");
  EXPECT_TRUE(distrust(ended, key, ended, "127.0.0.1").contains("expired"));
  EXPECT_TRUE(distrust(future, key, future, "127.0.0.1").contains("not yet valid"));
}

TEST(TlsRoots, AClientsKeyBelongsToItsCertificate) {
  EXPECT_TRUE(TlsContext::client({.pinned = {}, .identity = TlsIdentity{chain("member.crt"), member_key()}}));
  const auto wrong =
      TlsContext::client({.pinned = {}, .identity = TlsIdentity{chain("root.crt"), member_key()}});
  ASSERT_FALSE(wrong);
  EXPECT_TRUE(wrong.error().text.contains("does not belong to the certificate"));
}

TEST(Base64, BothWays) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(from_base64(to_base64(bytes)), bytes);
    bytes += static_cast<char>(i);
  }
  EXPECT_EQ(to_base64(""), "");
  EXPECT_EQ(to_base64("a/k"), "YS9r");
  EXPECT_EQ(to_base64("\xfb\xff"), "+/8=");
  for (const char* wrong : {"a", "YQ", "YQ=", "-_8=", "YS9r\n", " YS9r", "YS9r====", "Y=Q="})
    EXPECT_FALSE(from_base64(wrong)) << wrong;
}

}  // namespace
}  // namespace anchord::crypto

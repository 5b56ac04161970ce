// etcd behind TLS that wants certificates, with users and roles.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <vector>

#include "anchord/crypto/private_key.h"
#include "anchord/crypto/self_signed.h"
#include "etcd_process.h"
#include "session.h"
#include "time_bound.h"

namespace anchord::engine::test {
namespace {

struct Pair {
  crypto::PrivateKey key;
  crypto::Certificate certificate;
};

// No common name: etcd would take it for a user.
Pair make_pair(std::vector<std::string> addresses, UnixSeconds begin = calendar_now() - 3600,
               unsigned days = 10) {
  crypto::PrivateKey key = crypto::PrivateKey::generate(crypto::KeyKind::p256).value();
  crypto::Certificate certificate =
      crypto::make_self_signed(key, {.subject = crypto::Name::parse("O=anchord").value(),
                                     .not_before = begin,
                                     .days = days,
                                     .addresses = std::move(addresses)})
          .value();
  return {std::move(key), std::move(certificate)};
}

class Tls : public testing::TestWithParam<bool> {
 protected:
  Tls() : server_(make_pair({"127.0.0.1"})), client_(make_pair({})) {
    std::string name = (std::filesystem::temp_directory_path() / "anchord-tls-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    const EtcdFiles files{write("server.pem", server_.certificate.to_pem()),
                          write("server.key", server_.key.to_pem().text()),
                          // The members' own is there, too: the gateway is a client of the server beside it.
                          write("clients.pem", client_.certificate.to_pem() + server_.certificate.to_pem())};
    etcd_ = std::make_unique<EtcdProcesses>(1, &files);
  }
  ~Tls() override { std::filesystem::remove_all(folder_); }

  std::string write(const char* name, std::string_view text) {
    const std::filesystem::path path = folder_ / name;
    std::ofstream(path) << text;
    return path;
  }

  EtcdSettings settings() const {
    EtcdSettings out = etcd_->settings();
    out.roots = {server_.certificate};
    out.identity = crypto::TlsIdentity{client_.certificate, client_.key};
    out.try_time = out.whole_time = time_bound();
    return out;
  }
  void wait() {
    EtcdSettings patient = settings();
    const Millis until = monotonic_now() + time_bound();
    while (!Session::status_of(patient, patient.members[0], monotonic_now() + 1000))
      ASSERT_LT(monotonic_now(), until);
  }
  std::string problem(EtcdSettings with) const {
    with.whole_time = 300;
    const auto found = open_etcd(std::move(with)).value()->range({.keys = KeyRange::one("k")});
    EXPECT_FALSE(found);
    if (found) return {};
    EXPECT_EQ(found.error().problem, Problem::out_of_reach);
    return found.error().text;
  }
  void control(Session& session, const char* path, const std::string& body) {
    const auto done = session.ask({path, body, {}}, monotonic_now() + time_bound());
    ASSERT_TRUE(done) << path << ": " << done.error().text;
  }

  std::filesystem::path folder_;
  Pair server_, client_;
  std::unique_ptr<EtcdProcesses> etcd_;
};

TEST_P(Tls, BothSidesShowCertificates) {
  wait();
  auto engine = open_etcd(settings()).value();
  const auto made = engine->txn({.then = {Put{"k", std::string(1'000'000, 'x')}}});
  ASSERT_TRUE(made) << made.error().text;
  const auto found = engine->range({.keys = KeyRange::one("k")});
  ASSERT_TRUE(found) << found.error().text;
  EXPECT_EQ(found->values.at(0).value.size(), 1'000'000U);
  auto watch = engine->watch(KeyRange::one("k"), made->revision);
  std::size_t events = 0;
  for (const Millis until = monotonic_now() + time_bound(); events == 0 && monotonic_now() < until;) {
    const auto changes = watch->next(1000);
    ASSERT_TRUE(changes) << changes.error().text;
    events += changes->events.size();
  }
  EXPECT_EQ(events, 1U);

  EtcdSettings stranger = settings();
  stranger.roots = {client_.certificate};
  EXPECT_TRUE(problem(stranger).contains("the server's certificate is not good for '127.0.0.1'"));
  EtcdSettings nameless = settings();
  nameless.identity.reset();
  EXPECT_TRUE(problem(nameless).contains("TLS")) << problem(nameless);
  const Pair other = make_pair({});
  EtcdSettings wrong = settings();
  wrong.identity = crypto::TlsIdentity{other.certificate, other.key};
  EXPECT_TRUE(problem(wrong).contains("TLS")) << problem(wrong);
  EtcdSettings rootless = settings();
  rootless.roots.clear();
  EXPECT_FALSE(open_etcd(rootless));
  EtcdSettings plain = settings();
  plain.members[0].tls = false;
  EXPECT_NE(problem(plain), "");
}

// The roles of a host that may not write everything.
TEST_P(Tls, UsersAndTheirRoles) {
  wait();
  {
    Session session(std::make_shared<EtcdSettings>(settings()));
    control(session, "/v3/auth/user/add", R"({"name":"root","password":"r"})");
    control(session, "/v3/auth/role/add", R"({"name":"root"})");
    control(session, "/v3/auth/user/grant", R"({"user":"root","role":"root"})");
    control(session, "/v3/auth/user/add", R"({"name":"edge","password":"secret"})");
    control(session, "/v3/auth/role/add", R"({"name":"edge"})");
    // Keys from "h/edge/" to "h/edge0".
    control(
        session, "/v3/auth/role/grant",
        R"({"name":"edge","perm":{"permType":"READWRITE","key":"aC9lZGdlLw==","range_end":"aC9lZGdlMA=="}})");
    control(session, "/v3/auth/user/grant", R"({"user":"edge","role":"edge"})");
    control(session, "/v3/auth/enable", "{}");
  }
  EtcdSettings edge = settings();
  edge.user = "edge";
  edge.password = "secret";
  auto engine = open_etcd(edge).value();
  const auto made = engine->txn({.then = {Put{"h/edge/alive", "1"}}});
  ASSERT_TRUE(made) << made.error().text;
  auto watch = engine->watch(KeyRange::prefix("h/edge/"), made->revision);
  std::size_t events = 0;
  for (const Millis until = monotonic_now() + time_bound(); events == 0 && monotonic_now() < until;) {
    const auto changes = watch->next(1000);
    ASSERT_TRUE(changes) << changes.error().text;
    events += changes->events.size();
  }
  const auto forbidden = engine->txn({.then = {Put{"p/head", "1"}}});
  ASSERT_FALSE(forbidden);
  EXPECT_EQ(forbidden.error().problem, Problem::refused);
  EXPECT_TRUE(forbidden.error().text.contains("permission denied")) << forbidden.error().text;
  const auto unseen = engine->watch(KeyRange::prefix("p/"), 1)->next(time_bound());
  ASSERT_FALSE(unseen);
  EXPECT_EQ(unseen.error().problem, Problem::refused) << unseen.error().text;

  // A member that begins anew knows no tokens.
  etcd_->kill(0);
  etcd_->start(0);
  wait();
  const auto again = engine->txn({.then = {Put{"h/edge/alive", "2"}}});
  EXPECT_TRUE(again) << again.error().text;

  edge.password = "wrong";
  const auto refused = open_etcd(edge).value()->range({.keys = KeyRange::one("h/edge/alive")});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().problem, Problem::refused) << refused.error().text;
  EXPECT_EQ(open_etcd(settings()).value()->range({.keys = KeyRange::one("k")}).error().problem,
            Problem::refused);
}

std::vector<bool> where_it_is() {
  return has_etcd() ? std::vector<bool>{true} : std::vector<bool>{};
}
INSTANTIATE_TEST_SUITE_P(Etcd, Tls, testing::ValuesIn(where_it_is()));
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Tls);

}  // namespace
}  // namespace anchord::engine::test

// etcd's client against a member that says what a script has it say: in pieces, wrongly, slowly, or not at
// all.
#include "anchord/engine/etcd.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "connection.h"
#include "gateway.h"
#include "time_bound.h"

namespace anchord::engine::test {
namespace {

using Then = Reply::Then;

constexpr const char* kRange = "/v3/kv/range";
constexpr const char* kTxn = "/v3/kv/txn";
constexpr const char* kWatch = "/v3/watch";

const Get kGet{.keys = KeyRange::one("k")};
const Txn kWrite{.then = {Put{"k", "v"}}};

// A member that never answers has so long: it ends each of these tests, and is none of a machine's speed.
EtcdSettings settings(std::vector<Member> members) {
  EtcdSettings out;
  out.members = std::move(members);
  out.try_time = out.whole_time = time_bound();
  return out;
}

std::unique_ptr<Engine> open(const Gateway& gateway) {
  return open_etcd(settings({gateway.member()})).value();
}

std::unique_ptr<Engine> open_hasty(const Gateway& gateway) {
  EtcdSettings short_ones = settings({gateway.member()});
  short_ones.try_time = 300;
  short_ones.whole_time = 500;
  return open_etcd(short_ones).value();
}

std::string error_json(int code, std::string_view text) {
  return fmt::format(R"({{"error":"{0}","message":"{0}","code":{1}}})", text, code);
}

std::string range_json() {
  return "{" + header() +
         R"(,"kvs":[{"key":"aw==","create_revision":"2","mod_revision":"3","version":"2",)"
         R"("value":"dg=="}],"count":"1"})";
}

std::string txn_json() {
  return "{" + header(6) +
         R"(,"succeeded":true,)"
         R"("responses":[{"response_put":{"header":{"revision":"6"}}}]})";
}

std::string event_line(std::initializer_list<Revision> revisions, bool fragment = false) {
  std::string events;
  for (const Revision revision : revisions) {
    events += fmt::format(R"({}{{"kv":{{"key":"aw==","create_revision":"1","mod_revision":"{}",)"
                          R"("value":"dg=="}}}})",
                          events.empty() ? "" : ",", revision);
  }
  return fmt::format(R"({{"result":{{{},{}"events":[{}]}}}})", header(9),
                     fragment ? R"("fragment":true,)" : "", events);
}
std::string created() {
  return R"({"result":{)" + header() + R"(,"created":true}})";
}

std::vector<Revision> revisions_of(const Changes& changes) {
  std::vector<Revision> out;
  for (const Event& event : changes.events) out.push_back(event.at.modified);
  return out;
}

// The next ones that have events.
std::vector<Revision> next_of(Watch& watch) {
  const Millis until = monotonic_now() + time_bound();
  while (monotonic_now() < until) {
    auto changes = watch.next(1000);
    EXPECT_TRUE(changes) << changes.error().text;
    if (changes && !changes->events.empty()) return revisions_of(*changes);
  }
  return {};
}
Failure failure_of(Watch& watch) {
  const Millis until = monotonic_now() + time_bound();
  while (monotonic_now() < until) {
    auto changes = watch.next(1);
    if (!changes) return changes.error();
  }
  ADD_FAILURE() << "the watch goes on";
  return {};
}

TEST(EtcdClient, AsksAsTheGatewayWantsIt) {
  Gateway gateway;
  gateway.on(kRange, json(range_json()));
  auto engine = open(gateway);
  const auto found = engine->range(kGet);
  ASSERT_TRUE(found) << found.error().text;
  EXPECT_EQ(found->values.at(0), (KeyValue{"k", "v", 2, 3, 0}));
  EXPECT_EQ(engine->cluster(), 7U);
  const Asked asked = gateway.asked().at(0);
  EXPECT_TRUE(asked.head.starts_with("POST /v3/kv/range HTTP/1.1\r\n"));
  EXPECT_TRUE(asked.head.contains("\r\nGrpc-Metadata-hasleader: true"));
  EXPECT_TRUE(asked.head.contains(fmt::format("\r\nHost: 127.0.0.1:{}\r\n", gateway.member().port)));
  EXPECT_FALSE(asked.head.contains("Authorization"));
  EXPECT_EQ(asked.body, R"({"key":"aw=="})");
}

TEST(EtcdClient, KeepsItsConnection) {
  Gateway gateway;
  gateway.on(kRange, json(range_json()));
  auto engine = open(gateway);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(engine->range(kGet));
  EXPECT_EQ(gateway.connections(), 1U);
}

TEST(EtcdClient, AConnectionThatHasEndedMeanwhileIsMadeAnew) {
  Gateway gateway;
  Reply last = json(txn_json());
  last.then = Then::close;
  gateway.on(kTxn, last);
  auto engine = open(gateway);
  for (std::size_t i = 1; i <= 3; ++i) {
    const auto made = engine->txn(kWrite);
    ASSERT_TRUE(made) << made.error().text;
    gateway.wait_for_closed(i);
  }
}

TEST(EtcdClient, AnAnswerMayComeInAnyPieces) {
  Gateway gateway;
  const std::string body = range_json();
  Reply bytes;
  const std::string whole = json(body).pieces[0];
  for (const char c : whole) bytes.pieces.emplace_back(1, c);
  Reply chunks{{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: A\r\n\r\n"}};
  for (const char c : body) chunks.pieces.push_back(fmt::format("1\r\n{}\r\n", c));
  chunks.pieces.emplace_back("0\r\nA: b\r\n\r\n");
  gateway.on(kRange, [&](const Asked&, std::size_t before) { return before == 0 ? bytes : chunks; });
  auto engine = open(gateway);
  for (int i = 0; i < 2; ++i) {
    const auto found = engine->range(kGet);
    ASSERT_TRUE(found) << found.error().text;
    EXPECT_EQ(found->values.at(0).value, "v");
  }
  EXPECT_EQ(gateway.connections(), 1U);
}

TEST(EtcdClient, WhatIsLeftOutIsZero) {
  Gateway gateway;
  gateway.on(kRange, json("{" + header() + "}")).on(kTxn, json("{" + header() + "}"));
  gateway.on("/v3/lease/keepalive", stream({R"({"result":{)" + header() + R"(,"ID":"3"}})"}, Then::next));
  auto engine = open(gateway);
  const auto found = engine->range(kGet);
  ASSERT_TRUE(found) << found.error().text;
  EXPECT_TRUE(found->values.empty() && found->count == 0 && !found->more);
  const auto made = engine->txn({.compares = {Compare::absent("k")}, .then = {Put{"k", "v"}}});
  ASSERT_TRUE(made) << made.error().text;
  EXPECT_FALSE(made->succeeded);
  EXPECT_EQ(engine->keep_alive(3), 0);
}

TEST(EtcdClient, SaysWhatKindOfNoItIs) {
  struct Case {
    unsigned status;
    std::string body;
    Problem problem;
    const char* text;
  };
  const Case cases[] = {
      {400, error_json(3, "etcdserver: request is too large"), Problem::refused,
       "refuses: etcdserver: request is too large"},
      {403, error_json(7, "etcdserver: permission denied"), Problem::refused,
       "give this host's user the role"},
      {429, error_json(8, "etcdserver: mvcc: database space exceeded"), Problem::refused, "raise its quota"},
      {400, error_json(11, "etcdserver: mvcc: required revision has been compacted"), Problem::compacted,
       "no longer keeps"},
      {503, error_json(14, "etcdserver: request timed out"), Problem::unknown, "not known whether"},
      {500, error_json(13, "etcdserver: broken"), Problem::unknown, "not known whether"},
      {502, "<html>Bad Gateway</html>", Problem::unknown, "status 502"},
      {200, "{}", Problem::unknown, "field 'revision'"},
      {200, "[]", Problem::unknown, "field 'document'"},
      {200, "{" + header() + R"(,"succeeded":true,"responses":[]})", Problem::unknown, "another number"},
  };
  for (const Case& one : cases) {
    Gateway gateway;
    gateway.on(kTxn, json(one.body, one.status));
    const auto made = open(gateway)->txn(kWrite);
    ASSERT_FALSE(made) << one.body;
    EXPECT_EQ(made.error().problem, one.problem) << one.body;
    EXPECT_TRUE(made.error().text.contains(one.text)) << made.error().text;
    EXPECT_FALSE(made.error().text.contains('\n')) << made.error().text;
    EXPECT_EQ(gateway.asked(kTxn).size(), 1U) << "a write is not made twice";
  }
}

TEST(EtcdClient, AWriteWhoseAnswerIsLostIsNotRepeated) {
  for (const Then then : {Then::close, Then::silent}) {
    Gateway gateway;
    gateway.on(kTxn, Reply{{"HTTP/1.1 200 OK\r\nContent-Le"}, then});
    const auto made = open_hasty(gateway)->txn(kWrite);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().problem, Problem::unknown) << made.error().text;
    EXPECT_EQ(gateway.asked(kTxn).size(), 1U);
  }
}

TEST(EtcdClient, AQuestionIsAskedAgain) {
  Gateway gateway;
  gateway.on(kRange, [](const Asked&, std::size_t before) {
    return before < 2 ? Reply{{"HTTP/1."}, Then::close} : json(range_json());
  });
  gateway.on(kTxn, [](const Asked&, std::size_t before) {
    return before < 2 ? Reply{{}, Then::close} : json("{" + header() + R"(,"responses":[{}]})");
  });
  auto engine = open(gateway);
  EXPECT_TRUE(engine->range(kGet));
  EXPECT_TRUE(
      engine->txn({.compares = {Compare::absent("k")}, .otherwise = {Get{.keys = KeyRange::one("k")}}}));
}

TEST(EtcdClient, AMemberWithoutALeaderHasNotBegun) {
  Gateway gateway;
  gateway.on(kTxn, [](const Asked&, std::size_t before) {
    return before < 3 ? json(error_json(14, "etcdserver: no leader"), 503) : json(txn_json());
  });
  EXPECT_TRUE(open(gateway)->txn(kWrite));
  EXPECT_EQ(gateway.asked(kTxn).size(), 4U);
}

TEST(EtcdClient, NobodyThereIsOutOfReach) {
  const KeptPort nobody;  // nobody listens there
  EtcdSettings none = settings({{"127.0.0.1", nobody.number(), false}});
  none.whole_time = 300;
  auto engine = open_etcd(none).value();
  const auto made = engine->txn(kWrite);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().problem, Problem::out_of_reach);
  EXPECT_TRUE(made.error().text.contains("connect: Connection refused): check that etcd runs"))
      << made.error().text;
  EXPECT_EQ(failure_of(*engine->watch(KeyRange::one("k"), 1)).problem, Problem::out_of_reach);
  EXPECT_NE(engine->members().at(0).problem, "");
}

TEST(EtcdClient, MembersAreAskedInTurn) {
  const KeptPort nobody;
  Gateway silent, alive;
  silent.on("/v3/maintenance/status", Reply{{}, Then::silent});
  alive.on(kTxn, json(txn_json()));
  EtcdSettings three = settings({{"127.0.0.1", nobody.number(), false}, silent.member(), alive.member()});
  three.try_time = 300;
  auto engine = open_etcd(three).value();
  for (int i = 0; i < 3; ++i) {
    const auto made = engine->txn(kWrite);
    ASSERT_TRUE(made) << made.error().text;
  }
  EXPECT_EQ(silent.connections(), 1U);  // who answers is asked first the next time
  const auto members = engine->members();
  EXPECT_EQ(members.at(1).problem, "timed out");
  EXPECT_EQ(members.at(2).version, "3.4.23");
}

TEST(EtcdClient, AnotherClusterIsNotWrittenTo) {
  Gateway gateway;
  Reply once = json(txn_json());
  once.then = Then::close;
  gateway.on(kTxn, once);
  auto engine = open(gateway);
  ASSERT_TRUE(engine->txn(kWrite));
  gateway.wait_for_closed(1);
  gateway.on("/v3/maintenance/status", json(status_answer(8)));
  const auto made = engine->txn(kWrite);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().problem, Problem::wrong_cluster);
  EXPECT_EQ(gateway.asked(kTxn).size(), 1U);

  EtcdSettings named = settings({gateway.member()});
  named.cluster = 9;
  const auto found = open_etcd(named).value()->range(kGet);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().problem, Problem::wrong_cluster);
  EXPECT_TRUE(found.error().text.contains("cluster 8 of etcd, and this host's is 9")) << found.error().text;
}

TEST(EtcdClient, ATokenIsAskedForAndRenewed) {
  Gateway gateway;
  std::atomic<int> good = 0;  // the token that the member takes now
  gateway.on("/v3/auth/authenticate", [&](const Asked& asked, std::size_t) {
    EXPECT_EQ(asked.body, R"({"name":"anchord","password":"secret"})");
    return json(fmt::format(R"({{{},"token":"token.{}"}})", header(), ++good));
  });
  const auto guarded = [&](const std::string& body) {
    return [&, body](const Asked& asked, std::size_t) {
      if (asked.head.contains(fmt::format("\r\nAuthorization: token.{}", good.load()))) return json(body);
      return asked.head.contains("Authorization")
                 ? json(error_json(16, "etcdserver: invalid auth token"), 401)
                 : json(error_json(3, "etcdserver: user name is empty"), 400);
    };
  };
  gateway.on(kTxn, guarded(txn_json()))
      .on(kRange, guarded(range_json()))
      .on(kWatch, stream({created(), event_line({3})}));
  EtcdSettings with_user = settings({gateway.member()});
  with_user.user = "anchord";
  with_user.password = "secret";
  auto engine = open_etcd(with_user).value();
  EXPECT_TRUE(engine->txn(kWrite));
  EXPECT_TRUE(engine->txn(kWrite));
  EXPECT_EQ(good, 1);
  good = 50;  // it has ended
  EXPECT_TRUE(engine->txn(kWrite));
  EXPECT_EQ(good, 51);
  good = 60;
  EXPECT_EQ(next_of(*engine->watch(KeyRange::one("k"), 3)), std::vector<Revision>{3});
  EXPECT_TRUE(gateway.asked(kWatch).at(0).head.contains("Authorization: token.61"));
}

TEST(EtcdClient, WhereNobodyIsAskedWhoHeIsAUserDoesNoHarm) {
  Gateway gateway;
  std::atomic<bool> asks = false;
  gateway.on("/v3/auth/authenticate", [&](const Asked&, std::size_t) {
    return asks ? json("{" + header() + R"(,"token":"t"})")
                : json(error_json(9, "etcdserver: authentication is not enabled"), 412);
  });
  gateway.on(kTxn, [&](const Asked& asked, std::size_t) {
    return !asks || asked.head.contains("Authorization: t")
               ? json(txn_json())
               : json(error_json(3, "etcdserver: user name is empty"), 400);
  });
  EtcdSettings with_user = settings({gateway.member()});
  with_user.user = "anchord";
  auto engine = open_etcd(with_user).value();
  EXPECT_TRUE(engine->txn(kWrite));
  EXPECT_TRUE(engine->txn(kWrite));
  EXPECT_EQ(gateway.asked("/v3/auth/authenticate").size(), 1U);
  asks = true;  // and when that begins, there is a token
  EXPECT_TRUE(engine->txn(kWrite));
}

TEST(EtcdClient, AWrongPasswordIsRefused) {
  Gateway gateway;
  gateway.on(kTxn, json(error_json(16, "etcdserver: invalid auth token"), 401));
  gateway.on("/v3/auth/authenticate",
             json(error_json(3, "etcdserver: authentication failed, invalid user ID or password"), 400));
  EtcdSettings with_user = settings({gateway.member()});
  with_user.user = "anchord";
  const auto made = open_etcd(with_user).value()->txn(kWrite);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().problem, Problem::refused);
  EXPECT_TRUE(made.error().text.contains("invalid user ID or password")) << made.error().text;
  // And without a user, or with a token that is never taken, it does not go on for ever.
  const auto without = open(gateway)->txn(kWrite);
  ASSERT_FALSE(without);
  EXPECT_TRUE(without.error().text.contains("check this host's user and password")) << without.error().text;
  gateway.on("/v3/auth/authenticate", json("{" + header() + R"(,"token":"t"})"));
  EXPECT_EQ(open_etcd(with_user).value()->txn(kWrite).error().problem, Problem::refused);
}

TEST(EtcdClient, AWatchBeginsWhereItIsTold) {
  Gateway gateway;
  gateway.on(kWatch, stream({created(), event_line({3, 3, 4}), event_line({7})}));
  auto watch = open(gateway)->watch(KeyRange::prefix("k"), 3);
  EXPECT_EQ(next_of(*watch), (std::vector<Revision>{3, 3, 4}));
  EXPECT_EQ(next_of(*watch), (std::vector<Revision>{7}));
  const auto quiet = watch->next(10);
  ASSERT_TRUE(quiet);
  EXPECT_FALSE(quiet->heard);
  EXPECT_EQ(gateway.asked(kWatch).at(0).body,
            R"({"create_request":{"fragment":true,"key":"aw==","progress_notify":true,"range_end":"bA==",)"
            R"("start_revision":"3"}})");
}

TEST(EtcdClient, AProgressIsASignOfLifeAndMovesNothing) {
  Gateway gateway;
  gateway.on(kWatch, [](const Asked&, std::size_t before) {
    const std::string progress = R"({"result":{)" + header(100) + "}}";
    return before == 0 ? stream({created(), progress}, Then::close) : stream({created(), event_line({4})});
  });
  auto watch = open(gateway)->watch(KeyRange::one("k"), 3);
  int heard = 0;
  while (heard < 2) {
    const auto changes = watch->next(time_bound());
    ASSERT_TRUE(changes) << changes.error().text;
    ASSERT_TRUE(changes->heard && changes->events.empty());
    ++heard;
  }
  EXPECT_EQ(next_of(*watch), (std::vector<Revision>{4}));
  EXPECT_TRUE(gateway.asked(kWatch).at(1).body.contains(R"("start_revision":"3")"));
}

TEST(EtcdClient, ARevisionInSeveralPartsIsToldOfAsAWhole) {
  Gateway gateway;
  gateway.on(kWatch, [](const Asked&, std::size_t before) {
    // The connection ends within a revision, which comes again as a whole.
    if (before == 0)
      return stream({created(), event_line({3, 4, 5}, true), event_line({5, 5}, true)}, Then::close);
    return stream({created(), event_line({5, 5}, true), event_line({5, 6}, true), event_line({6})});
  });
  auto watch = open(gateway)->watch(KeyRange::one("k"), 3);
  EXPECT_EQ(next_of(*watch), (std::vector<Revision>{3, 4}));
  EXPECT_EQ(next_of(*watch), (std::vector<Revision>{5, 5, 5}));
  EXPECT_EQ(next_of(*watch), (std::vector<Revision>{6, 6}));
  EXPECT_TRUE(gateway.asked(kWatch).at(1).body.contains(R"("start_revision":"5")"));
}

TEST(EtcdClient, AWatchGoesOnAtAnotherMember) {
  struct Case {
    const char* name;
    Reply reply;
  };
  const Case cases[] = {
      {"closed", stream({created(), event_line({3})}, Then::close)},
      {"ended", stream({created(), event_line({3})}, Then::next)},
      {"no leader",
       stream({created(), event_line({3}),
               R"({"error":{"grpc_code":14,"http_code":503,"message":"etcdserver: no leader"}})"})},
      {"canceled", stream({created(), event_line({3}),
                           R"({"result":{)" + header() + R"(,"canceled":true,"cancel_reason":"x"}})"})},
      {"no JSON", stream({created(), event_line({3}), "{{{"})},
      {"an event from before", stream({created(), event_line({3}), event_line({2})})},
      {"a long line", stream({created(), event_line({3}), std::string(kMaxLine + 2 * 65536, ' ')})},
  };
  for (const Case& one : cases) {
    Gateway first, second;
    first.on(kWatch, one.reply);
    second.on(kWatch, stream({created(), event_line({4})}));
    auto watch = open_etcd(settings({first.member(), second.member()})).value()->watch(KeyRange::one("k"), 3);
    EXPECT_EQ(next_of(*watch), (std::vector<Revision>{3})) << one.name;
    EXPECT_EQ(next_of(*watch), (std::vector<Revision>{4})) << one.name;
    EXPECT_TRUE(second.asked(kWatch).at(0).body.contains(R"("start_revision":"4")")) << one.name;
  }
}

TEST(EtcdClient, AWatchThatCannotGoOnSaysWhy) {
  struct Case {
    Reply reply;
    Problem problem;
    const char* text;
  };
  const Case cases[] = {
      {stream({created(), R"({"result":{)" + header() + R"(,"canceled":true,"compact_revision":"20"}})"}),
       Problem::compacted, "only those from 20"},
      {stream(
           {R"({"result":{)" + header() +
            R"(,"created":true,"canceled":true,)"
            R"("cancel_reason":"rpc error: code = PermissionDenied desc = etcdserver: permission denied"}})"}),
       Problem::refused, "permission denied"},
      {stream({R"({"result":{)" + header(1, 8) + R"(,"created":true}})"}), Problem::wrong_cluster,
       "another cluster"},
      {json(error_json(7, "etcdserver: permission denied"), 403), Problem::refused, "permission denied"},
      {json("<html>", 502), Problem::out_of_reach, "has ended"},
  };
  for (const Case& one : cases) {
    Gateway gateway;
    gateway.on(kWatch, one.reply);
    const Failure why = failure_of(*open(gateway)->watch(KeyRange::one("k"), 3));
    EXPECT_EQ(why.problem, one.problem) << why.text;
    EXPECT_TRUE(why.text.contains(one.text)) << why.text;
    EXPECT_EQ(why.oldest, one.problem == Problem::compacted ? 20 : 0);
  }
}

TEST(EtcdClient, WhatIsTooLargeIsNotTaken) {
  const std::string huge = "HTTP/1.1 200 OK\r\n";
  const Reply replies[] = {
      Reply{{huge + fmt::format("Content-Length: {}\r\n\r\n", kMaxAnswer + 1)}, Then::silent},
      Reply{{huge + "Content-Length: 99999999999999999999999\r\n\r\n"}, Then::silent},
      Reply{{huge + "X: " + std::string(kMaxHttpPart, 'x')}, Then::silent},
      Reply{{huge + "Transfer-Encoding: chunked\r\n\r\n" + std::string(2 * kMaxHttpPart, '1')}, Then::silent},
      Reply{{huge + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(2 * kMaxHttpPart, 'x')},
            Then::silent},
      Reply{{huge + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + std::string(2 * kMaxHttpPart, 'x')},
            Then::silent},
      Reply{{huge + "\r\n{}"}, Then::silent},  // it would end with the connection
      Reply{{"HTTP/1.1 100 Continue\r\n\r\n"}, Then::silent},
      Reply{{"SSH-2.0-OpenSSH\r\n"}, Then::silent},
      Reply{{json(range_json()).pieces[0] + "HTTP/1.1 200 OK\r\n"}, Then::silent},
      json(std::string(200'000, '[')),
      json("{\"kvs\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}"),
  };
  for (const Reply& reply : replies) {
    Gateway gateway;
    gateway.on(kTxn, reply);
    const auto made = open(gateway)->txn(kWrite);  // with all the time there is
    ASSERT_FALSE(made) << reply.pieces[0].substr(0, 200);
    EXPECT_EQ(made.error().problem, Problem::unknown);
    EXPECT_LT(made.error().text.size(), 500U);
  }
}

TEST(EtcdClient, WhoAnswersByteByByteIsNotWaitedForLonger) {
  Gateway gateway;
  gateway.on(kTxn, [&](const Asked&, std::size_t) {
    // More bytes than anybody reads, each by itself.
    return Reply{std::vector<std::string>(1'000'000, "H"), Then::silent};
  });
  const auto made = open_hasty(gateway)->txn(kWrite);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().problem, Problem::unknown);
}

TEST(EtcdClient, UrlsOfMembers) {
  const auto members =
      parse_members("http://10.0.0.1:2379,https://etcd-2.example.com,https://[2001:db8::1]:4001/");
  ASSERT_TRUE(members) << members.error().text;
  ASSERT_EQ(members->size(), 3U);
  EXPECT_EQ(members->at(0).url(), "http://10.0.0.1:2379");
  EXPECT_EQ(members->at(1).url(), "https://etcd-2.example.com:2379");
  EXPECT_EQ(members->at(2).url(), "https://[2001:db8::1]:4001");
  EXPECT_EQ(members->at(2).host, "2001:db8::1");
  for (const char* wrong : {"", "10.0.0.1:2379", "http://", "http://:2379", "http://a:0", "http://a:65536",
                            "http://a:x", "ftp://a", "http://[::1", "http://[]:1", "http://a/b", "http://u@a",
                            "http://a b", "http://a,", "http://a\r\nX: y"}) {
    EXPECT_FALSE(parse_members(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace anchord::engine::test

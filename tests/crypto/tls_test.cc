#include "anchord/crypto/tls.h"

#include <gtest/gtest.h>

#include "anchord/crypto/random.h"
#include "anchord/crypto/self_signed.h"
#include "tls_pair.h"

namespace anchord::crypto {
namespace {

using test::Outcome;
using test::Pair;

constexpr TlsVersion kAll[] = {TlsVersion::v1_0, TlsVersion::v1_1, TlsVersion::v1_2, TlsVersion::v1_3};

TlsServerSettings server_settings(const std::string& who = "tvs") {
  return {.certificate = test::certificate(who),
          .key = test::key(who),
          .min = TlsVersion::v1_0,
          .ticket_keys = TicketKeys::generate()};
}

TlsContext server(const TlsServerSettings& settings = server_settings()) {
  return TlsContext::server(settings).value();
}

TlsContext client(TlsVersion version, std::string_view ciphers = kDefaultCiphers) {
  return TlsContext::client({.min = version, .max = version, .ciphers = std::string(ciphers)}).value();
}

TEST(Tls, EveryVersionWithEveryKey) {
  const TlsContext contexts[] = {server(server_settings("tvs")), server(server_settings("app-ec"))};
  for (const TlsContext& context : contexts) {
    Pair pair;
    for (TlsVersion version : kAll) {
      pair.start(client(version), context);
      ASSERT_TRUE(pair.handshake()) << to_text(version) << pair.server.engine.failure();
      std::string expected = version == TlsVersion::v1_0 ? "TLSv1" : "TLSv" + std::string(to_text(version));
      EXPECT_EQ(pair.server.engine.version(), expected);
      EXPECT_EQ(pair.client.engine.version(), expected);
      EXPECT_FALSE(pair.server.engine.resumed());
      EXPECT_TRUE(pair.exchange("question", "answer"));
      EXPECT_TRUE(pair.exchange("another", std::string(40000, 'x')));
      pair.reset();
    }
  }
}

TEST(Tls, LargeRsaKeys) {
  const PrivateKey& key = test::shared_key(KeyKind::rsa4096);
  auto made =
      make_self_signed(key, {.subject = Name::parse("CN=a").value(), .not_before = 1800000000, .days = 1});
  Pair pair;
  pair.start(client(TlsVersion::v1_2, "AES256-SHA"), server({.certificate = made.value(), .key = key}));
  EXPECT_TRUE(pair.handshake()) << pair.server.engine.failure();
}

TEST(Tls, CiphersOfTheOldestPhones) {
  TlsContext context = server();
  for (TlsVersion version : {TlsVersion::v1_0, TlsVersion::v1_1, TlsVersion::v1_2}) {
    for (const char* cipher : {"AES256-SHA", "AES128-SHA"}) {
      Pair pair;
      pair.start(client(version, cipher), context);
      ASSERT_TRUE(pair.handshake()) << cipher;
      EXPECT_EQ(pair.server.engine.cipher(), cipher);
      EXPECT_TRUE(pair.exchange("question", "answer"));
    }
  }
}

TEST(Tls, ServerChoosesTheCipher) {
  Pair pair;
  pair.start(client(TlsVersion::v1_2, "AES128-SHA:AES256-SHA:ECDHE-RSA-AES128-GCM-SHA256"), server());
  ASSERT_TRUE(pair.handshake());
  EXPECT_EQ(pair.server.engine.cipher(), "ECDHE-RSA-AES128-GCM-SHA256");
}

TEST(Tls, RefusesVersionsBelowTheMinimumWithAnAlert) {
  TlsServerSettings settings = server_settings();
  settings.min = TlsVersion::v1_2;
  Pair pair;
  pair.start(client(TlsVersion::v1_1), server(settings));
  EXPECT_FALSE(pair.handshake());
  EXPECT_EQ(pair.server.engine.failure(), "TLS: UNSUPPORTED_PROTOCOL");
  EXPECT_EQ(pair.client.handshake(), Outcome::failed);
  EXPECT_EQ(pair.client.engine.failure(), "TLS: TLSV1_ALERT_PROTOCOL_VERSION");
}

TEST(Tls, BytesOneByOneThroughTheSmallestRoom) {
  TlsContext context = server();
  for (TlsVersion version : kAll) {
    Pair pair;
    for (test::Side* side : {&pair.client, &pair.server}) {
      side->delivery = 1;
      side->room = 1;
    }
    pair.start(client(version), context);
    ASSERT_TRUE(pair.handshake()) << to_text(version);
    EXPECT_TRUE(pair.exchange("question", std::string(20000, 'x')));
    EXPECT_EQ(pair.server.close(), Outcome::done);
    std::string rest;
    EXPECT_EQ(pair.client.read(rest), Outcome::peer_closed);
  }
}

TEST(Tls, NoRoomIsNoFailure) {
  Pair pair;
  pair.start(client(TlsVersion::v1_2), server());
  ASSERT_TRUE(pair.handshake());
  pair.server.room = 0;
  EXPECT_EQ(pair.server.write("answer"), Outcome::output_full);
  EXPECT_EQ(pair.server.write("answer"), Outcome::output_full);
  pair.server.room = 100;
  EXPECT_EQ(pair.server.write("answer"), Outcome::done);
  std::string got;
  EXPECT_EQ(pair.client.read(got), Outcome::want_input);
  EXPECT_EQ(got, "answer");
}

TEST(Tls, RequestsJoinedWithTheHandshakeAreNotLost) {
  for (TlsVersion version : kAll) {
    Pair pair;
    pair.start(client(version), server());
    while (pair.client.handshake() != Outcome::done && !pair.server.engine.handshake_done()) {
      pair.server.handshake();
    }
    // In TLS 1.3 the client is done first: its request follows its last flight.
    EXPECT_EQ(pair.client.write("one"), Outcome::done);
    EXPECT_EQ(pair.client.write("two"), Outcome::done);
    ASSERT_EQ(pair.server.handshake(), Outcome::done);
    std::string got;
    EXPECT_EQ(pair.server.read(got), Outcome::want_input);
    EXPECT_EQ(got, "onetwo");
  }
}

TEST(Tls, GarbageFailsAndIsAnsweredWithAnAlert) {
  TlsContext context = server();
  TlsEngine engine;
  Buffer room(1000);
  for (std::string_view garbage :
       {std::string_view("nonsense"), std::string_view("\0\0\0\0\0\0\0\0\0\0", 10),
        std::string_view("\x16\x03\x01\xff\xff\x01\x02"), std::string_view("\x16\x03\x01\0\4\x01\0\0\0", 9),
        std::string_view("\x17\x03\x03\0\1x", 6)}) {
    ASSERT_TRUE(engine.start(context).has_value());
    engine.take_into(room);
    engine.give(as_bytes(garbage));
    EXPECT_EQ(engine.handshake(), Outcome::failed);
    EXPECT_GE(engine.produced(), 7U);
    EXPECT_EQ(room[0], 21);
    EXPECT_TRUE(engine.failure().starts_with("TLS: ")) << engine.failure();
    EXPECT_FALSE(engine.failure().contains("no reason")) << engine.failure();
    // It stays failed, quietly.
    EXPECT_EQ(engine.handshake(), Outcome::failed);
    EXPECT_EQ(engine.close(), Outcome::failed);
    engine.reset();
  }
}

TEST(Tls, HttpIsNotAnsweredInTls) {
  TlsEngine engine;
  Buffer room(1000);
  ASSERT_TRUE(engine.start(server()).has_value());
  engine.take_into(room);
  engine.give(as_bytes("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_EQ(engine.handshake(), Outcome::failed);
  EXPECT_EQ(engine.produced(), 0U);
  EXPECT_EQ(engine.failure(), "TLS: HTTP_REQUEST");
}

TEST(Tls, RandomBytesNeverBringItDown) {
  TlsContext context = server();
  TlsEngine engine;
  Buffer room(4096), noise(300);
  for (int i = 0; i < 2000; ++i) {
    fill_random(noise);
    // Half of them look like a ClientHello at first.
    if (i % 2 == 0) std::ranges::copy(Buffer{0x16, 3, 1, 1, 0x20, 1, 0, 1, 0x1c, 3, 3}, noise.begin());
    ASSERT_TRUE(engine.start(context).has_value());
    engine.take_into(room);
    engine.give(noise);
    Outcome outcome = engine.handshake();
    EXPECT_TRUE(outcome == Outcome::failed || outcome == Outcome::want_input);
    engine.reset();
  }
}

TEST(Tls, AFailureDoesNotReachTheNextConnection) {
  TlsContext context = server();
  Pair broken, good;
  good.start(client(TlsVersion::v1_2), context);
  ASSERT_TRUE(good.handshake());
  broken.start(client(TlsVersion::v1_2), context);
  broken.server.inbox = to_buffer(as_bytes("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_EQ(broken.server.handshake(), Outcome::failed);
  EXPECT_TRUE(good.exchange("question", "answer"));
  broken.reset();
  broken.start(client(TlsVersion::v1_2), context);
  EXPECT_TRUE(broken.handshake());
}

TEST(Tls, DamagedRecordsFail) {
  for (TlsVersion version : kAll) {
    Pair pair;
    pair.start(client(version), server());
    ASSERT_TRUE(pair.handshake());
    ASSERT_EQ(pair.client.write("question"), Outcome::done);
    pair.server.inbox.back() ^= 1;
    std::string got;
    EXPECT_EQ(pair.server.read(got), Outcome::failed);
    EXPECT_EQ(got, "");
    EXPECT_EQ(pair.server.engine.failure(), "TLS: DECRYPTION_FAILED_OR_BAD_RECORD_MAC");
  }
}

TEST(Tls, ATruncatedHandshakeWaits) {
  Pair pair;
  pair.start(client(TlsVersion::v1_2), server());
  ASSERT_EQ(pair.client.handshake(), Outcome::want_input);
  pair.server.inbox.pop_back();
  EXPECT_EQ(pair.server.handshake(), Outcome::want_input);
  EXPECT_TRUE(pair.client.inbox.empty());
  EXPECT_FALSE(pair.server.engine.handshake_done());
}

TEST(Tls, Closing) {
  for (TlsVersion version : kAll) {
    Pair pair;
    pair.start(client(version), server());
    ASSERT_TRUE(pair.handshake());
    EXPECT_EQ(pair.client.write("last"), Outcome::done);
    EXPECT_EQ(pair.client.close(), Outcome::done);
    std::string got;
    EXPECT_EQ(pair.server.read(got), Outcome::peer_closed);
    EXPECT_EQ(got, "last");
    EXPECT_EQ(pair.server.close(), Outcome::done);
    EXPECT_EQ(pair.server.close(), Outcome::done);
    EXPECT_EQ(pair.client.read(got), Outcome::peer_closed);
  }
}

TEST(Tls, ClosingDuringTheHandshakeSaysNothing) {
  Pair pair;
  pair.start(client(TlsVersion::v1_2), server());
  EXPECT_EQ(pair.server.close(), Outcome::done);
  EXPECT_TRUE(pair.client.inbox.empty());
}

TEST(Tls, PinnedCertificate) {
  for (TlsVersion version : kAll) {
    auto pinned = [&](const char* who) {
      return TlsContext::client({.min = version, .max = version, .pinned = test::certificate(who)}).value();
    };
    Pair pair;
    pair.start(pinned("tvs"), server());
    ASSERT_TRUE(pair.handshake());
    EXPECT_EQ(pair.client.engine.peer_certificate_der(), to_buffer(test::certificate("tvs").der()));
    EXPECT_TRUE(pair.server.engine.peer_certificate_der().empty());
    pair.reset();

    pair.start(pinned("tftp"), server());
    EXPECT_FALSE(pair.handshake());
    EXPECT_EQ(pair.client.engine.failure(), "the server presented another certificate than the one expected");
    EXPECT_EQ(pair.server.handshake(), Outcome::failed);
    EXPECT_EQ(pair.server.engine.failure(), "TLS: SSLV3_ALERT_BAD_CERTIFICATE");
  }
}

// What came of a second connection that offers the first one's session.
struct Resumption {
  bool resumed;
  bool again;  // it got a session of its own
};

Resumption resume(TlsVersion version, const TlsContext& first, const TlsContext& second) {
  TlsContext phone = client(version);
  Pair pair;
  pair.start(phone, first);
  EXPECT_TRUE(pair.handshake());
  EXPECT_TRUE(pair.exchange("question", "answer"));
  TlsSession session = pair.client.engine.session();
  EXPECT_TRUE(session);
  pair.reset();
  EXPECT_FALSE(pair.client.engine.session());

  pair.start(phone, second);
  pair.client.engine.set_session(session);
  EXPECT_TRUE(pair.handshake());
  EXPECT_TRUE(pair.exchange("question", "answer"));
  EXPECT_EQ(pair.client.engine.resumed(), pair.server.engine.resumed());
  return {pair.server.engine.resumed(), static_cast<bool>(pair.client.engine.session())};
}

TEST(Tls, TicketsWorkAcrossContextsWithTheSameKeys) {
  TlsServerSettings settings = server_settings();
  for (TlsVersion version : kAll) {
    EXPECT_TRUE(resume(version, server(settings), server(settings)).resumed) << to_text(version);
    TlsServerSettings other = settings;
    other.ticket_keys = TicketKeys::generate();
    EXPECT_FALSE(resume(version, server(settings), server(other)).resumed) << to_text(version);
  }
}

TEST(Tls, TicketsOutliveOneRotation) {
  for (TlsVersion version : {TlsVersion::v1_2, TlsVersion::v1_3}) {
    TlsServerSettings settings = server_settings();
    TlsContext before = server(settings), after = server(settings);
    settings.ticket_keys.rotate();
    after.set_ticket_keys(settings.ticket_keys);
    Resumption once = resume(version, before, after);
    EXPECT_TRUE(once.resumed);
    EXPECT_TRUE(once.again);  // under the new key
    settings.ticket_keys.rotate();
    after.set_ticket_keys(settings.ticket_keys);
    EXPECT_FALSE(resume(version, before, after).resumed);
  }
}

TEST(Tls, APinnedClientChecksResumedSessionsToo) {
  for (TlsVersion version : {TlsVersion::v1_2, TlsVersion::v1_3}) {
    TlsContext context = server();
    Pair pair;
    pair.start(client(version), context);
    ASSERT_TRUE(pair.handshake() && pair.exchange("question", "answer"));
    TlsSession session = pair.client.engine.session();
    pair.reset();
    pair.start(
        TlsContext::client({.min = version, .max = version, .pinned = test::certificate("tftp")}).value(),
        context);
    pair.client.engine.set_session(session);
    EXPECT_FALSE(pair.handshake());
  }
}

TEST(Tls, AnEngineKeepsItsContextAlive) {
  Pair pair;
  {
    TlsContext a = client(TlsVersion::v1_3), b = server();
    pair.start(a, b);
  }
  EXPECT_TRUE(pair.handshake());
  EXPECT_TRUE(pair.exchange("question", "answer"));
}

TEST(TlsContext, ErrorsNameTheThing) {
  TlsServerSettings settings = server_settings();
  settings.key = test::key("tftp");
  EXPECT_TRUE(TlsContext::server(settings).error().text.starts_with(
      "the private key does not belong to the certificate 'CN=TVS-cucm1.example.com;"));
  settings = server_settings();
  settings.ciphers = "AES256-SHA:NONSENSE";
  EXPECT_TRUE(
      TlsContext::server(settings).error().text.starts_with("bad TLS cipher list 'AES256-SHA:NONSENSE'"));
  settings.ciphers = "";
  EXPECT_FALSE(TlsContext::server(settings).has_value());
  EXPECT_EQ(TlsContext::client({.min = TlsVersion::v1_3, .max = TlsVersion::v1_2}).error().text,
            "the lowest TLS version, 1.3, is above the highest, 1.2");
}

TEST(TlsVersionNames, RoundTrip) {
  for (TlsVersion version : kAll) EXPECT_EQ(parse_tls_version(to_text(version)).value(), version);
  EXPECT_EQ(parse_tls_version("1.4").error().text, "'1.4' is not a TLS version: use 1.0, 1.1, 1.2 or 1.3");
}

TEST(TicketKeysTest, RotateKeepsTheCurrentAsThePrevious) {
  TicketKeys keys = TicketKeys::generate();
  TicketKeys::Key old = keys.current;
  EXPECT_NE(keys.current, keys.previous);
  keys.rotate();
  EXPECT_EQ(keys.previous, old);
  EXPECT_NE(keys.current, old);
}

}  // namespace
}  // namespace anchord::crypto

// HTTP and HTTPS on the simulated ring: whatever it does, who behaves gets every byte
// of one version, in order, and nothing leaks.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <random>

#include "browser.h"

namespace anchord::sim {
namespace {

constexpr std::uint64_t kSeeds = 60;
const std::string kPhone = "SEP001122334455";

// A part of a file's bytes; all of them unless told otherwise.
Buffer part(const Buffer& whole, std::size_t first, std::size_t length) {
  return Buffer(whole.begin() + static_cast<std::ptrdiff_t>(first),
                whole.begin() + static_cast<std::ptrdiff_t>(first + length));
}

Buffer joined(Buffer a, const Buffer& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// How downloads ended. That each was begun is said before.
std::vector<service::Download> downloads(World& world) {
  std::vector<service::Download> out;
  std::vector<std::pair<std::string, std::uint64_t>> begun;
  world.activity.downloads.drain([&](const service::Download& record) {
    std::pair<std::string, std::uint64_t> what{record.device.text(), record.version};
    if (record.end == service::DownloadEnd::begun) return begun.push_back(std::move(what));
    if (record.end != service::DownloadEnd::not_there) {
      EXPECT_NE(std::ranges::find(begun, what), begun.end()) << what.first;
    }
    out.push_back(record);
  });
  return out;
}

struct Question {
  std::string request;
  int status;
  std::vector<Buffer> right;  // any of them
};

// What may be asked, with the answers: of files that come in two versions.
class Catalogue {
 public:
  explicit Catalogue(std::uint64_t seed) : random_(seed) {
    for (std::uint8_t version : {1, 101}) {
      small_.push_back(file_content(version, 900));
      header_.push_back(file_content(static_cast<std::uint8_t>(version + 1), 700));
      big_.push_back(file_content(static_cast<std::uint8_t>(version + 2), 150'000));
    }
  }

  std::vector<index::FileChange> version(unsigned number) const {
    return {file("small.xml", small_[number]), file("big.bin.sgn", big_[number], header_[number]),
            file(kPhone + ".cnf.xml.sgn", small_[number], header_[number])};
  }

  Question draw() {
    auto both = [](auto&& of) { return std::vector<Buffer>{of(0), of(1)}; };
    switch (random_() % 8) {
      case 0:
        return {get("none"), 404, {to_buffer(as_bytes("not found\n"))}};
      case 1:
        return {get("small.xml", "", "HEAD"), 200, {Buffer{}}};
      case 2:
        return {get("big.bin.sgn", "Range: bytes=600-99999\r\n"), 206,
                both([this](unsigned i) { return part(joined(header_[i], big_[i]), 600, 99'400); })};
      case 3:
        return {get("Small.XML", "If-None-Match: *\r\n"), 304, {Buffer{}}};
      case 4:
        return {get("small.xml", "", "PUT"), 405, {Buffer{}}};
      case 5:
        return {get("big.bin.sgn"), 200, both([this](unsigned i) { return joined(header_[i], big_[i]); })};
      case 6:
        return {get("small.xml", "Range: bytes=-100\r\n"), 206,
                both([this](unsigned i) { return part(small_[i], 800, 100); })};
      default:
        return {get("small.xml"), 200, both([this](unsigned i) { return small_[i]; })};
    }
  }

 private:
  std::mt19937_64 random_;
  std::vector<Buffer> small_;
  std::vector<Buffer> header_;
  std::vector<Buffer> big_;
};

struct Client {
  Client(World& world, unsigned host, Catalogue& catalogue, std::mt19937_64& random, bool pipelines) {
    Browser::Manner manner{.tls = random() % 2 == 0,
                           .version = random() % 2 ? crypto::TlsVersion::v1_2 : crypto::TlsVersion::v1_3,
                           .at_once = pipelines ? 1 + static_cast<unsigned>(random() % 6) : 1};
    if (random() % 2) manner.piece = 1 + random() % 200;
    std::vector<std::string> requests;
    for (std::uint64_t left = 1 + random() % 10; left > 0; --left) {
      questions.push_back(catalogue.draw());
      requests.push_back(questions.back().request);
    }
    browser = std::make_unique<Browser>(world, host, manner, requests);
  }

  void expect_right() const {
    ASSERT_TRUE(browser->satisfied()) << browser->responses().size() << " of " << questions.size();
    for (std::size_t i = 0; i < questions.size(); ++i) {
      const Response& response = browser->responses()[i];
      EXPECT_EQ(response.status, questions[i].status) << questions[i].request;
      EXPECT_TRUE(std::ranges::find(questions[i].right, response.body) != questions[i].right.end())
          << questions[i].request;
    }
  }

  std::vector<Question> questions;
  std::unique_ptr<Browser> browser;
};

class HttpUnderFaults : public testing::TestWithParam<std::uint64_t> {};

TEST_P(HttpUnderFaults, EveryAnswerIsOfOneVersion) {
  World world(
      {.ring = {.faults = io::SimFaults::some(GetParam()), .tcp_buffers = 8, .tcp_buffer_size = 512}});
  std::mt19937_64 random(GetParam());
  Catalogue catalogue(GetParam());
  world.publish(catalogue.version(0));
  std::vector<Client> clients;
  for (unsigned i = 0; i < 8; ++i) clients.emplace_back(world, i, catalogue, random, true);
  for (unsigned i = 0; i < 20; ++i)
    world.sim.at(world.sim.time() + random() % 3000, [&, i] { world.publish(catalogue.version(i % 2)); });
  auto pump = [&] {
    for (Client& client : clients) client.browser->pump();
  };
  world.run_for(30'000, pump);
  for (const Client& client : clients) client.expect_right();
  world.run_for(120'000, pump);
  for (const Client& client : clients) EXPECT_TRUE(client.browser->ended());
  expect_no_http_left(world);
}

TEST_P(HttpUnderFaults, TheHonestAreAnsweredAmongTheBroken) {
  World world({.ring = {.faults = io::SimFaults::some(GetParam()),
                        .tcp_buffers = 16,
                        .tcp_buffer_size = 1024,
                        .socket_buffer = 8192}});
  std::mt19937_64 random(GetParam() * 977);
  Catalogue catalogue(GetParam());
  world.publish(catalogue.version(0));
  std::vector<Client> honest;
  std::vector<Client> broken;
  // When buffers are short, those who keep some behind a long answer give way: the
  // honest ask nothing more before they have it.
  for (unsigned i = 0; i < 4; ++i) honest.emplace_back(world, i, catalogue, random, false);
  std::array<bool, 12> gone{};
  for (unsigned i = 0; i < gone.size(); ++i) {
    broken.emplace_back(world, 100 + i, catalogue, random, true);
    world.sim.at(world.sim.time() + random() % 200, [&, i, peer = broken.back().browser->peer()] {
      gone[i] = true;
      switch (i % 4) {
        case 0:
          return world.sim.peer_vanish(peer);
        case 1:
          return world.sim.peer_reset(peer);
        case 2:
          return world.sim.peer_stall(peer, true);
        default:
          return world.sim.peer_close(peer);
      }
    });
  }
  for (unsigned i = 0; i < 4; ++i) {
    int peer = world.sim.connect(i % 2 ? world.http_listener : world.https_listener, world.peer(200 + i, 1));
    Buffer garbage(1 + random() % 3000);
    std::ranges::generate(garbage, [&] { return static_cast<std::uint8_t>(random()); });
    world.sim.peer_send(peer, garbage);
  }
  world.run_for(30'000, [&] {
    for (Client& client : honest) client.browser->pump();
    for (unsigned i = 0; i < gone.size(); ++i)
      if (!gone[i]) broken[i].browser->pump();
  });
  for (const Client& client : honest) client.expect_right();
  world.publish(catalogue.version(1));
  world.run_for(150'000, [&] {
    for (Client& client : honest) client.browser->pump();
  });
  expect_no_http_left(world);
}

INSTANTIATE_TEST_SUITE_P(Seeds, HttpUnderFaults, testing::Range<std::uint64_t>(1, kSeeds + 1));

TEST(HttpSim, AnswersCarryWhatTheyShould) {
  World world({});
  Buffer content = file_content(3, 1000);
  world.publish({file("d/Ringlist.xml", content), file("f.loads", content)});
  auto out = ask(world, {get("d/RINGLIST.XML"), get("f.loads", "", "HEAD"), get("d")});
  ASSERT_EQ(out.size(), 3u);
  EXPECT_EQ(out[0].body, content);
  EXPECT_EQ(out[0].field("Content-Type"), "text/xml");
  EXPECT_EQ(out[0].field("Server"), "anchord");
  EXPECT_EQ(out[0].field("Accept-Ranges"), "bytes");
  EXPECT_EQ(out[0].field("Connection"), "");
  EXPECT_EQ(out[0].field("Date").size(), 29u);
  EXPECT_EQ(out[0].field("ETag").size(), 18u);
  EXPECT_EQ(out[1].field("Content-Length"), "1000");
  EXPECT_EQ(out[1].field("Content-Type"), "application/octet-stream");
  EXPECT_EQ(out[1].field("ETag"), out[0].field("ETag"));  // the same content
  EXPECT_EQ(out[2].status, 404);
}

TEST(HttpSim, WhatIsNotThereLooksTheSame) {
  World world({});
  world.publish({file("a/b.xml", file_content(1, 10))});
  auto out = ask(world, {get("nothing"), get(""), get("a"), get("a/"), get("a/../a/b.xml"), get("%2e%2e/etc"),
                         get("a/b.xml/?x"), get("a%00"), get("a//../b.xml"), get(std::string(300, 'x'))});
  ASSERT_EQ(out.size(), 10u);
  for (const Response& response : out) {
    EXPECT_EQ(response.status, 404);
    EXPECT_EQ(as_text(response.body), "not found\n");
    std::string head = response.head;
    std::string first = out[0].head;
    for (std::string* text : {&head, &first}) text->erase(text->find("Date: "), 37);
    EXPECT_EQ(head, first);
  }
  EXPECT_EQ(world.counters.http_not_found.get(), 10u);
}

TEST(HttpSim, WhatPhonesPutAroundANameIsTakenOff) {
  World world({});
  world.publish({file("a/b.xml", file_content(1, 10))});
  auto out = ask(world, {get("a/b.xml?locale=English_United_States&name=SEP001122334455"), get("/a//./b.xml"),
                         get("./A/b.xml?")});
  ASSERT_EQ(out.size(), 3u);
  for (const Response& response : out) {
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, file_content(1, 10));
    EXPECT_EQ(response.field("Content-Type"), "text/xml");
  }
}

TEST(HttpSim, ConditionsAndRanges) {
  World world({});
  Buffer content = file_content(3, 1000);
  world.publish({file("f", content)});
  std::string etag = ask(world, {get("f")})[0].field("ETag");
  auto out = ask(world, {get("f", "If-None-Match: \"x\", W/" + etag + "\r\n"),  //
                         get("f", "If-None-Match: \"x\"\r\n"),
                         get("f", "Range: bytes=10-19\r\nIf-Range: " + etag + "\r\n"),
                         get("f", "Range: bytes=10-19\r\nIf-Range: W/" + etag + "\r\n"),
                         get("f", "Range: bytes=10-19\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n"),
                         get("f", "Range: bytes=1000-\r\n"),  //
                         get("f", "Range: bytes=0-1,5-6\r\n"), get("f", "Range: bytes=0-1\r\n", "HEAD"),
                         get("f", "Range: bytes=0-1\r\nIf-None-Match: " + etag + "\r\n")});
  ASSERT_EQ(out.size(), 9u);
  std::vector<int> status;
  for (const Response& response : out) status.push_back(response.status);
  EXPECT_EQ(status, (std::vector<int>{304, 200, 206, 200, 200, 416, 200, 200, 304}));
  EXPECT_EQ(out[0].field("ETag"), etag);
  EXPECT_EQ(out[2].field("Content-Range"), "bytes 10-19/1000");
  EXPECT_EQ(out[2].body, part(content, 10, 10));
  EXPECT_EQ(out[3].body, content);
  EXPECT_EQ(out[5].field("Content-Range"), "bytes */1000");
  EXPECT_EQ(out[6].body, content);
  EXPECT_EQ(out[7].field("Content-Length"), "1000");
}

TEST(HttpSim, ConnectionsAreKeptAsAsked) {
  World world({});
  world.publish({file("f", file_content(3, 100'000))});
  struct Case {
    std::string request;
    bool kept;
    const char* said;
  };
  for (const Case& c : {Case{get("f"), true, ""}, Case{get("f", "Connection: close\r\n"), false, "close"},
                        Case{"GET /f HTTP/1.0\r\n\r\n", false, "close"},
                        Case{"GET /f HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true, "keep-alive"},
                        Case{get("none", "Connection: close\r\n"), false, "close"},
                        Case{get("f", "Content-Length: 3\r\n") + "abc", false, "close"}}) {
    for (bool tls : {false, true}) {
      Browser browser(world, 1, {.tls = tls}, {c.request});
      world.run_for(200, [&] { browser.pump(); });
      ASSERT_EQ(browser.responses().size(), 1u) << c.request;
      EXPECT_EQ(browser.responses()[0].field("Connection"), c.said) << c.request;
      EXPECT_EQ(browser.ended(), !c.kept) << c.request;
      world.sim.peer_reset(browser.peer());
    }
  }
}

TEST(HttpSim, WhatIsNoRequestIsAnsweredAndEnds) {
  World world({});
  const std::pair<std::string, int> cases[] = {
      {"\x16\x03\x01\x02", 400},
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/3.0\r\n\r\n", 505},
      {"GET /" + std::string(3000, 'a'), 414},
      {get("", "A: " + std::string(9000, 'a') + "\r\n"), 431},
      {get("", "Content-Length: 5\r\n", "POST") + "hello", 405},
      {get("", "Transfer-Encoding: chunked\r\n"), 413},
  };
  for (const auto& [request, status] : cases) {
    Browser browser(world, 1, {}, {request});
    world.run_for(200, [&] { browser.pump(); });
    ASSERT_EQ(browser.responses().size(), 1u) << request;
    EXPECT_EQ(browser.responses()[0].status, status) << request;
    EXPECT_TRUE(browser.ended()) << request;
  }
  EXPECT_EQ(world.counters.http_malformed.get(), 5u);
  EXPECT_EQ(world.counters.http_refused.get(), 2u);
  world.run_for(100);
  expect_no_http_left(world);
}

TEST(HttpSim, AnswersBeforeWhatIsNoRequestArrive) {
  World world({});
  Buffer content = file_content(3, 50'000);
  world.publish({file("f", content)});
  for (bool tls : {false, true}) {
    auto out = ask(world, {get("f"), get("none"), get("f", "Bad Field\r\n")}, {.tls = tls, .at_once = 3});
    ASSERT_EQ(out.size(), 3u);
    EXPECT_EQ(out[0].body, content);
    EXPECT_EQ(out[1].status, 404);
    EXPECT_EQ(out[2].status, 400);
  }
}

TEST(HttpSim, SmallAnswersOfOneBatchAreOneSend) {
  World world({});
  std::vector<std::string> requests(12, get("none"));
  Browser browser(world, 1, {.at_once = 12}, requests);
  std::size_t most = 0;
  world.run_for(200, [&] {
    std::size_t before = browser.responses().size();
    browser.pump();
    most = std::max(most, browser.responses().size() - before);
  });
  EXPECT_TRUE(browser.satisfied());
  EXPECT_GT(most, 6u);
}

TEST(HttpSim, OnTlsASignedConfigurationComesUnsigned) {
  World world({});
  Buffer content = file_content(3, 1000);
  Buffer header = file_content(7, 300);
  world.publish({file(kPhone + ".cnf.xml.sgn", content, header), file("Ringlist.xml.sgn", content, header)});
  auto plain = ask(world, {get(kPhone + ".cnf.xml.sgn")});
  auto tls = ask(world,
                 {get("sep001122334455.CNF.XML.SGN"), get("Ringlist.xml.sgn"),
                  get(kPhone + ".cnf.xml.sgn", "Range: bytes=990-\r\n")},
                 {.tls = true});
  ASSERT_EQ(plain.size(), 1u);
  ASSERT_EQ(tls.size(), 3u);
  EXPECT_EQ(plain[0].body, joined(header, content));
  EXPECT_EQ(tls[0].body, content);
  EXPECT_EQ(tls[0].field("Content-Type"), "text/xml");
  EXPECT_NE(tls[0].field("ETag"), plain[0].field("ETag"));
  EXPECT_EQ(tls[1].body, joined(header, content));
  EXPECT_EQ(tls[2].field("Content-Range"), "bytes 990-999/1000");
  EXPECT_EQ(tls[2].body, part(content, 990, 10));
}

TEST(HttpSim, DownloadsOfDevicesAreRecorded) {
  World world({});
  world.publish({file(kPhone + ".cnf.xml.sgn", file_content(3, 300'000), file_content(1, 300)),
                 file("Ringlist.xml", file_content(3, 1000))});
  ask(world, {get(kPhone + ".cnf.xml.sgn"), get("Ringlist.xml"), get(kPhone + ".cnf.xml.sgn", "", "HEAD"),
              get(kPhone + ".cnf.xml.sgn", "If-None-Match: *\r\n"),
              get(kPhone + ".cnf.xml.sgn", "Range: bytes=0-9\r\n"), get("ITL" + kPhone + ".tlv")});
  ask(world, {get(kPhone + ".cnf.xml.sgn")}, {.tls = true});
  auto records = downloads(world);
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].device.text(), kPhone);
  EXPECT_EQ(records[0].file.text(), kPhone + ".cnf.xml.sgn");
  EXPECT_EQ(records[0].from, world.peer(77, 0).host);
  EXPECT_EQ(records[0].protocol, service::Protocol::http);
  EXPECT_EQ(records[0].end, service::DownloadEnd::given);
  EXPECT_EQ(records[1].device.text(), kPhone);
  EXPECT_EQ(records[1].file.text(), "ITLFile.tlv");
  EXPECT_EQ(records[2].protocol, service::Protocol::https);
  for (bool tls : {false, true}) {
    Browser browser(world, 1, {.tls = tls}, {get(kPhone + ".cnf.xml.sgn")});
    world.run_for(500, [&] {
      if (browser.body_so_far() > 0) world.sim.peer_stall(browser.peer(), true);
      browser.pump();
    });
    world.sim.peer_reset(browser.peer());
    world.run_for(100);
    records = downloads(world);
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].end, service::DownloadEnd::maybe_given);
  }
  EXPECT_EQ(world.counters.http_failed.get(), 1u);
  EXPECT_EQ(world.counters.https_failed.get(), 1u);
}

TEST(HttpSim, WhoGuessesDevicesIsSlowed) {
  for (bool tls : {false, true}) {
    World world({.shard = {.max_unknown_devices = 10}});
    world.publish({file(kPhone + ".cnf.xml.sgn", file_content(3, 100))});
    std::vector<std::string> requests;
    for (unsigned i = 0; i < 11; ++i)
      requests.push_back(get("SEP0000000000" + std::to_string(10 + i) + ".cnf.xml"));
    Browser guesser(world, 77, {.tls = tls}, requests);
    world.run_for(50, [&] { guesser.pump(); });
    ASSERT_EQ(guesser.responses().size(), 11u);
    for (unsigned i = 0; i < 10; ++i) EXPECT_EQ(guesser.responses()[i].status, 404);
    EXPECT_EQ(guesser.responses()[10].status, 503);
    EXPECT_EQ(guesser.responses()[10].field("Retry-After"), "1");
    EXPECT_EQ(guesser.responses()[10].field("Connection"), "close");
    // One that exists is refused as well, and told to whoever does not guess.
    Browser throttled(world, 77, {}, {get(kPhone + ".cnf.xml.sgn")});
    Browser other(world, 78, {}, {get(kPhone + ".cnf.xml.sgn")});
    // A phone's list is the same for all names. With it the phone is told.
    Browser phone(world, 77, {}, {get("ITL" + kPhone + ".tlv"), get(kPhone + ".cnf.xml.sgn")});
    world.run_for(50, [&] {
      throttled.pump();
      other.pump();
      phone.pump();
    });
    ASSERT_EQ(throttled.responses().size(), 1u);
    EXPECT_EQ(throttled.responses()[0].status, 503);
    ASSERT_EQ(other.responses().size(), 1u);
    EXPECT_EQ(other.responses()[0].status, 200);
    ASSERT_EQ(phone.responses().size(), 2u);
    EXPECT_EQ(phone.responses()[0].status, 200);
    EXPECT_EQ(phone.responses()[1].status, 200);
    unsigned reports = 0;
    world.activity.guessing.drain([&](const service::Guessing& guessing) {
      EXPECT_EQ(guessing.from, world.peer(77, 0).host);
      ++reports;
    });
    EXPECT_EQ(reports, 1u);
    EXPECT_EQ(world.counters.http_throttled.get() + world.counters.https_throttled.get(), 2u);
  }
}

// None of them is set up. They are switched on at once, beside one who guesses.
TEST(HttpSim, AFleetBehindOneAddressIsAnswered) {
  World world({.shard = {.stream = {.max_per_address = 1000}}});
  std::vector<std::string> guesses;
  for (unsigned i = 0; i < 400; ++i)
    guesses.push_back(get("SEP" + std::to_string(100'000'000'000 + i) + ".cnf.xml"));
  Browser guesser(world, 1, {.at_once = 10}, guesses);
  world.run_for(500, [&] { guesser.pump(); });
  ASSERT_TRUE(guesser.ended());
  EXPECT_EQ(guesser.responses().back().status, 503);
  std::vector<std::unique_ptr<Browser>> phones;
  for (unsigned i = 0; i < 600; ++i) {
    const std::string name = "SEP" + std::to_string(200'000'000'000 + i);
    phones.push_back(
        std::make_unique<Browser>(world, 1, Browser::Manner{},
                                  std::vector{get("CTL" + name + ".tlv"), get("ITL" + name + ".tlv"),
                                              get(name + ".cnf.xml.sgn"), get("XMLDefault.cnf.xml.sgn")}));
  }
  world.run_for(2'000, [&] {
    for (auto& phone : phones) phone->pump();
  });
  for (auto& phone : phones) {
    ASSERT_TRUE(phone->satisfied());
    EXPECT_EQ(phone->responses()[1].status, 200);
    EXPECT_EQ(phone->responses()[2].status, 404);
  }
}

// Where a device has a list of its own, that tells that there is this device.
TEST(HttpSim, ListsAreGuessedToo) {
  World world({.shard = {.max_unknown_devices = 10}});
  world.publish({file("ITL" + kPhone + ".tlv", file_content(3, 100))});
  std::vector<std::string> guesses;
  for (unsigned i = 0; i < 51; ++i)
    guesses.push_back(get("ITLSEP0000000000" + std::to_string(10 + i) + ".tlv"));
  Browser guesser(world, 77, {}, guesses);
  world.run_for(200, [&] { guesser.pump(); });
  Browser again(world, 77, {}, {get("ITL" + kPhone + ".tlv")});
  world.run_for(200, [&] { again.pump(); });
  ASSERT_EQ(guesser.responses().size(), 51u);
  EXPECT_EQ(guesser.responses()[49].status, 200);
  EXPECT_EQ(guesser.responses()[50].status, 503);
  ASSERT_EQ(again.responses().size(), 1u);
  EXPECT_EQ(again.responses()[0].status, 503);
}

TEST(HttpSim, ABodyEndsOnTheVersionItBeganWith) {
  for (bool tls : {false, true}) {
    World world({});
    Buffer before = file_content(1, 3'000'000);
    Buffer after = file_content(2, 3'000'000);
    world.publish({file("f", before)});
    Browser browser(world, 1, {.tls = tls}, {get("f"), get("f")});
    bool published = false;
    world.run_for(5000, [&] {
      browser.pump();
      if (published || browser.body_so_far() < 500'000) return;
      EXPECT_LT(browser.body_so_far(), before.size());
      published = true;
      world.publish({file("f", after)});
      EXPECT_EQ(world.publisher.reclaim(), 2u);
    });
    ASSERT_TRUE(published && browser.satisfied());
    EXPECT_EQ(browser.responses()[0].body, before);
    EXPECT_EQ(browser.responses()[1].body, after);
    EXPECT_EQ(world.publisher.reclaim(), 1u);
  }
}

// More versions than a shard holds, each with somebody who does not read on.
TEST(HttpSim, SlowReadersHoldNoViews) {
  World world({.ring = {.socket_buffer = 64 * 1024}});
  std::vector<std::unique_ptr<Browser>> readers;
  bool slow = true;
  auto pump = [&] {
    for (auto& reader : readers) {
      reader->pump();
      world.sim.peer_stall(reader->peer(), slow && reader->body_so_far() > 0);
    }
  };
  auto content = [](unsigned version) { return file_content(static_cast<std::uint8_t>(version), 1'000'000); };
  constexpr unsigned kVersions = index::kMaxLiveViews + 10;
  for (unsigned i = 0; i < kVersions; ++i) {
    world.publish({file("f", content(i))});
    Browser::Manner manner{.tls = i % 2 == 0};
    readers.push_back(std::make_unique<Browser>(world, i, manner, std::vector{get("f")}));
    world.run_for(100, pump);
    EXPECT_GT(readers.back()->body_so_far(), 0u);
    EXPECT_LE(world.publisher.reclaim(), 2u);
  }
  EXPECT_EQ(world.counters.http_completed.get() + world.counters.https_completed.get(), 0u);
  EXPECT_EQ(ask(world, {get("f")})[0].body, content(kVersions - 1));
  slow = false;
  world.run_for(10'000, pump);
  for (unsigned i = 0; i < kVersions; ++i) {
    ASSERT_TRUE(readers[i]->satisfied()) << i;
    EXPECT_EQ(readers[i]->responses()[0].body, content(i)) << i;
  }
  EXPECT_EQ(world.publisher.reclaim(), 1u);
}

}  // namespace
}  // namespace anchord::sim

// What is written down as given and as answered: no more than what the peer has
// acknowledged, whatever the socket has taken and whatever was asked next.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>

#include "browser.h"

namespace anchord::sim {
namespace {

using service::Download;
using service::DownloadEnd;
using service::Question;

const std::string kPhone = "SEP001122334455";
const std::string kList = "ITL" + kPhone + ".tlv";
// As phones with old firmware ask: the server closes behind the answer.
const std::string kListAndClose = get(kList, "Connection: close\r\n");

// What became of them: that they were begun is told before.
std::vector<Download> downloads(World& world) {
  std::vector<Download> out;
  world.activity.downloads.drain([&](const Download& record) {
    if (record.end != DownloadEnd::begun) out.push_back(record);
  });
  return out;
}

std::vector<Question> questions(World& world) {
  std::vector<Question> out;
  world.activity.questions.drain([&](const Question& record) { out.push_back(record); });
  return out;
}

// Whether it is the only one there.
testing::AssertionResult only(const std::vector<Download>& records, DownloadEnd end) {
  if (records.size() != 1) return testing::AssertionFailure() << records.size() << " records";
  if (records[0].end != end)
    return testing::AssertionFailure() << "ended as " << static_cast<int>(records[0].end);
  if (records[0].began > records[0].ended) return testing::AssertionFailure() << "ended before it began";
  return testing::AssertionSuccess();
}

class Evidence : public testing::TestWithParam<bool> {
 protected:
  void make(WorldSettings settings = {}) { world_ = std::make_unique<World>(settings); }
  std::unique_ptr<Browser> browser(std::vector<std::string> requests, unsigned host = 1,
                                   unsigned at_once = 1) {
    return std::make_unique<Browser>(*world_, host, Browser::Manner{.tls = GetParam(), .at_once = at_once},
                                     std::move(requests));
  }
  // Runs until it has asked, and lets nothing of the answer reach it.
  void ask_and_hear_nothing(Browser& browser) {
    world_->run_for(500, [&] {
      if (browser.has_asked()) return;
      browser.pump();
      if (browser.has_asked()) world_->sim.peer_deafen(browser.peer());
    });
    ASSERT_TRUE(browser.has_asked());
  }

  std::unique_ptr<World> world_;
};

TEST_P(Evidence, AFileIsGivenOnceItIsAcknowledgedThoughThePeerSaysNothingMore) {
  make();
  auto b = browser({get(kList)});
  world_->run_for(2'000, [&] { b->pump(); });
  ASSERT_TRUE(b->satisfied());
  EXPECT_FALSE(b->ended());
  auto records = downloads(*world_);
  EXPECT_TRUE(only(records, DownloadEnd::given));
  // The server looked only later; the phone may have gone on, on other connections.
  EXPECT_LT(records.at(0).ended - records.at(0).began, 100);
}

// The ring tells late that the socket has taken it, as on a busy machine: the phone has gone on by then, and
// what it does next is judged by when it was given.
TEST_P(Evidence, AFileIsGivenNoLaterThanThePeerHasIt) {
  make({.ring = {.faults = {.late = 100, .max_delay = 200}}});
  auto b = browser({get(kList)});
  Millis has_it = 0;
  for (Millis at = world_->sim.time(); at < io::SimRing::kStart + 3'000; ++at)
    world_->sim.at(at, [&] {
      b->pump();
      if (has_it == 0 && b->satisfied()) has_it = world_->sim.time();
    });
  world_->run_for(5'000);
  ASSERT_NE(has_it, 0);
  auto records = downloads(*world_);
  ASSERT_TRUE(only(records, DownloadEnd::given));
  EXPECT_LE(records[0].ended, has_it);
}

// Its host had acknowledged all of it, and its program closed the connection before it read that.
TEST_P(Evidence, AFileThatIsFollowedByAResetIsMaybeGiven) {
  for (const char* fields : {"", "Connection: close\r\n"}) {
    make();
    auto b = browser({get(kList, fields)});
    bool ended = false;
    world_->run_for(100, [&] {
      b->pump();
      if (ended || !b->satisfied()) return;
      ended = true;
      world_->sim.peer_reset(b->peer());
    });
    ASSERT_TRUE(ended);
    world_->run_for(10'000);
    EXPECT_TRUE(only(downloads(*world_), DownloadEnd::maybe_given)) << fields;
    expect_no_http_left(*world_);
  }
}

TEST_P(Evidence, TheNextRequestBringsTheAcknowledgement) {
  make();
  auto b = browser({get(kList), get("Ringlist.xml")});
  bool was_early = false;
  world_->run_for(100, [&] {
    bool first = b->responses().empty();
    b->pump();
    if (first && b->responses().size() == 1) was_early = !downloads(*world_).empty();
  });
  ASSERT_EQ(b->responses().size(), 2u);
  EXPECT_FALSE(was_early);
  EXPECT_TRUE(only(downloads(*world_), DownloadEnd::given));
}

// The socket has taken all of it, and the next request came: but it was under way before
// the answer.
TEST_P(Evidence, ARequestThatDidNotWaitForTheAnswerShowsNothing) {
  make();
  auto b = browser({get(kList), get(kPhone + ".cnf.xml"), get("Ringlist.xml")}, 1, 3);
  ask_and_hear_nothing(*b);
  world_->sim.peer_close(b->peer());
  world_->run_for(10'000);
  auto records = downloads(*world_);
  EXPECT_EQ(std::ranges::count(records, DownloadEnd::given, &Download::end), 0);
  EXPECT_EQ(std::ranges::count(records, DownloadEnd::maybe_given, &Download::end), 1);
  EXPECT_EQ(std::ranges::count(records, DownloadEnd::not_there, &Download::end), 1);
  EXPECT_EQ(b->body_so_far(), 0u);
  expect_no_http_left(*world_);
}

TEST_P(Evidence, WithTheWayBackCutAFileIsMaybeGiven) {
  for (const std::string& request : {get(kList), kListAndClose}) {
    for (int how = 0; how < 4; ++how) {
      make();
      auto b = browser({request});
      ask_and_hear_nothing(*b);
      // The phone gives up, or loses its power, or its host answers what it does not know.
      if (how == 1) world_->sim.peer_close(b->peer());
      if (how == 2) world_->sim.peer_reset(b->peer());
      if (how == 3) world_->sim.peer_vanish(b->peer());
      world_->run_for(100'000, [&] { b->pump(); });
      EXPECT_TRUE(only(downloads(*world_), DownloadEnd::maybe_given)) << request << how;
      EXPECT_EQ(b->body_so_far(), 0u);
      expect_no_http_left(*world_);
    }
  }
}

TEST_P(Evidence, AClosedConnectionLingersUntilTheFileIsAcknowledged) {
  make({.ring = {.faults = {.late = 100, .max_delay = 200}}});
  auto b = browser({kListAndClose});
  world_->run_for(3'000, [&] { b->pump(); });
  EXPECT_TRUE(b->satisfied());
  EXPECT_TRUE(b->ended());  // and it was told so, though the server listened on
  EXPECT_TRUE(only(downloads(*world_), DownloadEnd::given));
  expect_no_http_left(*world_);
}

// What it says meanwhile is not answered, and does not keep it.
TEST_P(Evidence, WhoLingersIsLetGoAfterAWhile) {
  make();
  auto b = browser({kListAndClose});
  ask_and_hear_nothing(*b);
  for (int i = 0; i < 40; ++i) {
    world_->sim.peer_send(b->peer(), Buffer(1000, 'x'));
    world_->run_for(200);
  }
  expect_no_http_left(*world_);
  EXPECT_TRUE(only(downloads(*world_), DownloadEnd::maybe_given));
}

TEST_P(Evidence, WhoLingersGivesWayToNewcomers) {
  make({.shard = {.stream = {.max_connections = 4}}});
  std::vector<std::unique_ptr<Browser>> deaf;
  for (unsigned i = 0; i < 4; ++i) {
    deaf.push_back(browser({kListAndClose}, 10 + i));
    ask_and_hear_nothing(*deaf.back());
  }
  EXPECT_EQ(world_->sim.open_connections(), 4u);
  auto b = browser({get("Ringlist.xml")});
  world_->run_for(100, [&] { b->pump(); });
  EXPECT_TRUE(b->satisfied());
  EXPECT_TRUE(only(downloads(*world_), DownloadEnd::maybe_given));
}

TEST_P(Evidence, ADrainWaitsForWhatIsNotAcknowledgedNoLongerThanForOthers) {
  make({.shard = {.drain_timeout = 1'000}});
  auto b = browser({get(kList)});
  ask_and_hear_nothing(*b);
  world_->shard->drain();
  world_->run_for(3'000);
  EXPECT_FALSE(world_->alive);
  EXPECT_TRUE(only(downloads(*world_), DownloadEnd::maybe_given));
}

TEST_P(Evidence, OnlyTheWholeOfAFileIsADownload) {
  make();
  ask(*world_,
      {get(kList, "Range: bytes=0-99\r\n"), get(kList, "Range: bytes=1-\r\n"),
       get(kList, "Range: bytes=-1\r\n")},
      {.tls = GetParam()});
  EXPECT_TRUE(downloads(*world_).empty());
  ask(*world_, {get(kList, "Range: bytes=0-\r\n")}, {.tls = GetParam()});
  EXPECT_TRUE(only(downloads(*world_), DownloadEnd::given));
}

TEST_P(Evidence, WhatADeviceLacksIsRecordedByTheNameAskedFor) {
  make();
  for (const std::string& name : {kPhone + ".cnf.xml.sgn", kPhone + ".cnf.xml", "CTL" + kPhone + ".tlv"}) {
    ask(*world_, {get(name), get("Ringlist.xml"), get(kPhone + ".txt")}, {.tls = GetParam()});
    auto records = downloads(*world_);
    ASSERT_TRUE(only(records, DownloadEnd::not_there));
    EXPECT_EQ(records[0].file.text(), name);
    EXPECT_EQ(records[0].device.text(), kPhone);
    EXPECT_EQ(records[0].version, 0u);
    EXPECT_EQ(records[0].from, world_->peer(77, 0).host);
  }
}

// Asked for over and over, a file does not fill the log.
TEST_P(Evidence, TheSameAgainAtOnceIsNoNews) {
  make();
  std::vector<std::string> requests(50, get(kList));
  for (int view = 0; view < 2; ++view) {
    ask(*world_, requests, {.tls = GetParam()});
    auto records = downloads(*world_);
    EXPECT_FALSE(records.empty());
    EXPECT_LT(records.size(), 10u);
    for (const Download& record : records) EXPECT_EQ(record.end, DownloadEnd::given);
    world_->publish({file("x", Buffer{1})});
  }
}

INSTANTIATE_TEST_SUITE_P(Http, Evidence, testing::Bool(),
                         [](const auto& tls) { return tls.param ? "Tls" : "Plain"; });

// Whatever the ring does, and wherever the way back is cut.
class EvidenceUnderFaults : public testing::TestWithParam<std::uint64_t> {};

TEST_P(EvidenceUnderFaults, WhatIsGivenHasArrivedWhole) {
  World world(
      {.ring = {.faults = io::SimFaults::some(GetParam()), .tcp_buffers = 8, .tcp_buffer_size = 512}});
  world.publish({file(kPhone + ".cnf.xml.sgn", file_content(3, 30'000))});
  std::mt19937_64 random(GetParam());
  std::vector<std::unique_ptr<Browser>> browsers;
  std::vector<unsigned> answered;
  for (unsigned host = 0; host < 20; ++host) {
    std::string fields = random() % 2 == 0 ? "Connection: close\r\n" : "";
    Browser::Manner manner{.tls = random() % 2 == 0};
    browsers.push_back(
        std::make_unique<Browser>(world, host, manner, std::vector{get(kPhone + ".cnf.xml.sgn", fields)}));
    int peer = browsers.back()->peer();
    world.sim.at(world.sim.time() + random() % 200, [&world, peer] { world.sim.peer_deafen(peer); });
    if (random() % 2 == 0)
      world.sim.at(world.sim.time() + random() % 400, [&world, peer] { world.sim.peer_reset(peer); });
  }
  world.run_for(100'000, [&] {
    for (auto& b : browsers) b->pump();
  });
  std::size_t given = 0;
  for (const Download& record : downloads(world)) {
    ASSERT_NE(record.end, DownloadEnd::not_there);
    if (record.end != DownloadEnd::given) continue;
    ++given;
    auto whose = std::ranges::find_if(browsers, [&](const auto& b) {
      return record.from == world.peer(static_cast<unsigned>(&b - browsers.data()), 0).host;
    });
    ASSERT_NE(whose, browsers.end());
    EXPECT_TRUE((*whose)->satisfied());
  }
  EXPECT_LE(given, browsers.size());
  expect_no_http_left(world);
}

INSTANTIATE_TEST_SUITE_P(Seeds, EvidenceUnderFaults, testing::Range<std::uint64_t>(1, 61));

TEST(TvsEvidence, AnAnswerIsDeliveredWhenItIsAcknowledged) {
  World world({});
  Phone phone(world, 1, {.questions = 3});
  world.run_for(1000, [&] { phone.pump(); });
  auto records = questions(world);
  ASSERT_EQ(records.size(), 3u);
  for (const Question& question : records) {
    EXPECT_TRUE(question.delivered);
    EXPECT_EQ(question.from, world.peer(1, 0).host);
    EXPECT_EQ(question.presented, world.presented);
    EXPECT_EQ(question.ttl != 0, question.answered_yes);
    EXPECT_FALSE(question.serial.text().empty());
  }
}

TEST(TvsEvidence, WithTheWayBackCutItIsNot) {
  for (int how = 0; how < 4; ++how) {
    World world({});
    Phone phone(world, 1, {.questions = 1});
    bool cut = false;
    world.run_for(100, [&] {
      phone.pump();
      if (!cut && phone.handshaken()) world.sim.peer_deafen(phone.peer());
      cut = cut || phone.handshaken();
    });
    ASSERT_TRUE(cut);
    EXPECT_EQ(world.counters.tvs_verify_valid.get() + world.counters.tvs_verify_invalid.get() +
                  world.counters.tvs_query_found.get() + world.counters.tvs_query_not_found.get(),
              1u);
    if (how == 1) world.sim.peer_close(phone.peer());
    if (how == 2) world.sim.peer_reset(phone.peer());
    if (how == 3) world.sim.peer_vanish(phone.peer());
    world.run_for(100'000);
    EXPECT_EQ(phone.answers(), 0u);
    auto records = questions(world);
    ASSERT_EQ(records.size(), 1u);
    EXPECT_FALSE(records[0].delivered);
    EXPECT_EQ(world.sim.open_connections(), 0u);
  }
}

// The phone's host had acknowledged the answer, and its program gave up before it read it. In the same
// moment the ledger must not know better.
TEST(TvsEvidence, AnAnswerThatIsFollowedByAResetIsNot) {
  for (bool resets : {true, false}) {
    World world({});
    Phone phone(world, 1, {.questions = 1});
    bool ended = false;
    world.run_for(100, [&] {
      phone.pump();
      if (ended || phone.answers() == 0) return;
      ended = true;
      resets ? world.sim.peer_reset(phone.peer()) : world.sim.peer_close(phone.peer());
    });
    ASSERT_TRUE(ended);
    world.run_for(10'000);
    auto records = questions(world);
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].delivered, !resets);
    EXPECT_EQ(world.sim.open_connections(), 0u);
  }
}

// More at once than are waited for: nothing is lost but the certainty.
TEST(TvsEvidence, EveryQuestionIsRecorded) {
  World world({});
  Phone phone(world, 1, {.questions = 100, .at_once = 100});
  world.run_for(2000, [&] { phone.pump(); });
  EXPECT_TRUE(phone.satisfied());
  EXPECT_EQ(questions(world).size(), 100u);
}

}  // namespace
}  // namespace anchord::sim

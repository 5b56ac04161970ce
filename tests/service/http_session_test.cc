#include "http/http_session.h"

#include <gtest/gtest.h>

#include <string>

#include "sim_ring.h"

namespace anchord::service {
namespace {

// A plain session beside one file, without sockets.
class HttpSessionTest : public testing::Test {
 protected:
  HttpSessionTest() { publish(1); }

  ~HttpSessionTest() override { session_.reset(work_); }

  void publish(std::uint8_t mark) {
    auto view = std::make_unique<View>();
    view->version = ++version_;
    index::FileChange change{.name = "f",
                             .body = index::FileBody{.header = index::Blob(Buffer(30, 'h')),
                                                     .content = index::Blob(Buffer(5000, mark))}};
    view->files = view->files.with({&change, 1});
    publisher_.publish(std::move(view));
    pins_.refresh();
  }

  void start() { ASSERT_TRUE(session_.start(nullptr, io::parse_host("192.0.2.1").value())); }

  StreamProgress give(std::string_view text) { return session_.advance(as_bytes(text), room_, work_); }
  std::string said(const StreamProgress& progress) {
    return std::string(as_text(Bytes(room_).first(progress.produced)));
  }

  io::SimRing ring_{io::SimSettings{}};
  ShardSettings settings_;
  Counters counters_;
  ActivityLog log_;
  ViewPublisher publisher_{1};
  Pins pins_{publisher_, 0};
  GuessGuard guard_{0, 1};
  DownloadRecorder downloads_{log_.downloads, counters_, 1};
  ShardContext shard_{.ring = ring_,
                      .settings = settings_,
                      .shard = 0,
                      .counters = counters_,
                      .log = log_,
                      .pins = pins_,
                      .guard = guard_,
                      .downloads = downloads_,
                      .seed = 1};
  HttpWorkspace work_{{.shard = shard_,
                       .protocol = Protocol::http,
                       .counters = counters_.http(),
                       .answer_time = counters_.latencies.http_answer_http,
                       .date = {}},
                      4};
  HttpSession session_;
  Buffer room_ = Buffer(HttpWorkspace::kReplyRoom);
  std::uint64_t version_ = 0;
};

const std::string kGet = "GET /f HTTP/1.1\r\nHost: a\r\n\r\n";
const std::string kMissing = "GET /g HTTP/1.1\r\nHost: a\r\n\r\n";

TEST_F(HttpSessionTest, AFileIsReferredToAndNotCopied) {
  start();
  StreamProgress progress = give(kGet);
  EXPECT_EQ(progress.next, StreamNext::flush_first);
  EXPECT_TRUE(progress.answered);
  EXPECT_TRUE(said(progress).ends_with("Content-Length: 5030\r\n\r\n"));
  const index::FileEntry* file = pins_.current().files.find("f");
  EXPECT_EQ(progress.body[0].data(), file->body.header.bytes().data());
  EXPECT_EQ(progress.body[0].size(), 30u);
  EXPECT_EQ(progress.body[1].data(), file->body.content.bytes().data());
  EXPECT_EQ(progress.body[1].size(), 5000u);
  EXPECT_EQ(counters_.http_completed.get(), 0u);
  progress = give("");
  EXPECT_EQ(progress.next, StreamNext::more_input);
  EXPECT_EQ(progress.produced, 0u);
  EXPECT_TRUE(progress.answered);
  EXPECT_EQ(counters_.http_completed.get(), 1u);
  EXPECT_EQ(counters_.http_bytes.get(), 5030u);
}

TEST_F(HttpSessionTest, TheViewIsHeldUntilTheLastByteWasTaken) {
  start();
  give(kGet);
  publish(2);
  EXPECT_EQ(publisher_.reclaim(), 2u);
  give("");
  EXPECT_EQ(publisher_.reclaim(), 1u);
  give(kGet);
  publish(3);
  session_.reset(work_);
  EXPECT_EQ(publisher_.reclaim(), 1u);
  EXPECT_EQ(counters_.http_failed.get(), 1u);
}

TEST_F(HttpSessionTest, ABodyOutlivesItsView) {
  start();
  StreamProgress progress = give(kGet);
  EXPECT_TRUE(session_.holds_view());
  publish(2);
  session_.let_go_of_view(work_);
  EXPECT_FALSE(session_.holds_view());
  EXPECT_EQ(publisher_.reclaim(), 1u);
  // What was given to be sent is still there, and still of the first version.
  EXPECT_EQ(as_text(progress.body[0]), std::string(30, 'h'));
  EXPECT_TRUE(same_bytes(progress.body[1], Buffer(5000, 1)));
  EXPECT_EQ(give("").next, StreamNext::more_input);
  EXPECT_EQ(counters_.http_completed.get(), 1u);
  EXPECT_EQ(counters_.http_bytes.get(), 5030u);
  EXPECT_TRUE(same_bytes(give(kGet).body[1], Buffer(5000, 2)));
  session_.let_go_of_view(work_);
  session_.reset(work_);
  EXPECT_EQ(counters_.http_failed.get(), 1u);
}

TEST_F(HttpSessionTest, RequestsComeByteByByte) {
  start();
  for (char c : kGet.substr(0, kGet.size() - 1)) {
    StreamProgress progress = give({&c, 1});
    EXPECT_EQ(progress.next, StreamNext::more_input);
    EXPECT_EQ(progress.produced, 0u);
    EXPECT_EQ(session_.unread(), 0u);
  }
  EXPECT_EQ(work_.partial.out(), 1u);
  EXPECT_TRUE(said(give("\n")).starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_EQ(work_.partial.out(), 0u);
}

TEST_F(HttpSessionTest, WhatFollowsAFileWaitsForItsEnd) {
  start();
  StreamProgress progress = give(kGet + kMissing + kGet);
  EXPECT_EQ(progress.body[1].size(), 5000u);
  EXPECT_EQ(said(progress).find("404"), std::string::npos);
  progress = give("");
  EXPECT_NE(said(progress).find("HTTP/1.1 404 Not Found"), std::string::npos);
  EXPECT_NE(said(progress).find("HTTP/1.1 200 OK"), std::string::npos);
  EXPECT_EQ(progress.body[1].size(), 5000u);
  EXPECT_EQ(give("").next, StreamNext::more_input);
  EXPECT_EQ(counters_.http_completed.get(), 2u);
}

TEST_F(HttpSessionTest, AnswersFillTheRoomAndGoOnInTheNext) {
  start();
  std::string many;
  for (int i = 0; i < 1000; ++i) many += kMissing;
  StreamProgress progress = give(many);
  std::size_t sends = 0;
  std::size_t answers = 0;
  for (;; progress = give("")) {
    std::string text = said(progress);
    for (std::size_t at = text.find("HTTP/1.1 404"); at != std::string::npos;
         at = text.find("HTTP/1.1 404", at + 1))
      ++answers;
    ++sends;
    if (progress.next != StreamNext::flush_first) break;
    ASSERT_GT(progress.produced, 0u);
  }
  EXPECT_EQ(answers, 1000u);
  EXPECT_LT(sends, 100u);
  EXPECT_EQ(session_.unread(), 0u);
  EXPECT_EQ(work_.partial.out(), 0u);
}

TEST_F(HttpSessionTest, AHeadThatNeverEndsIsRefusedAtTheLimit) {
  start();
  StreamProgress progress = give("GET /f HTTP/1.1\r\nHost: a\r\n");
  for (int i = 0; progress.next == StreamNext::more_input; ++i) {
    ASSERT_LT(i, 1000);
    progress = give("Accept: text/plain\r\n");
  }
  EXPECT_EQ(progress.next, StreamNext::finish);
  EXPECT_TRUE(said(progress).starts_with("HTTP/1.1 431 "));
  EXPECT_EQ(work_.partial.out(), 0u);
}

TEST_F(HttpSessionTest, TheLastAnswerEndsTheConnectionWhenItWasTaken) {
  start();
  StreamProgress progress = give("GET /f HTTP/1.0\r\n\r\n" + kGet);
  EXPECT_EQ(progress.next, StreamNext::flush_first);
  progress = give("");
  EXPECT_EQ(progress.next, StreamNext::finish);
  EXPECT_EQ(progress.produced, 0u);
  EXPECT_EQ(counters_.http_requests.get(), 1u);
  EXPECT_EQ(counters_.http_completed.get(), 1u);
}

}  // namespace
}  // namespace anchord::service

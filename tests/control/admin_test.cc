// What the admin endpoint tells: the text of metrics, and what passes between its thread and the control's.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <new>
#include <thread>

#include "admin/board.h"
#include "admin/metrics_page.h"
#include "admin/metrics_text.h"

namespace anchord::control::test {
namespace {

TEST(MetricsText, OfPrometheus) {
  MetricsText text(false);
  text.counter("a_bytes", "bytes", "what\nis counted", {{3, {}}, {1.5, {{"name", "a\"b\\c\n"}}}});
  text.gauge("b", "", "what is", {{-2}});
  text.gauge("nothing", "", "is left out", {});
  EXPECT_EQ(text.take(),
            "# HELP a_bytes_total What\\nis counted.\n# TYPE a_bytes_total counter\na_bytes_total 3\n"
            "a_bytes_total{name=\"a\\\"b\\\\c\\n\"} 1.5\n# HELP b What is.\n# TYPE b gauge\nb -2\n");
}

TEST(MetricsText, OfOpenMetrics) {
  MetricsText text(true);
  text.counter("a_bytes", "bytes", "bytes", {{123456789012}});
  const std::array bounds{0.001, 0.25};
  const std::array<std::uint64_t, 3> counts{1, 2, 3};
  text.histogram("h_seconds", "seconds", "time", {{bounds, counts, 7.25, {{"protocol", "tvs"}}}});
  EXPECT_EQ(
      text.take(),
      "# HELP a_bytes Bytes.\n# TYPE a_bytes counter\n# UNIT a_bytes bytes\na_bytes_total 123456789012\n"
      "# HELP h_seconds Time.\n# TYPE h_seconds histogram\n# UNIT h_seconds seconds\n"
      "h_seconds_bucket{protocol=\"tvs\",le=\"0.001\"} 1\nh_seconds_bucket{protocol=\"tvs\",le=\"0.25\"} 3\n"
      "h_seconds_bucket{protocol=\"tvs\",le=\"+Inf\"} 6\nh_seconds_sum{protocol=\"tvs\"} 7.25\n"
      "h_seconds_count{protocol=\"tvs\"} 6\n# EOF\n");
}

TEST(MetricsText, IsChosenByAccept) {
  EXPECT_TRUE(
      MetricsText::asks_for_open_metrics("application/openmetrics-text;version=1.0.0,text/plain;q=0.5"));
  EXPECT_FALSE(MetricsText::asks_for_open_metrics("text/plain"));
  EXPECT_FALSE(MetricsText::asks_for_open_metrics(""));
}

TEST(MetricsPage, HasAFamilyOnceWithWhoseItIs) {
  service::MetricValues values{};
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = i;
  const protocol::Status status;
  const std::string text =
      metrics_page("", values, {}, {.status = status, .own_certificates = {}, .admin = {}, .process = {}})
          .body;
  const std::string type = "# TYPE anchord_stream_accepted_total counter\n";
  EXPECT_EQ(text.find(type), text.rfind(type));
  EXPECT_NE(text.find(type + "anchord_stream_accepted_total{protocol=\"tvs\"} 0\n"
                             "anchord_stream_accepted_total{protocol=\"http\"} "),
            text.npos)
      << text;
}

class Board : public testing::Test {
 protected:
  static AdminFacts of_version(std::uint64_t version) {
    AdminFacts out;
    out.status.snapshot.version = version;
    out.made = monotonic_now();
    return out;
  }

  std::unique_ptr<AdminBoard> board_ = AdminBoard::create().value();
};

TEST_F(Board, TellsNothingBeforeThereIsSomething) {
  EXPECT_EQ(board_->facts(), nullptr) << "and does not wait for it";
}

TEST_F(Board, IsAskedOnceHoweverManyAsk) {
  board_->set_phase(AdminBoard::Phase::serving);
  std::atomic<int> made{0};
  std::atomic<bool> ended{false};
  std::thread control([&] {
    while (!ended) board_->answer([&] { return of_version(++made); });
  });
  const auto first = board_->facts();
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->status.snapshot.version, 1u);
  // Two threads of a busy machine may be long between these.
  for (int i = 0; i < 100 && monotonic_now() < first->made + AdminBoard::kFresh / 2; ++i)
    EXPECT_EQ(board_->facts(), first);
  ended = true;
  control.join();
}

TEST_F(Board, ShowsTheLastOneWhileNobodyAnswers) {
  board_->set_phase(AdminBoard::Phase::serving);
  EXPECT_EQ(board_->facts(), nullptr) << "after a while";
  EXPECT_EQ(board_->facts(), nullptr) << "at once";
  board_->answer([] { return of_version(7); });
  EXPECT_EQ(board_->facts()->status.snapshot.version, 7u);
}

TEST_F(Board, IsAskedAgainWhenThereWasNoMemory) {
  board_->set_phase(AdminBoard::Phase::serving);
  EXPECT_EQ(board_->facts(), nullptr);
  EXPECT_THROW(board_->answer([]() -> AdminFacts { throw std::bad_alloc(); }), std::bad_alloc);
  board_->answer([] { return of_version(8); });
  EXPECT_EQ(board_->facts()->status.snapshot.version, 8u);
}

TEST_F(Board, KeepsNobodyAtItsEnd) {
  board_->set_phase(AdminBoard::Phase::serving);
  std::thread asks([&] { EXPECT_EQ(board_->facts(), nullptr); });
  board_->close();
  asks.join();
}

}  // namespace
}  // namespace anchord::control::test

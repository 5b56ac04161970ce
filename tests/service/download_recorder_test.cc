// What a shard writes down of downloads, and what nobody can make it drop.
#include "downloads/download_recorder.h"

#include <gtest/gtest.h>

namespace anchord::service {
namespace {

class DownloadRecorderTest : public testing::Test {
 protected:
  static Download download(std::string_view device, DownloadEnd end = DownloadEnd::given) {
    Download out{.version = 7, .from = io::parse_host("192.0.2.1").value(), .end = end, .ended = 1000};
    out.device.set(device);
    out.file.set("ITLFile.tlv");
    return out;
  }
  std::size_t recorded() {
    std::size_t count = 0;
    log_.drain([&](const Download&) { ++count; });
    return count;
  }

  DownloadLog log_;
  Counters counters_;
  DownloadRecorder recorder_{log_, counters_, 5};
};

TEST_F(DownloadRecorderTest, TheSameAgainSaysNothingNewForAMoment) {
  Download first = download("SEP001122334455");
  for (int i = 0; i < 10; ++i) recorder_.record(first, 1);
  EXPECT_EQ(recorded(), 1u);
  first.ended += DownloadRecorder::kMemory - 1;
  recorder_.record(first, 1);
  EXPECT_EQ(recorded(), 0u);
  first.ended += 1;
  recorder_.record(first, 1);
  EXPECT_EQ(recorded(), 1u);
}

TEST_F(DownloadRecorderTest, AnythingElseIsNews) {
  Download first = download("SEP001122334455");
  recorder_.record(first, 1);
  recorder_.record(first, 2);  // of another view
  Download other = first;
  other.end = DownloadEnd::maybe_given;
  recorder_.record(other, 1);
  other = first;
  other.version = 8;
  recorder_.record(other, 1);
  other = first;
  other.from = io::parse_host("192.0.2.2").value();
  recorder_.record(other, 1);
  other = first;
  other.protocol = Protocol::https;
  recorder_.record(other, 1);
  other = first;
  other.file.set("CTLFile.tlv");
  recorder_.record(other, 1);
  recorder_.record(download("SEP001122334456"), 1);
  EXPECT_EQ(recorded(), 8u);
}

// Else it would seem to be asked for again, and nothing to come of it.
TEST_F(DownloadRecorderTest, WhatIsRecordedAsBegunEndsOnRecord) {
  Download begun = download("SEP001122334455", DownloadEnd::begun);
  Download given = download("SEP001122334455");
  recorder_.record(begun, 1);
  given.ended += DownloadRecorder::kMemory / 2;
  recorder_.record(given, 1);
  EXPECT_EQ(recorded(), 2u);
  begun.ended += DownloadRecorder::kMemory;
  recorder_.record(begun, 1);
  given.ended = begun.ended + 1;
  recorder_.record(given, 1);
  EXPECT_EQ(recorded(), 2u);
}

// Whose they are depends on what is heard from the address meanwhile.
TEST_F(DownloadRecorderTest, WhatNamesNobodyIsNeverLeftOut) {
  recorder_.record(download(""), 1);
  recorder_.record(download(""), 1);
  EXPECT_EQ(recorded(), 2u);
}

TEST_F(DownloadRecorderTest, WhatIsCheapToCauseLeavesHalfOfTheLogToOthers) {
  constexpr unsigned kMany = DownloadLog::kCapacity;
  for (unsigned i = 0; i < kMany; ++i)
    recorder_.record(download("SEP" + std::to_string(i), DownloadEnd::not_there), 1);
  EXPECT_EQ(counters_.not_there_unrecorded.get(), kMany / 2);
  recorder_.record(download(""), 1);
  EXPECT_EQ(counters_.tftp_unrecorded.get(), 1u);
  for (unsigned i = 0; i < kMany; ++i) recorder_.record(download("SEP" + std::to_string(i)), 1);
  EXPECT_EQ(counters_.tftp_unrecorded.get(), 1 + kMany / 2);
  EXPECT_EQ(recorded(), kMany);
}

}  // namespace
}  // namespace anchord::service

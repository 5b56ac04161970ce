// Times as people read them.
#include "anchord/base/calendar.h"

#include <gtest/gtest.h>

#include <limits>

namespace anchord {
namespace {

TEST(Calendar, TimesAreInOneSpelling) {
  EXPECT_EQ(time_text(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(time_text(1'795'412'018), "2026-11-23T05:33:38Z");
  EXPECT_EQ(time_text(-1), "1969-12-31T23:59:59Z");
  EXPECT_EQ(date_text(1'795'412'018), "2026-11-23");
  // Of a year that has no place in the calendar.
  EXPECT_EQ(time_text(std::numeric_limits<UnixSeconds>::max()), "@9223372036854775807");
  EXPECT_EQ(date_text(std::numeric_limits<UnixSeconds>::max()), "@9223372036854775807");
}

TEST(Calendar, DaysThatAreLeftAreWhole) {
  EXPECT_EQ(days_left(kSecondsPerDay, 0), 1);
  EXPECT_EQ(days_left(kSecondsPerDay - 1, 0), 0);
  EXPECT_EQ(days_left(0, 0), 0);
  EXPECT_EQ(days_left(0, 1), -1);
  EXPECT_EQ(days_left(0, kSecondsPerDay), -1);
  EXPECT_EQ(days_left(0, kSecondsPerDay + 1), -2);
}

TEST(Calendar, DaysThatAreLeftAreSaid) {
  EXPECT_EQ(days_left_text(12 * kSecondsPerDay, 0), "12 days");
  EXPECT_EQ(days_left_text(kSecondsPerDay, 0), "1 day");
  EXPECT_EQ(days_left_text(0, 0), "0 days");
  EXPECT_EQ(days_left_text(0, 1), "expired");
}

}  // namespace
}  // namespace anchord

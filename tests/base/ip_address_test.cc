#include "anchord/base/ip_address.h"

#include <gtest/gtest.h>

namespace anchord {
namespace {

TEST(IpAddress, OneAddressHasOneFormHoweverItIsWritten) {
  const auto v4 = parse_ip_address("192.0.2.1");
  ASSERT_TRUE(v4);
  for (const char* text : {"::ffff:192.0.2.1", "::FFFF:c000:0201", "0:0:0:0:0:ffff:192.0.2.1"})
    EXPECT_EQ(parse_ip_address(text), v4) << text;
  EXPECT_EQ(v4->text(), "192.0.2.1");
  EXPECT_TRUE(v4->is_v4());
  EXPECT_EQ(to_buffer(v4->shortest()), (Buffer{192, 0, 2, 1}));
  EXPECT_EQ(parse_ip_address("2001:DB8:0::1"), parse_ip_address("2001:db8::1"));
  EXPECT_EQ(parse_ip_address("2001:DB8:0::1")->text(), "2001:db8::1");
  EXPECT_EQ(parse_ip_address("::1")->shortest().size(), 16U);
  // The old "compatible" form is another address.
  EXPECT_NE(parse_ip_address("::192.0.2.1"), v4);
}

TEST(IpAddress, WhatIsNoneIsRefused) {
  using namespace std::string_view_literals;
  for (std::string_view text : {""sv, "192.0.2"sv, "192.0.2.256"sv, "localhost"sv, "[::1]"sv, " ::1"sv,
                                "::1%lo"sv, "192.0.2.1:69"sv, "192.0.2.1\0"sv})
    EXPECT_FALSE(parse_ip_address(text)) << text;
}

}  // namespace
}  // namespace anchord

#include "anchord/base/printable.h"

#include <gtest/gtest.h>

#include <array>

namespace anchord {
namespace {

TEST(Printable, LeavesAloneWhatIsSeen) {
  for (const char* text : {"", "CN=cucm1.example.com", "Gro\u00df-\u00c5lesund", "\u65e5\u672c", "\U0001f4de",
                           "back\\slash 'quoted'", "\u00a0"})
    EXPECT_EQ(printable(text), text);
}

TEST(Printable, EscapesWhatIsNotSeenOrTurnsTheRest) {
  EXPECT_EQ(printable("a\x1b[2J"), "a\\u001b[2J");
  EXPECT_EQ(printable("two\nlines\x7f"), "two\\u000alines\\u007f");
  EXPECT_EQ(printable("\u009b1m"), "\\u009b1m");  // of Latin-1
  EXPECT_EQ(printable("SEP\u202e54.fnoc"), "SEP\\u202e54.fnoc");
  for (const char* text :
       {"\u200b", "\u200d", "\u200e", "\u2028", "\u2066", "\u2069", "\ufeff", "\u00ad", "\u061c"})
    EXPECT_TRUE(printable(text).starts_with("\\u")) << printable(text);
  EXPECT_EQ(printable("\U000e0041"), "\\U000e0041");
  EXPECT_EQ(printable(std::string_view("nul\0", 4)), "nul\\u0000");
}

TEST(Printable, EscapesWhatIsNoUtf8ByteByByte) {
  EXPECT_EQ(printable("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(printable("\x9b"), "\\x9b");                           // C1 as a byte of Latin-1
  EXPECT_EQ(printable("\xc0\x9b"), "\\xc0\\x9b");                  // overlong
  EXPECT_EQ(printable("\xe0\x82\x9b"), "\\xe0\\x82\\x9b");         // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");         // surrogate
  EXPECT_EQ(printable("\xf4\x90\x80\x80").substr(0, 4), "\\xf4");  // beyond Unicode
}

TEST(Printable, LinesStayLines) {
  EXPECT_EQ(printable_lines("one\ntwo\r\x1b\n"), "one\ntwo\\u000d\\u001b\n");
}

TEST(Printable, JsonStaysTheSameToWhoReadsIt) {
  EXPECT_EQ(printable_json("{\n \"a\": \"x\u202ey\u009b\x7f\"\n}"),
            "{\n \"a\": \"x\\u202ey\\u009b\\u007f\"\n}");
  EXPECT_EQ(printable_json("[\"\U000e0041\"]"), "[\"\\udb40\\udc41\"]");
  EXPECT_EQ(printable_json("[\"\u00e9\"]"), "[\"\u00e9\"]");
}

}  // namespace
}  // namespace anchord

#include "anchord/base/ascii.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace anchord {
namespace {

TEST(Ascii, EveryByteIsWhatItIsInAscii) {
  const std::string_view digits = "0123456789", hex = "0123456789abcdef";
  const std::string_view upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", lower = "abcdefghijklmnopqrstuvwxyz";
  for (int value = 0; value < 256; ++value) {
    const char c = static_cast<char>(value);
    const std::size_t as_upper = upper.find(c), as_lower = lower.find(c);
    EXPECT_EQ(is_digit(c), digits.contains(c)) << value;
    EXPECT_EQ(is_letter(c), upper.contains(c) || lower.contains(c)) << value;
    EXPECT_EQ(to_lower(c), as_upper == upper.npos ? c : lower[as_upper]) << value;
    EXPECT_EQ(to_upper(c), as_lower == lower.npos ? c : upper[as_lower]) << value;
    const std::size_t digit = hex.find(as_upper == upper.npos ? c : lower[as_upper]);
    EXPECT_EQ(hex_value(c), digit == hex.npos ? -1 : static_cast<int>(digit)) << value;
  }
}

TEST(Ascii, WholeTextsInOneCase) {
  EXPECT_EQ(lower_case("SEP00aB.CNF\xc3\x84"), "sep00ab.cnf\xc3\x84");
  EXPECT_EQ(upper_case("us\xc3\xa4"), "US\xc3\xa4");
}

TEST(Ascii, CaseIsIgnoredAndNothingElse) {
  EXPECT_TRUE(same_ignoring_case("RINGLIST.XML", "Ringlist.xml"));
  EXPECT_FALSE(same_ignoring_case("RINGLIST.XML", "Ringlist.xm"));
  EXPECT_FALSE(same_ignoring_case("@[`{", "`{@["));  // 32 apart, like letters
  EXPECT_FALSE(same_ignoring_case("\xc3\x84", "\xc3\xa4"));
  EXPECT_TRUE(starts_ignoring_case("Bytes=0-", "bytes="));
  EXPECT_FALSE(starts_ignoring_case("bytes", "bytes="));
  EXPECT_TRUE(starts_ignoring_case("", ""));
  EXPECT_TRUE(ends_ignoring_case("sep.CNF.XML", ".xml"));
  EXPECT_FALSE(ends_ignoring_case("xml", ".xml"));
}

TEST(Ascii, WordsInARow) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(joined(Words{"a", "b", "c"}, ","), "a,b,c");
  EXPECT_EQ(joined(Words{}, ","), "");
  EXPECT_EQ(choice_of(Words{"a", "b", "c"}), "a, b or c");
  EXPECT_EQ(choice_of(Words{"a", "b"}), "a or b");
  EXPECT_EQ(choice_of(Words{"a"}), "a");
  EXPECT_EQ(choice_of(Words{}), "");
}

TEST(Ascii, TrimmedOfSpacesAndTabsAtTheEnds) {
  EXPECT_EQ(trimmed(" \t a b\t"), "a b");
  EXPECT_EQ(trimmed("a"), "a");
  EXPECT_EQ(trimmed(" \t "), "");
  EXPECT_EQ(trimmed(""), "");
  EXPECT_EQ(trimmed("\na\r"), "\na\r");
}

}  // namespace
}  // namespace anchord

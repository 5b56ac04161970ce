#include "anchord/trust/xml.h"

#include <fmt/core.h>

#include "vectors.h"

namespace anchord::trust {
namespace {

std::string problem(std::string_view document) {
  auto good = check_xml(as_bytes(document));
  return good ? "" : good.error().text;
}

TEST(CheckXml, TakesWhatIsWellFormed) {
  EXPECT_EQ(problem(as_text(vector_file("SEP001122334455.cnf.xml"))), "");
  EXPECT_EQ(problem("<a/>"), "");
  EXPECT_EQ(
      problem("<?xml version=\"1.0\" encoding=\"utf-8\" standalone=\"yes\"?>\n<a b='1' c='2'>\r\n"
              "<!-- - --><![CDATA[<&]]><?p i?>&lt;&gt;&amp;&apos;&quot;&#x20;&#233;</a>\n<!-- end -->\n"),
      "");
  EXPECT_EQ(problem("<n:a m:b='1'/>"), "");
  EXPECT_EQ(problem("\xef\xbb\xbf<a>\xe2\x82\xac</a>"), "");
  EXPECT_EQ(problem("<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>"), "");
}

TEST(CheckXml, NamesLineColumnAndReason) {
  EXPECT_EQ(problem("<a>\n  <b>\n  </c>\n</a>"), "line 3, column 5: mismatched tag");
  EXPECT_EQ(problem("<a b='1' b='2'/>"), "line 1, column 10: duplicate attribute");
  EXPECT_EQ(problem("<a>Tom & Jerry</a>"), "line 1, column 9: not well-formed (invalid token)");
  EXPECT_EQ(problem("<a/><b/>"), "line 1, column 5: junk after document element");
  EXPECT_EQ(problem("<a>&nbsp;</a>"), "line 1, column 4: undefined entity");
  EXPECT_EQ(problem("<a b='&nbsp;'/>"), "line 1, column 1: undefined entity");
  EXPECT_EQ(problem("<a>\xff</a>"), "line 1, column 4: not well-formed (invalid token)");
  EXPECT_EQ(problem("<a>\xc0\x80</a>"), "line 1, column 4: not well-formed (invalid token)");
  EXPECT_EQ(problem("<a>&#0;</a>"), "line 1, column 4: reference to invalid character number");
  EXPECT_EQ(problem("<a>]]></a>"), "line 1, column 6: not well-formed (invalid token)");
  EXPECT_EQ(problem("<a b=1/>"), "line 1, column 6: not well-formed (invalid token)");
  EXPECT_EQ(problem("<a><!-- -- --></a>"), "line 1, column 11: not well-formed (invalid token)");
  EXPECT_EQ(problem("\n<?xml version='1.0'?><a/>"),
            "line 2, column 1: XML or text declaration not at start of entity");
  EXPECT_EQ(problem("<?xml version='1.0' encoding='x-unknown'?><a/>"),
            "line 1, column 31: the encoding x-unknown is not known here");
  EXPECT_EQ(problem(std::string_view("<a>\0</a>", 8)), "line 1, column 4: not well-formed (invalid token)");
}

std::string warning(std::string_view document) {
  return check_xml(as_bytes(document)).value();
}

TEST(CheckXml, WarnsOfWhatPhonesPassOver) {
  EXPECT_EQ(warning("<a/>"), "");
  EXPECT_EQ(warning("<a>\r\n<b c='\x1f'/>\x0b</a>"),
            "line 2, column 7: a control character (0x1F) and 1 more");
  EXPECT_EQ(warning("<a>&#x1f;</a>"), "line 1, column 4: a reference to a control character");
  EXPECT_EQ(warning("<a>&#9;&#x0d;</a>"), "");
  EXPECT_EQ(warning(std::string_view("<a/>\n\0\0\x1a\n", 9)), "line 2, column 1: a NUL behind the end");
  EXPECT_EQ(warning(std::string_view("<a>\x01</a>\n\x1a", 11)),
            "line 2, column 1: a Ctrl-Z behind the end; line 1, column 4: a control character (0x01)");
  EXPECT_EQ(problem(std::string_view("<a>\x01\0</a>", 9)),
            "line 1, column 5: not well-formed (invalid token)");
  EXPECT_EQ(problem(std::string_view("\0\0\x1a", 3)), "line 1, column 1: no element found");
}

TEST(CheckXml, ReadsTheEncodingThatTheDocumentNames) {
  EXPECT_EQ(warning("<?xml version='1.0' encoding='koi8-r'?><a>\xc1</a>"), "");
  EXPECT_EQ(problem("<?xml version='1.0' encoding='us-ascii'?>\n<a>\xe9</a>"),
            "line 2, column 4: what is there is not in us-ascii");
  // Orders to the C library are no part of a name.
  EXPECT_EQ(problem("<?xml version='1.0' encoding='latin1//TRANSLIT'?><a/>"),
            "line 1, column 31: no name of an encoding");
  EXPECT_EQ(problem("<?xml version='1.0' encoding=''?><a/>"), "line 1, column 31: no name of an encoding");
  // Longer than a piece of the converter's, and cut within a character.
  std::string large = "<?xml version='1.0' encoding='latin1'?><a>" + std::string(200'000, '\xe9');
  EXPECT_EQ(problem(large + "</a>"), "");
  EXPECT_EQ(problem(large), "line 1, column 200043: no element found");
  EXPECT_EQ(problem("<?xml version='1.0' encoding='Shift_JIS'?><a/>\x81"),
            "line 1, column 47: what is there is not in Shift_JIS");
}

TEST(CheckXml, ReadsAnEncodingByAnyUsualSpelling) {
  struct Spelling {
    const char* name;
    const char* bytes;
  };
  for (const Spelling& one :
       {Spelling{"Latin-1", "\xe9"}, Spelling{"latin_1", "\xe9"}, Spelling{"ISO8859_1", "\xe9"},
        Spelling{"CP-1252", "\x80"}, Spelling{"windows1252", "\x80"}, Spelling{"win-1251", "\xe9"},
        Spelling{"x-cp1251", "\xe9"}, Spelling{"EUC_JP", "\xa4\xa2"}, Spelling{"x-euc-jp", "\xa4\xa2"},
        Spelling{"x-sjis", "\x82\xa0"}, Spelling{"x-gbk", "\xb0\xa1"}, Spelling{"gb_2312-80", "\xb0\xa1"},
        Spelling{"ks_c_5601-1987", "\xb0\xa1"}, Spelling{"x-mac-roman", "\x8e"},
        Spelling{"iso-8859-8-i", "\xe0"}})
    EXPECT_EQ(warning(fmt::format("<?xml version='1.0' encoding='{}'?><a>{}</a>", one.name, one.bytes)), "")
        << one.name;
  // What is there must be in it all the same.
  EXPECT_EQ(problem("<?xml version='1.0' encoding='x-sjis'?><a/>\x81"),
            "line 1, column 44: what is there is not in x-sjis");
  for (const char* name : {"x", "x-", "win", "latin-11"})
    EXPECT_EQ(problem(fmt::format("<?xml version='1.0' encoding='{}'?><a/>", name)),
              fmt::format("line 1, column 31: the encoding {} is not known here", name));
}

TEST(CheckXml, NeedsAWholeDocument) {
  EXPECT_EQ(problem(""), "line 1, column 1: no element found");
  EXPECT_EQ(problem("<!-- only -->"), "line 1, column 14: no element found");
  EXPECT_EQ(problem("text"), "line 1, column 1: syntax error");
  EXPECT_EQ(problem("<a>"), "line 1, column 4: no element found");
  constexpr std::string_view kDocument = "<a b='c'><d>e</d><!-- f --></a>";
  for (std::size_t size = 0; size < kDocument.size(); ++size) {
    EXPECT_NE(problem(kDocument.substr(0, size)), "") << size;
  }
}

// Where entities come from, those that grow and those that are other files.
TEST(CheckXml, RefusesADocumentTypeDeclaration) {
  constexpr std::string_view kRefused =
      ": a document type declaration, which phones have no use for: remove it";
  EXPECT_EQ(problem("<!DOCTYPE a><a/>"), "line 1, column 12" + std::string(kRefused));
  for (std::string_view declaration :
       {"<!DOCTYPE a SYSTEM 'file:///etc/passwd'>", "<!DOCTYPE a PUBLIC '-//X//Y' 'http://192.0.2.1/'>",
        "<!DOCTYPE a [<!ENTITY b 'c'>]>", "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>",
        "<!DOCTYPE a [<!ENTITY % b SYSTEM 'http://192.0.2.1/'> %b;]>",
        "<!DOCTYPE a [<!ENTITY b '0123456789'><!ENTITY c '&b;&b;&b;'>]>"}) {
    EXPECT_TRUE(problem(std::string(declaration) + "<a>&b;</a>").ends_with(kRefused)) << declaration;
  }
}

TEST(CheckXml, BoundsTheDepth) {
  auto nested = [](std::size_t depth) {
    std::string out;
    for (std::size_t i = 0; i < depth; ++i) out += "<a>";
    for (std::size_t i = 0; i < depth; ++i) out += "</a>";
    return out;
  };
  EXPECT_EQ(problem(nested(kMaxXmlDepth)), "");
  EXPECT_EQ(problem(nested(kMaxXmlDepth + 1)), "line 1, column 601: elements are nested more than 200 deep");
  EXPECT_EQ(problem(nested(1'000'000)), "line 1, column 601: elements are nested more than 200 deep");
}

// Larger than what the parser is given at once.
TEST(CheckXml, ReadsLargeDocuments) {
  std::string large = "<a b='";
  large.append(6'000'000, 'x');
  large += "'>\n";
  for (int i = 0; i < 300'000; ++i) large += "<c>\xe2\x82\xac</c>\n";
  EXPECT_EQ(problem(large + "</a>"), "");
  EXPECT_EQ(problem(large + "</b>"), "line 300002, column 3: mismatched tag");
}

}  // namespace
}  // namespace anchord::trust

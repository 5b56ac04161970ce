#include "anchord/crypto/name.h"

#include <gtest/gtest.h>

#include "anchord/base/writer.h"
#include "test_files.h"

namespace anchord::crypto {
namespace {

using test::certificate;

constexpr std::string_view kOddOpen =
    "C=DE,O=M\xc3\xbcller\\, S\xc3\xb6hne \\+ Co,OU=Abteilung \\\"A\\\",CN=dienst.example.com";
constexpr std::string_view kOddVendor =
    "CN=dienst.example.com;OU=Abteilung \\\"A\\\";O=M\xc3\xbcller\\, S\xc3\xb6hne \\+ Co;C=DE";

// SEQUENCE { SET { SEQUENCE { type CN, value of this tag } } }
Buffer der_name(std::uint8_t tag, std::string_view value) {
  Buffer out(value.size() + 13);
  Writer der(out);
  for (std::size_t around : {0x30, 0x31, 0x30}) {
    der.u8(static_cast<std::uint8_t>(around));
    der.u8(static_cast<std::uint8_t>(out.size() - der.size() - 1));
  }
  der.bytes(Buffer{6, 3, 0x55, 4, 3, tag, static_cast<std::uint8_t>(value.size())});
  der.text(value);
  return out;
}

std::string normal(std::string_view text) {
  NormalName name;
  return name.from_text(text) ? std::string(name.text()) : "refused";
}

std::string value_of_der(std::uint8_t tag, std::string_view value) {
  auto name = Name::from_der(der_name(tag, value));
  return name ? std::string(name->value_of("CN")) : name.error().text;
}

TEST(Name, SpelledAsTheOpenToolsDo) {
  Buffer list = test::file("sha1/ITLFile.tlv");
  for (const char* who : {"tftp", "recovery", "tvs", "capf", "app-ec", "app-odd"}) {
    std::string text = certificate(who).subject().to_open();
    text += '\0';
    EXPECT_TRUE(test::contains(list, test::item(3, as_bytes(text)))) << text;
    EXPECT_TRUE(test::contains(list, test::item(5, as_bytes(text)))) << text;
  }
  EXPECT_EQ(certificate("app-odd").subject().to_open(), kOddOpen);
}

TEST(Name, SpelledAsTheVendorDoes) {
  EXPECT_EQ(certificate("tftp").subject().to_vendor(),
            "CN=cucm1.example.com;OU=Voice;O=Example Corp;L=San Jose;ST=California;C=US");
  EXPECT_EQ(certificate("app-odd").subject().to_vendor(), kOddVendor);
}

TEST(Name, BothSpellingsParseToTheCertificatesName) {
  for (const char* who : {"tftp", "recovery", "tvs", "capf", "app-ec", "app-odd", "phone"}) {
    const Name& name = certificate(who).subject();
    EXPECT_EQ(Name::parse(name.to_vendor()).value(), name) << who;
    EXPECT_EQ(Name::parse(name.to_open()).value(), name) << who;
  }
}

TEST(Name, KeepsMultiValuedSetsTogether) {
  Name name = Name::parse("C=US,CN=a+UID=7+OU=x,O=b").value();
  EXPECT_EQ(name.to_vendor(), "O=b;CN=a+UID=7+OU=x;C=US");
  EXPECT_EQ(Name::parse(name.to_vendor()).value(), name);
  EXPECT_EQ(name.to_open(), "C=US,CN=a+UID=7+OU=x,O=b");
}

TEST(Name, UnescapedSeparatorsAreValuesWhereNoAttributeFollows) {
  Name name = Name::parse("CN=x;O=Miller, Sons + Co; Ltd;C=US").value();
  EXPECT_EQ(name.value_of("O"), "Miller, Sons + Co; Ltd");
  EXPECT_EQ(Name::parse("C=US,O=Example, Inc.,CN=x").value().value_of("O"), "Example, Inc.");
}

TEST(Name, EscapesWhatWouldBeLost) {
  Name name;
  name.append("CN", " #x ");
  name.append("O", "#1");
  name.append("OU", "a=b\\c<d>;e");
  name.append("L", " ");
  name.append("ST", "");
  EXPECT_EQ(name.to_open(), "CN=\\ #x\\ ,O=\\#1,OU=a=b\\\\c\\<d\\>\\;e,L=\\ ,ST=");
  EXPECT_EQ(Name::parse(name.to_open()).value(), name);
  EXPECT_EQ(Name::parse(name.to_vendor()).value(), name);
}

TEST(Name, TypesInEverySpelling) {
  EXPECT_EQ(Name::parse("cn=a, commonName = b ,2.5.4.3=c,OID.2.5.4.3=d").value().to_open(),
            "CN=a,CN=b,CN=c,CN=d");
  EXPECT_EQ(Name::parse("E=a@b.c,1.2.840.113549.1.9.1=d@e.f,1.3.6.1.4.1.9.1=x").value().to_open(),
            "emailAddress=a@b.c,emailAddress=d@e.f,1.3.6.1.4.1.9.1=x");
}

TEST(Name, ConvertsEveryStringTypeToUtf8) {
  EXPECT_EQ(value_of_der(0x0c, "M\xc3\xbcller"), "M\xc3\xbcller");  // UTF8String
  EXPECT_EQ(value_of_der(0x13, "Mill"), "Mill");                    // PrintableString
  EXPECT_EQ(value_of_der(0x14, "M\xfcller"), "M\xc3\xbcller");      // T61String
  EXPECT_EQ(value_of_der(0x1e, std::string_view("\0M\0\xfc\x20\xac", 6)), "M\xc3\xbc\xe2\x82\xac");  // BMP
  EXPECT_EQ(value_of_der(0x1c, std::string_view("\0\1\xf6\0", 4)), "\xf0\x9f\x98\x80");  // UniversalString
}

TEST(Name, RefusesValuesThatAreNotText) {
  EXPECT_EQ(value_of_der(0x0c, "M\xfcller"), "bad name: not UTF-8");
  EXPECT_EQ(value_of_der(0x0c, "\xc0\xaf"), "bad name: not UTF-8");          // overlong
  EXPECT_EQ(value_of_der(0x0c, "\xed\xa0\x80"), "bad name: not UTF-8");      // surrogate
  EXPECT_EQ(value_of_der(0x0c, "\xf4\x90\x80\x80"), "bad name: not UTF-8");  // above U+10FFFF
  EXPECT_EQ(value_of_der(0x0c, "a\xe2\x82"), "bad name: not UTF-8");         // cut
  EXPECT_EQ(value_of_der(0x1e, "\xd8\x01\xdc\x01"), "bad name: not UTF-8");
  EXPECT_EQ(value_of_der(0x1e, "abc"), "bad name: a cut character");
  EXPECT_EQ(value_of_der(0x1c, std::string_view("\0\x11\0\0", 4)), "bad name: not Unicode");
  EXPECT_EQ(value_of_der(0x0c, std::string_view("bank.com\0.evil", 14)), "bad name: a NUL in a value");
  EXPECT_EQ(value_of_der(0x03, std::string_view("\0\1", 2)), "bad name: a value that is not text");
}

TEST(Name, RefusesDamagedDer) {
  Buffer good = der_name(0x0c, "abc");
  EXPECT_TRUE(Name::from_der(good).has_value());
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(Name::from_der(Bytes(good).first(size)).has_value()) << size;
  }
  good.push_back(0);
  EXPECT_EQ(Name::from_der(good).error().text, "bad name: trailing bytes");
}

TEST(Name, RefusesTextThatIsNoName) {
  for (std::string_view text :
       {"", " ", "CN", "=a", ",", "CN=a\\", "CN=a\\x", "CN=a\\4", "FOO=a", "1=a", "2.5.04.3=a", "3.1.2=a",
        "1.40.1=a", "2.5..3=a", "CN=a,FOO=b", "99999999999999999999.1=a", "CN=\\ff", "CN=\\00"}) {
    EXPECT_FALSE(Name::parse(text).has_value()) << text;
    EXPECT_EQ(normal(text), "refused") << text;
  }
  EXPECT_EQ(Name::parse("CN=a,FOO=b").error().text, "bad name 'CN=a,FOO=b': unknown attribute type");
}

TEST(NormalName, IsTheSameForEverySpelling) {
  for (const char* who : {"tftp", "recovery", "tvs", "capf", "app-ec", "app-odd", "phone"}) {
    Certificate from = certificate(who);
    NormalName der;
    ASSERT_TRUE(der.from_der(from.subject_der())) << who;
    EXPECT_EQ(normal(from.subject().to_vendor()), der.text());
    EXPECT_EQ(normal(from.subject().to_open()), der.text());
  }
  EXPECT_NE(normal(certificate("tftp").subject().to_open()), normal(certificate("tvs").subject().to_open()));
}

TEST(NormalName, UndoesOrderAndEscapingAndNothingElse) {
  std::string expected("CN=a, b\0O=c", 11);
  for (std::string_view text : {"CN=a\\, b,O=c", "O=c;CN=a, b", "o = c , cn = a\\2c b", "O=c+CN=a\\, b",
                                "2.5.4.10=c,CN=\\61\\, b  "}) {
    EXPECT_EQ(normal(text), expected) << text;
  }
  EXPECT_NE(normal("CN=A"), normal("CN=a"));
  EXPECT_NE(normal("CN=a b"), normal("CN=a  b"));
  EXPECT_NE(normal("CN=a"), normal("CN=a,CN=a"));
  EXPECT_NE(normal("CN=a,O=b"), normal("CN=a\\,O=b"));
}

TEST(NormalName, KeepsToItsLimits) {
  std::string longest(kMaxNormalName - 3, 'x');
  EXPECT_EQ(normal("CN=" + longest), "CN=" + longest);
  EXPECT_EQ(normal("CN=" + longest + "x"), "refused");
  // A separator counts too.
  EXPECT_EQ(normal("CN=" + longest.substr(3) + ",O=x"), "refused");
  EXPECT_EQ(normal("CN=" + longest.substr(4) + ",O=x").size(), kMaxNormalName);

  std::string many = "CN=1";
  for (std::size_t i = 1; i < kMaxNameAttributes; ++i) many += ",CN=1";
  EXPECT_NE(normal(many), "refused");
  EXPECT_EQ(normal(many + ",CN=1"), "refused");
  EXPECT_EQ(normal("CN=a" + std::string(1 << 16, ' ')), "refused");
}

TEST(NormalName, IsEmptyAfterARefusal) {
  NormalName name;
  ASSERT_TRUE(name.from_text("CN=a"));
  EXPECT_FALSE(name.from_text("nonsense"));
  EXPECT_EQ(name.text(), "");
  ASSERT_TRUE(name.from_text("CN=a"));
  EXPECT_FALSE(name.from_der({}));
  EXPECT_EQ(name.text(), "");
}

}  // namespace
}  // namespace anchord::crypto

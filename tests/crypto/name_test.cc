#include "anchord/crypto/name.h"

#include <gtest/gtest.h>

#include "anchord/base/writer.h"
#include "anchord/crypto/self_signed.h"
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
  EXPECT_EQ(name.to_vendor(), "CN=a+UID=7+OU=x;O=b;C=US");
  EXPECT_EQ(normal(name.to_vendor()), normal(name.to_open()));
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
  EXPECT_EQ(name.to_vendor(), "CN=\\ #x\\ ;OU=a=b\\\\c\\<d\\>\\;e;O=\\#1;L=\\ ;ST=");
  EXPECT_EQ(normal(name.to_vendor()), normal(name.to_open()));
}

TEST(Name, TypesInEverySpelling) {
  EXPECT_EQ(Name::parse("cn=a, commonName = b ,2.5.4.3=c,OID.2.5.4.3=d").value().to_open(),
            "CN=a,CN=b,CN=c,CN=d");
  EXPECT_EQ(Name::parse("E=a@b.c,1.2.840.113549.1.9.1=d@e.f,1.3.6.1.4.1.9.1=x").value().to_open(),
            "emailAddress=a@b.c,emailAddress=d@e.f,1.3.6.1.4.1.9.1=x");
}

TEST(Name, TypesByTheirUsualNames) {
  EXPECT_EQ(Name::parse("POSTALCODE=1,unstructuredname=2,userid=3,S=4,stateOrProvinceName=5,STREET=6,T=7,G=8,"
                        "EMAIL=9,DNQ=10,jurisdictionCountryName=11,mail=12,SURNAME=13")
                .value()
                .to_open(),
            "postalCode=1,unstructuredName=2,UID=3,ST=4,ST=5,street=6,title=7,GN=8,emailAddress=9,"
            "dnQualifier=10,jurisdictionC=11,mail=12,SN=13");
}

// The certificates of the vendor's call manager have their names in the order C, O, OU, CN, ST, L.
TEST(Name, TheVendorsOrderIsNotTheCertificates) {
  EXPECT_EQ(
      Name::parse("C=US,O=Cisco,OU=TAC,OU=x,CN=cucm,ST=NC,L=RTP,postalCode=1,DC=local").value().to_vendor(),
      "CN=cucm;OU=x;OU=TAC;O=Cisco;L=RTP;ST=NC;C=US;DC=local;postalCode=1");
}

TEST(Name, ValuesInQuotes) {
  EXPECT_EQ(Name::parse("CN=\"a;b, c=d\";O= \"Example \\\"A\\\" \\\\, Inc.\" ;C=US").value().to_open(),
            "C=US,O=Example \\\"A\\\" \\\\\\, Inc.,CN=a\\;b\\, c=d");
  EXPECT_EQ(Name::parse("CN=\"x  \"").value().value_of("CN"), "x  ");
  // Quotes that do not hold the whole value are part of it.
  EXPECT_EQ(Name::parse("CN=\"The\" Company,O=\"x").value().value_of("CN"), "\"The\" Company");
  EXPECT_EQ(Name::parse("CN=\"The\" Company,O=\"x").value().value_of("O"), "\"x");
}

TEST(Name, ABackslashThatEscapesNothingIsItself) {
  EXPECT_EQ(Name::parse("CN=DOMAIN\\user,O=a\\").value().to_open(), "CN=DOMAIN\\\\user,O=a\\\\");
  EXPECT_EQ(Name::parse("CN=a\\4").value().value_of("CN"), "a\\4");
}

TEST(Name, ValuesInHexadecimal) {
  EXPECT_EQ(Name::parse("1.2.840.113549.1.9.1=#1603614062,CN=#0C0161").value().to_open(),
            "emailAddress=a@b,CN=a");
  EXPECT_EQ(Name::parse("CN=#1,O=#zz,OU=#0c05").value().to_open(), "CN=\\#1,O=\\#zz,OU=\\#0c05");
  EXPECT_EQ(normal("x500UniqueIdentifier=#0303000102"), "x500UniqueIdentifier=#0303000102");
  EXPECT_EQ(value_of_der(0x03, std::string_view("\0\1", 2)), "#03020001");
}

TEST(Name, ConvertsEveryStringTypeToUtf8) {
  EXPECT_EQ(value_of_der(0x0c, "M\xc3\xbcller"), "M\xc3\xbcller");  // UTF8String
  EXPECT_EQ(value_of_der(0x13, "Mill"), "Mill");                    // PrintableString
  EXPECT_EQ(value_of_der(0x14, "M\xfcller"), "M\xc3\xbcller");      // T61String
  EXPECT_EQ(value_of_der(0x1e, std::string_view("\0M\0\xfc\x20\xac", 6)), "M\xc3\xbc\xe2\x82\xac");  // BMP
  EXPECT_EQ(value_of_der(0x1c, std::string_view("\0\1\xf6\0", 4)), "\xf0\x9f\x98\x80");  // UniversalString
}

TEST(Name, Latin1WhereAnotherTypeIsSaidIsRead) {
  EXPECT_EQ(value_of_der(0x13, "M\xfcller"), "M\xc3\xbcller");    // PrintableString
  EXPECT_EQ(value_of_der(0x16, "M\xfcller"), "M\xc3\xbcller");    // IA5String
  EXPECT_EQ(value_of_der(0x0c, "M\xfcller"), "M\xc3\xbcller");    // UTF8String
  EXPECT_EQ(value_of_der(0x0c, "\xc0\xaf"), "\xc3\x80\xc2\xaf");  // no second spelling of a slash
}

TEST(Name, ValuesThatAreNotTextAreHexadecimal) {
  EXPECT_EQ(value_of_der(0x1e, "\xd8\x01\xdc\x01"), "#1e04d801dc01");
  EXPECT_EQ(value_of_der(0x1e, "abc"), "#1e03616263");
  EXPECT_EQ(value_of_der(0x1c, std::string_view("\0\x11\0\0", 4)), "#1c0400110000");
}

TEST(Name, OpenSslsOneLine) {
  EXPECT_EQ(Name::parse("/C=US/O=Cisco/CN=x").value().to_open(), "C=US,O=Cisco,CN=x");
  EXPECT_EQ(Name::parse(" /C=US/O=a, b; c/CN=https://x/y").value().to_open(),
            "C=US,O=a\\, b\\; c,CN=https://x/y");
  EXPECT_EQ(Name::parse("/CN=a/emailAddress=b@c").value().to_vendor(), "CN=a;emailAddress=b@c");
  // A byte that is no ASCII is \\xHH there; elsewhere that is text.
  EXPECT_EQ(Name::parse("/CN=M\\xC3\\xBCller").value().value_of("CN"), "M\xc3\xbcller");
  EXPECT_EQ(Name::parse("CN=DOM\\xaver").value().value_of("CN"), "DOM\\xaver");
  for (const char* who : {"tftp", "recovery", "tvs", "app-ec", "phone"}) {
    Certificate from = certificate(who);
    std::string line;
    for (const Name::Attribute& attribute : from.subject().attributes())
      line += "/" + attribute.type + "=" + attribute.value;
    EXPECT_EQ(Name::parse(line).value(), from.subject()) << line;
    NormalName der;
    ASSERT_TRUE(der.from_der(from.subject_der()));
    EXPECT_EQ(normal(line), der.text());
  }
  for (std::string_view text : {"/", "/x", "//CN=x", "/etc/passwd", "/CN=x/FOO=y"})
    EXPECT_EQ(normal(text), "refused");
}

TEST(Name, WhatWeWriteIsReadAsItWasWithSlashesInIt) {
  for (std::string_view value : {"a/O=b", "/O=b", "a/emailAddress=b"}) {
    Name name;
    name.append("CN", std::string(value));
    EXPECT_EQ(Name::parse(name.to_open()).value(), name);
    EXPECT_EQ(Name::parse(name.to_vendor()).value(), name);
  }
}

TEST(Name, TextThatIsNoUtf8IsLatin1) {
  for (std::string_view text :
       {"CN=M\xfcller", "CN=M\\FCller", "CN=M\xc3\xbcller", "/CN=M\\xFCller", "CN = \"M\\C3\\BCller\""})
    EXPECT_EQ(normal(text), "CN=M\xc3\xbcller") << text;
}

TEST(Name, RefusesANulInAValue) {
  EXPECT_EQ(value_of_der(0x0c, std::string_view("bank.com\0.evil", 14)), "bad name: a NUL in a value");
  EXPECT_EQ(value_of_der(0x1e, std::string_view("\0a\0\0", 4)), "bad name: a NUL in a value");
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
  for (std::string_view text : {"", " ", "CN", "=a", ",", "FOO=a", "1=a", "2.5.04.3=a", "3.1.2=a", "1.40.1=a",
                                "2.5..3=a", "CN=a,FOO=b", "99999999999999999999.1=a", "CN=\\00"}) {
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

Buffer name_of(const char* who, bool issuer = false) {
  Certificate from = Certificate::from_pem_or_der(test::file(who)).value();
  return to_buffer(issuer ? from.issuer_der() : from.subject_der());
}

// C=US, O=Example Corp, OU=Voice, CN=... and so on.
bool fits_tftp(std::string_view text) {
  return name_fits(text, certificate("tftp").subject_der());
}

TEST(NameFits, WhateverIsSaidMustBeThere) {
  std::string vendor = certificate("tftp").subject().to_vendor();
  EXPECT_TRUE(fits_tftp(vendor));
  EXPECT_TRUE(fits_tftp(certificate("tftp").subject().to_open()));
  EXPECT_TRUE(fits_tftp("CN=cucm1.example.com"));
  EXPECT_TRUE(fits_tftp("O=Example Corp;CN=cucm1.example.com;C=US"));
  EXPECT_TRUE(fits_tftp("  o = example corp , cn = CUCM1.EXAMPLE.COM  "));
  EXPECT_TRUE(fits_tftp("/C=US/ST=California/O=Example Corp/CN=cucm1.example.com"));
  EXPECT_TRUE(fits_tftp("CN=cucm1.example.com;"));
  EXPECT_TRUE(fits_tftp("stateOrProvinceName=\"California\", 2.5.4.6=US"));
  for (std::string_view text : {"", " ", "CN=cucm2.example.com", "CN=cucm1.example.com;O=Example", "CN=cucm1",
                                "CN=cucm1.example.com;DC=x", "CN=cucm1.example.com;CN=cucm1.example.com",
                                "not a name", "CN=", "CN=\"", "CN=cucm1.example.com;FOO=x",
                                "CN=cucm1.example.com;x", "cucm1.example.com", "O=Example Corp C=US"}) {
    EXPECT_FALSE(fits_tftp(text)) << text;
  }
  EXPECT_TRUE(name_fits("", Buffer{0x30, 0}));
  EXPECT_FALSE(name_fits("CN=a", Buffer{0x30, 0}));
  EXPECT_FALSE(name_fits("CN=a", Buffer{}));
}

TEST(NameFits, TheVendorsTokens) {
  Buffer subject = name_of("field/etoken.pem"), issuer = name_of("field/etoken.pem", true);
  EXPECT_TRUE(name_fits("cn=\"SAST-ADN008580ef        \";ou=IPCBU;o=\"Cisco Systems", subject));
  EXPECT_TRUE(name_fits("cn=SAST-ADN008580ef;ou=IPCBU;o=Cisco Systems, Inc.", subject));
  EXPECT_TRUE(name_fits("cn=Cisco Manufacturing CA;o=Cisco Systems", issuer));
  EXPECT_FALSE(name_fits("cn=\"SAST-ADN008580ee        \";ou=IPCBU;o=\"Cisco Systems", subject));
  EXPECT_FALSE(name_fits("cn=\"SAST-ADN008580ef        \";ou=IPCBU;o=\"Other", subject));
}

TEST(NameFits, TheVendorsTextHasNoDc) {
  Buffer issuer = name_of("field/adcs.pem", true);
  EXPECT_TRUE(name_fits("CN=stormin-WIN2012-CA", issuer));
  EXPECT_TRUE(name_fits("CN=stormin-WIN2012-CA;DC=stormin;DC=local", issuer));
  EXPECT_TRUE(name_fits("DC=local;DC=stormin", issuer));
  EXPECT_FALSE(name_fits("CN=stormin-WIN2012-CA;DC=local;DC=local", issuer));
}

TEST(NameFits, CutAt64Characters) {
  Name name;
  name.append("C", "US");
  name.append("O", "Example Corporation");
  name.append("OU", "Voice and Unified Communications");
  name.append("CN", "call-manager-publisher");
  SelfSignedRequest request{.subject = name, .not_before = 1800000000, .days = 1};
  Certificate made = make_self_signed(PrivateKey::generate(KeyKind::p256).value(), request).value();
  Bytes der = made.subject_der();
  std::string whole = name.to_vendor();
  for (std::size_t size : {63, 64}) EXPECT_TRUE(name_fits(whole.substr(0, size), der)) << size;
  EXPECT_FALSE(name_fits(whole.substr(0, 60), der));
  EXPECT_FALSE(name_fits(whole.substr(0, 70), der));
  std::string other = whole.substr(0, 64);
  other[62] = '#';
  EXPECT_FALSE(name_fits(other, der));
}

TEST(NameFits, WhoDoesNotEscapeIsUnderstood) {
  Buffer name = der_name(0x0c, "DOM\\aduser;O=x, y+OU=\"z\"");
  EXPECT_TRUE(name_fits("CN=DOM\\aduser;O=x, y+OU=\"z\"", name));
  EXPECT_TRUE(name_fits("CN=DOM\\\\aduser\\;O=x\\, y\\+OU=\\\"z\\\"", name));
  EXPECT_TRUE(name_fits("CN=\"DOM\\\\aduser;O=x, y+OU=\\\"z\\\"\"", name));
  EXPECT_FALSE(name_fits("CN=DOM\\aduser", name));
  EXPECT_TRUE(name_fits("/CN=M\\xC3\\xBCller", der_name(0x0c, "M\xc3\xbcller")));
  EXPECT_TRUE(name_fits("/CN=a\\xb", der_name(0x0c, "a\\xb")));
  EXPECT_TRUE(name_fits("CN=x", der_name(0x0c, "  x ")));
  EXPECT_TRUE(name_fits("CN=\"x \"", der_name(0x0c, "x")));
  EXPECT_TRUE(name_fits("CN=x\\ ", der_name(0x0c, "x")));
}

TEST(NameFits, HostileTextEndsSoon) {
  std::string many(4 * kMaxNormalName, ' ');
  EXPECT_FALSE(fits_tftp(many + " "));
  EXPECT_FALSE(fits_tftp(many));
  std::string quotes;
  while (quotes.size() + 4 < many.size()) quotes += "CN=\"";
  EXPECT_FALSE(fits_tftp(quotes));
}

}  // namespace
}  // namespace anchord::crypto

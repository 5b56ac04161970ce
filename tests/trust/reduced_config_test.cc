#include "anchord/trust/encrypted_file.h"
#include "anchord/trust/xml.h"
#include "anchord/wire/signed_file.h"
#include "vectors.h"

namespace anchord::trust {
namespace {

std::string reduced(std::string_view config) {
  auto out = reduced_config(as_bytes(config), vector_certificate("phone"));
  if (!out) return "error: " + out.error().text;
  EXPECT_TRUE(check_xml(*out)) << as_text(*out);
  return std::string(as_text(*out));
}

// A reduced file with these lines between the first and the last of its elements.
std::string expected(std::string_view kept) {
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<device>\n  <fullConfig>false</fullConfig>\n" +
         std::string(kept) +
         "  <certHash>54853f301a74ded1ddce3889e7f5cb95</certHash>\n"
         "  <encrConfig>true</encrConfig>\n</device>\n";
}

TEST(ReducedConfig, IsTheVectors) {
  Buffer signed_file = vector_file("sha1/SEP001122334455.cnf.xml.sgn");
  EXPECT_EQ(reduced(as_text(vector_file("SEP001122334455.cnf.xml"))),
            as_text(wire::parse_signed_file(signed_file)->content));
}

TEST(ReducedConfig, KeepsElementsAsTheyAreWrittenInTheirOrder) {
  EXPECT_EQ(
      reduced("<device><capfList a='1'\n b=\"&lt;\">\r\n<!-- c --><x><![CDATA[<&]]></x><?pi x?>&#233;&amp;"
              "</capfList ><sshPassword>s</sshPassword><loadInformation/><ipAddressMode></ipAddressMode>"
              "</device>"),
      expected("  <capfList a='1'\n b=\"&lt;\">\r\n<!-- c --><x><![CDATA[<&]]></x><?pi x?>&#233;&amp;"
               "</capfList >\n  <loadInformation/>\n  <ipAddressMode></ipAddressMode>\n"));
}

TEST(ReducedConfig, DoesWithoutWhatIsNotThere) {
  EXPECT_EQ(reduced("<device/>"), expected(""));
  EXPECT_EQ(reduced("<device><capfAuthMode>1</capfAuthMode></device>"),
            expected("  <capfAuthMode>1</capfAuthMode>\n"));
}

TEST(ReducedConfig, TakesOnlyTheDevicesOwnElements) {
  EXPECT_EQ(
      reduced("<device><vendorConfig><capfList>secret</capfList></vendorConfig>"
              "<loadInformation>a<loadInformation>b</loadInformation>c</loadInformation>"
              "<capflist>no</capflist><x:capfList xmlns:x='u'>no</x:capfList>"
              "<!-- <capfAuthMode>0</capfAuthMode> --><sshPassword><![CDATA[<ipAddressMode>]]></sshPassword>"
              "</device>"),
      expected("  <loadInformation>a<loadInformation>b</loadInformation>c</loadInformation>\n"));
}

TEST(ReducedConfig, ReplacesWhatItSaysItself) {
  EXPECT_EQ(
      reduced("<device><fullConfig>true</fullConfig><certHash>0</certHash><encrConfig>false</encrConfig>"
              "</device>"),
      expected(""));
}

// Real configurations use a prefix that they do not declare.
TEST(ReducedConfig, TakesTheDeviceWhateverItsAttributes) {
  EXPECT_EQ(reduced("<?xml version='1.0'?>\n<!-- x -->\n<device xsi:type=\"axl:XIPPhone\" ctiid=\"94\" "
                    "xmlns=\"urn:x\"><loadInformation model='x'>l</loadInformation></device>\n"),
            expected("  <loadInformation model='x'>l</loadInformation>\n"));
}

TEST(ReducedConfig, IsUtf8WhateverTheOriginalIs) {
  const std::string kept = expected("  <loadInformation>\xc3\xa9</loadInformation>\n");
  constexpr std::string_view kElement = "<device><loadInformation>";
  EXPECT_EQ(reduced("<?xml version='1.0' encoding='ISO-8859-1'?>" + std::string(kElement) +
                    "\xe9</loadInformation></device>"),
            kept);
  EXPECT_EQ(reduced("\xef\xbb\xbf" + std::string(kElement) + "\xc3\xa9</loadInformation></device>"), kept);
  std::string utf16 = "\xff\xfe";
  for (char c : std::string(kElement) + "\xe9</loadInformation></device>") utf16 += {c, '\0'};
  EXPECT_EQ(reduced(utf16), kept);
}

TEST(ReducedConfig, NeedsADevice) {
  for (std::string_view other : {"<Device/>", "<x:device/>", "<devices><device/></devices>"}) {
    EXPECT_EQ(reduced(other),
              "error: its root element is not <device>: only a phone's configuration can be encrypted");
  }
  EXPECT_EQ(reduced("<device><capfList></device>"), "error: line 1, column 21: mismatched tag");
}

// Elements of any size, in pieces as the parser comes by them.
TEST(ReducedConfig, KeepsLargeElements) {
  std::string large = "<capfList>";
  for (int i = 0; i < 600'000; ++i) large += "<a>\xc3\xa9</a>\n";
  large += "</capfList>";
  EXPECT_TRUE(reduced("<device>" + large + "</device>") == expected("  " + large + "\n"));
}

}  // namespace
}  // namespace anchord::trust

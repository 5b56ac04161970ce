#include "anchord/trust/config_traits.h"

#include <algorithm>

#include "anchord/base/ascii.h"
#include "anchord/base/hex.h"
#include "anchord/crypto/base64.h"
#include "vectors.h"

namespace anchord::trust {
namespace {

ConfigTraits traits(std::string_view document) {
  return config_traits(as_bytes(document));
}

bool share(const ConfigTraits& a, const ConfigTraits& b) {
  return std::ranges::any_of(a.values,
                             [&](auto value) { return std::ranges::binary_search(b.values, value); });
}

TEST(ConfigTraits, SecretsAndNamesOfLinesTell) {
  auto phone =
      traits("<device><sshPassword> s3cret </sshPassword><line><authName>1001</authName></line></device>");
  ASSERT_TRUE(phone.is_configuration());
  EXPECT_EQ(phone.values.size(), 3u);
  EXPECT_TRUE(share(phone, traits("<device>\n<SSHPASSWORD>s3cret</SSHPASSWORD></device>")));
  EXPECT_TRUE(share(phone, traits("<device><a><authName>1001</authName></a></device>")));
  EXPECT_FALSE(share(phone, traits("<device><sshPassword>other</sshPassword></device>")));
  EXPECT_FALSE(share(phone, traits("<device><authName>s3cret</authName><sshPassword/></device>")));
  EXPECT_FALSE(share(phone, traits("<device><x>1001</x></device>")));
}

TEST(ConfigTraits, ACopyNeedNotBeWhole) {
  const std::string whole = "<device><a/><sshPassword>s3cret</sshPassword><b>b</b></device>";
  auto phone = traits(whole);
  EXPECT_TRUE(share(phone, traits(whole.substr(0, 45))));
  EXPECT_TRUE(share(phone, traits("\n  <?xml version='1.0'?>" + whole + "trailing")));
  EXPECT_TRUE(share(phone, traits(whole.substr(0, 45) + "<b></a>")));
  EXPECT_TRUE(share(traits("<device/>"), traits("<device/>")));  // the very same
}

TEST(ConfigTraits, InWhateverFileSecretsTell) {
  auto phone =
      traits("<device><sshPassword>s3cret</sshPassword><line><contact>1001</contact></line></device>");
  const std::string secret = "<sshPassword>s3cret</sshPassword>";
  const std::string copies[] = {
      "<old>" + secret + "</old>",
      "#!/bin/sh\ncat <<EOF\n<device>\n" + secret,
      "b0VIM 8.2" + std::string(40, '\0') + secret.substr(0, 9) + std::string(3, '\0') + secret.substr(9),
      "<device/><device>" + secret + "</device>",
      "<!-- <device>" + secret + " -->",
      "<device><x:SSHPassword a='b' c=\"d\">\n s3<![CDATA[cre]]>t</x:SSHPassword>",
      "<device><sshPassword>&#115;3&#x63;ret</sshPassword>",
      "<<device <sshPassword>s3cret",
      "-" + secret + "\n+<sshPassword>new</sshPassword>",
      "\xef\xbb\xbf\xef\xbb\xbf<device>" + secret,
      "<device><sshPassword>s3cret<cut",
      "<pre>&lt;sshPassword&gt;s3cret&lt;/sshPassword&gt;</pre>",
      "<!DOCTYPE device [<!ENTITY a 'b'>]><device>" + secret,
  };
  for (const std::string& copy : copies) EXPECT_TRUE(share(phone, traits(copy))) << copy;
  EXPECT_EQ(traits(copies[0]).root, "old");
  EXPECT_EQ(traits(copies[1]).root, "");
  for (std::string_view other : {"<old><password>s3cret</password></old>", "<sshPassword/>s3cret",
                                 "<sshPassword></sshPassword>s3cret", "<sshPassword/><x>s3cret</x>",
                                 "sshPassword=s3cret", "<directory><contact>1001</contact></directory>"})
    EXPECT_FALSE(share(phone, traits(other))) << other;
  // A line's names count where they are of a configuration.
  EXPECT_TRUE(share(phone, traits("<lines><sipLines/><contact>1001</contact></lines>")));
}

TEST(ConfigTraits, OtherFilesHaveNone) {
  for (std::string_view none :
       {"", "text", "   ", "<", "<<<>", "<ringlist><name>a</name></ringlist>", "<password", "<![CDATA[",
        "<!-", "<password><![CDATA[", "<password>  \n", "<a b='<x>'/>"}) {
    EXPECT_TRUE(traits(none).values.empty()) << none;
    EXPECT_FALSE(traits(none).is_part) << none;
  }
  EXPECT_EQ(traits("<ringlist/>").root, "ringlist");
  EXPECT_EQ(traits("\x7f"
                   "ELF<device>")
                .root,
            "");
}

TEST(ConfigTraits, WhetherAFileEndsWithinASecret) {
  for (std::string_view cut : {"<device><sshPassword>s3c", "<a>\n<b>\n<capfAuthString x='y'> s"})
    EXPECT_TRUE(traits(cut).ends_in_secret) << cut;
  for (std::string_view whole :
       {"<device><sshPassword>s3c</sshPassword>", "<device><sshPassword>", "<sshPassword>s3c</",
        "<sshPassword> \n", "<device><contact>10", "<device><x>s3c"})
    EXPECT_FALSE(traits(whole).ends_in_secret) << whole;
}

TEST(ConfigTraits, WhatIsPackedIsLookedInto) {
  const auto phone = config_traits(vector_file("copies/phone.cnf.xml"));
  ASSERT_GT(phone.values.size(), 2u);
  for (const char* name : {"phone.cnf.xml.gz", "cut.gz", "phone.zip", "phone.tar", "phone.tar.gz",
                           "gzip-in.zip", "gzip-in-a.tar", "behind-a-header.sgn", "two.gz"}) {
    const auto copy = config_traits(vector_file(std::string("copies/") + name));
    EXPECT_TRUE(share(phone, copy)) << name;
    EXPECT_EQ(copy.packed, "") << name;
  }
  EXPECT_EQ(config_traits(vector_file("copies/phone.cnf.xml.xz")).packed, "xz");
  EXPECT_EQ(config_traits(vector_file("copies/phone.cnf.xml.bz2")).packed, "bzip2");
  EXPECT_EQ(config_traits(vector_file("copies/bzip2-in.zip")).packed, "ZIP");
  // Beginnings of which nothing follows.
  std::string bombs;
  for (int i = 0; i < 10'000; ++i) bombs += "\x1f\x8b\x08PK\x03\x04";
  EXPECT_TRUE(traits(bombs).values.empty());
}

TEST(ConfigTraits, TextThatStandsForBytesIsReadToo) {
  const std::string document = "<device>\n<sshPassword>s3cret?</sshPassword>\n<line/></device>\n";
  const auto phone = traits(document);
  const std::string base64 = crypto::to_base64(document);
  std::string url_safe = base64;
  std::ranges::replace(url_safe, '+', '-');
  std::ranges::replace(url_safe, '/', '_');
  std::string lines;
  for (std::size_t at = 0; at < base64.size(); at += 20) lines += base64.substr(at, 20) + "\r\n";
  std::string url;
  for (char c : document) url += is_letter(c) ? std::string(1, c) : "%" + to_hex(as_bytes(std::string(1, c)));
  for (const std::string& copy :
       {base64, url_safe, lines, "Content-Transfer-Encoding: base64\n\n" + lines,
        "{\"config\": \"" + base64 + "\"}", "a\n" + base64, "ab\n" + base64, "abc\n" + base64,
        to_hex(as_bytes(document)), "0x" + to_hex(as_bytes(document)), "x\n1\n" + to_hex(as_bytes(document)),
        url, "https://x/?a=" + url})
    EXPECT_TRUE(share(phone, traits(copy))) << copy;
  for (const std::string& other :
       {std::string(10'000, 'A'), std::string(10'000, '3'), std::string("%3C%3c%3")})
    EXPECT_TRUE(traits(other).values.empty());
  EXPECT_FALSE(
      share(phone, traits(crypto::to_base64("<device><sshPassword>another</sshPassword></device>"))));
}

TEST(ConfigTraits, AnyEncoding) {
  Buffer wide{0xff, 0xfe};
  for (char c : std::string_view("<device><sshPassword>s3cret</sshPassword></device>")) {
    wide.push_back(static_cast<std::uint8_t>(c));
    wide.push_back(0);
  }
  EXPECT_TRUE(share(config_traits(wide), traits("<device><sshPassword>s3cret</sshPassword></device>")));
  // Without the mark, from within a character on, the other way round, and four bytes each.
  for (std::size_t cut : {2, 3, 5})
    EXPECT_TRUE(
        share(config_traits(Bytes(wide).subspan(cut)), traits("<device><sshPassword>s3cret</sshPassword>")));
  const auto phone = traits("<device><sshPassword>p\xc3\xa4sswort</sshPassword></device>");
  for (std::string_view other :
       {"<?xml version='1.0' encoding='latin1'?><device><sshPassword>p\xe4sswort</sshPassword></device>",
        "x<sshPassword>p\xe4sswort</sshPassword>",
        "<device><sshPassword>p&#228;sswort</sshPassword></device>"})
    EXPECT_TRUE(share(phone, traits(other))) << other;
}

}  // namespace
}  // namespace anchord::trust

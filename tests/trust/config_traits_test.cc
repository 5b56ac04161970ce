#include "anchord/trust/config_traits.h"

#include <algorithm>

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

TEST(ConfigTraits, OfOtherFilesOnlyTheRootIsTold) {
  EXPECT_EQ(traits("<ringlist><password>s</password></ringlist>").root, "ringlist");
  EXPECT_TRUE(traits("<ringlist><password>s</password></ringlist>").values.empty());
  for (std::string_view none : {"", "text",
                                "\x7f"
                                "ELF<device>",
                                "   "})
    EXPECT_EQ(traits(none).root, "") << none;
  EXPECT_TRUE(
      traits("<!DOCTYPE device [<!ENTITY a 'b'>]><device><password>&a;</password></device>").values.empty());
}

TEST(ConfigTraits, AnyEncoding) {
  Buffer wide{0xff, 0xfe};
  for (char c : std::string_view("<device><sshPassword>s3cret</sshPassword></device>")) {
    wide.push_back(static_cast<std::uint8_t>(c));
    wide.push_back(0);
  }
  EXPECT_TRUE(share(config_traits(wide), traits("<device><sshPassword>s3cret</sshPassword></device>")));
}

}  // namespace
}  // namespace anchord::trust

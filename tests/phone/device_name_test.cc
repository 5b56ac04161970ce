// How devices are named, and what people, certificates and phones make of that.
#include "anchord/phone/device_name.h"

#include <gtest/gtest.h>

namespace anchord::phone {
namespace {

TEST(DeviceName, IsOneForAllSpellings) {
  for (const char* text : {"SEP00112233AABB", "sep00112233aabb", "Sep00112233aaBB", "00112233AABB",
                           "00112233aabb", "00:11:22:33:AA:BB", "00:11:22:33:aa:bb"})
    EXPECT_EQ(device_name(text), "SEP00112233AABB") << text;
}

TEST(DeviceName, IsNoneOfWhatIsNoDevice) {
  for (std::string text : {"",
                           "SEP",
                           "SEP00112233AAB",
                           "SEP00112233AABBC",
                           "00112233AAB",
                           "00112233AABBC",
                           "SEP00112233AABG",
                           "SE000112233AABB",
                           "XSEP00112233AABB",
                           "SEP00112233AABB ",
                           " 00112233AABB",
                           "SEP00112233AABB.cnf.xml",
                           "SEP00:11:22:33:AA:BB",
                           "00:11:22:33:AA:B",
                           "00:11:22:33:AA:BB:",
                           "0:011:22:33:AA:BB",
                           "00-11-22-33-AA-BB",
                           "00112233AABB00112",
                           "00:11:22:33:AA;BB",
                           ":::::::::::::::::",
                           "SEP-SEP-SEP-SEP",
                           "SEPSEP112233AAB",
                           "../../etc/passwd1"})
    EXPECT_FALSE(device_name(text)) << text;
  EXPECT_FALSE(device_name(std::string_view("SEP00112233AAB\0", 15)));
  EXPECT_FALSE(device_name(std::string(1 << 20, '0')));
}

TEST(DeviceName, IsInACommonName) {
  for (const char* text :
       {"CP-8861-SEP00112233AABB", "SEP00112233AABB", "sep00112233aabb", "CP-7965G-SEP00112233AABB",
        "SEP00112233AABB.example.com", "SEPARATE-SEP00112233AABB", "00112233AABB", "00:11:22:33:aa:bb",
        "00-11-22-33-AA-BB", "CP-8861-0011.2233.aabb", "00112233aabb.example.com"})
    EXPECT_EQ(device_in_common_name(text).value_or("none"), "SEP00112233AABB") << text;
  for (const char* text : {"", "SEP", "phone", "SEP00112233AAB", "SEP00112233AABBC", "XSEP00112233AABB",
                           "00112233AABBC", "x00112233AABB", "00:11:22:33:AA", "SEP00112233AABG"})
    EXPECT_EQ(device_in_common_name(text).value_or("none"), "none") << text;
}

TEST(DeviceName, IsInATextInManyWays) {
  using Names = std::vector<std::string>;
  for (const char* text :
       {"SEP00112233AABB.pem", "sep00112233aabb.PEM", "old/CP-8861-SEP00112233AABB.cer", "00112233aabb.pem",
        "00-11-22-33-aa-bb.crt", "00:11:22:33:AA:BB", "phone_0011.2233.aabb_lsc", "#SEP00112233AABB.pem#",
        "SEP-00112233AABB", "SEP 00 11 22 33 AA BB", "xSEP00112233AABBx", "SEP00112233AABB and 00112233AABB"})
    EXPECT_EQ(devices_in(text), Names{"SEP00112233AABB"}) << text;
  EXPECT_EQ(devices_in("SEP00112233AABB-SEP00112233AACC.pem"), (Names{"SEP00112233AABB", "SEP00112233AACC"}));
  for (const char* text : {"", "SEP", "ca.pem", "SEP00112233AAB.pem", "20240102030405.pem", "00112233AABBC",
                           "0011-22-33-44-55", "00:11:22:33-44-55"})
    EXPECT_EQ(devices_in(text), Names{}) << text;
}

TEST(DeviceName, IsOfAMacAddressAndBack) {
  EXPECT_EQ(device_name_of(0x00112233aabb), "SEP00112233AABB");
  EXPECT_EQ(device_name_of(0xffff'0011'2233'aabb), "SEP00112233AABB");
  EXPECT_EQ(device_name_of(0).size(), kDeviceName);
  EXPECT_EQ(mac_of("SEP00112233AABB"), 0x00112233aabbu);
}

TEST(DeviceName, AtTheFrontIsAsItIsSpelt) {
  EXPECT_EQ(device_at_front("sepAAbbCC334455.cnf.xml"), "sepAAbbCC334455");
  EXPECT_EQ(device_at_front("SEP0011223344556"), "SEP001122334455");
  for (const char* none :
       {"", "SEP", "SEP00112233445", "SEP00112233445x", "001122334455", "xSEP001122334455"})
    EXPECT_EQ(device_at_front(none), "") << none;
}

TEST(DeviceName, IsBehindTheModelInWhatAPhoneCallsItself) {
  EXPECT_EQ(device_called("CP-8861-SEP001122334455"), "SEP001122334455");
  EXPECT_EQ(device_called("sep001122334455"), "SEP001122334455");
  EXPECT_EQ(model_called("CP-8861-SEP001122334455"), "8861");
  EXPECT_EQ(model_called("DX650-SEP001122334455"), "DX650");
  for (const char* none : {"SEP001122334455", "", "anchorctl", "a name without a device"})
    EXPECT_EQ(model_called(none), "") << none;
  EXPECT_FALSE(device_called("anchorctl"));
  EXPECT_FALSE(device_called("SEP001122334455 "));
  EXPECT_EQ(device_key("CP-8861-sep00112233aabb"), "SEP00112233AABB");
  EXPECT_EQ(device_key("anchorctl"), "anchorctl");
  EXPECT_EQ(bare_model("CP-8861"), "8861");
  EXPECT_EQ(bare_model("8861"), "8861");
}

}  // namespace
}  // namespace anchord::phone

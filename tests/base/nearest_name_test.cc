#include "anchord/base/nearest_name.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace anchord {
namespace {

constexpr std::array<std::string_view, 7> kNames{
    "max-connections", "max-transfers", "tls-min", "tls-ciphers", "tvs-port", "tftp-port", "log-level"};

TEST(NearestName, IsTheOneThatTheFewestStepsLeadTo) {
  EXPECT_EQ(nearest_name("max-conections", kNames), "max-connections");    // one is missing
  EXPECT_EQ(nearest_name("maxx-connections", kNames), "max-connections");  // one too many
  EXPECT_EQ(nearest_name("max-connectiens", kNames), "max-connections");   // another one
  EXPECT_EQ(nearest_name("lgo-level", kNames), "log-level");               // two are swapped
  EXPECT_EQ(nearest_name("tfpt-port", kNames), "tftp-port");               // not tvs-port, which is two away
  EXPECT_EQ(nearest_name("tvs-prot", kNames), "tvs-port");
  EXPECT_EQ(nearest_name("tls-min", kNames), "tls-min");
}

TEST(NearestName, CaseAndUnderscoresAreOfNoWeight) {
  EXPECT_EQ(nearest_name("LogLevel", kNames), "log-level");
  EXPECT_EQ(nearest_name("TLS_CIPHERS", kNames), "tls-ciphers");
}

TEST(NearestName, IsTheOnlyOneThatBeginsSo) {
  EXPECT_EQ(nearest_name("max-conn", kNames), "max-connections");
  EXPECT_EQ(nearest_name("max", kNames), "");  // two do
  EXPECT_EQ(nearest_name("lo", kNames), "");   // of two characters
}

TEST(NearestName, IsNoneWhereAThirdWouldHaveToChange) {
  EXPECT_EQ(nearest_name("frobnicate", kNames), "");
  EXPECT_EQ(nearest_name("", kNames), "");
  EXPECT_EQ(nearest_name("x", kNames), "");
  EXPECT_EQ(nearest_name("tls-xxx", kNames), "");  // three of seven
  EXPECT_EQ(nearest_name("tls-mxx", kNames), "tls-min");
  EXPECT_EQ(nearest_name("tls-min", {}), "");
}

TEST(NearestName, HostileOnesAreNotCompared) {
  const std::string longest = "max-connections" + std::string(kLongestMisspelling - 15, 's');
  constexpr std::array<std::string_view, 1> kShort{"s"};
  EXPECT_EQ(nearest_name(longest, kShort), "");
  const std::string known(kLongestMisspelling + 1, 'a');
  const std::array<std::string_view, 1> only{known};
  EXPECT_EQ(nearest_name(known.substr(1), only), known);  // one is missing
  EXPECT_EQ(nearest_name(known, only), "");
}

}  // namespace
}  // namespace anchord

#include "anchord/control/settings.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "anchord/base/ascii.h"

namespace anchord::control {
namespace {

TEST(Settings, EachRowIsWhole) {
  std::set<std::string_view> names;
  std::vector<std::string_view> sections;
  for (const Setting& setting : settings()) {
    SCOPED_TRACE(setting.name);
    EXPECT_TRUE(names.insert(setting.name).second);
    EXPECT_TRUE(std::ranges::all_of(setting.name, [](char c) { return is_letter(c) || c == '-'; }));
    EXPECT_FALSE(setting.section.empty());
    EXPECT_FALSE(setting.help.empty());
    EXPECT_FALSE(setting.value.accepts.empty());
    EXPECT_EQ(setting.value.placeholder.empty(), setting.value.type == SettingType::flag);
    EXPECT_EQ(setting.value.preset.empty(), !setting.without.empty());
    EXPECT_EQ(setting.value.preset.empty(), !setting.example.empty());
    EXPECT_EQ(find_setting(setting.name), &setting);
    if (sections.empty() || sections.back() != setting.section) sections.push_back(setting.section);
  }
  EXPECT_GT(names.size(), 30u);
  EXPECT_EQ(std::set(sections.begin(), sections.end()).size(), sections.size());  // none is torn apart
  EXPECT_EQ(find_setting("no-pin"), find_setting("pin"));
  EXPECT_EQ(find_setting(""), nullptr);
  EXPECT_EQ(find_setting("frobnicate"), nullptr);
}

TEST(Settings, NoneIsCalledLikeWhatStandsOnTheCommandLineOnly) {
  for (const CommandFlag& flag : command_flags()) EXPECT_EQ(find_setting(flag.name), nullptr) << flag.name;
}

TEST(Settings, EachDefaultIsTakenAndIsTheOneOfOptions) {
  for (const Setting& setting : settings()) {
    if (setting.value.preset.empty()) continue;
    Options options;
    const Status good = setting.read(setting.name, {setting.value.preset}, options);
    EXPECT_TRUE(good) << setting.name << ": " << good.error().text;
  }
  Options options;
  ASSERT_TRUE(find_setting("idle-timeout")->read("idle-timeout", {"70000"}, options));
  EXPECT_EQ(options.shard.stream.idle_timeout, 70'000);
  EXPECT_EQ(find_setting("idle-timeout")->value.preset, std::to_string(Options().shard.stream.idle_timeout));
}

TEST(Settings, ANumberIsTakenWithinItsRangeOnly) {
  for (const Setting& setting : settings()) {
    if (setting.value.type != SettingType::number) continue;
    SCOPED_TRACE(setting.name);
    const std::string& range = setting.value.accepts;
    const auto at = range.find(" to ");
    const std::string most = range.substr(at + 4);
    const std::string least =
        range.substr(range.find_last_of(' ', at - 1) + 1, at - range.find_last_of(' ', at - 1) - 1);
    Options options;
    EXPECT_TRUE(setting.read(setting.name, {least}, options));
    EXPECT_TRUE(setting.read(setting.name, {most}, options));
    EXPECT_FALSE(setting.read(setting.name, {most + "0"}, options));
    for (const char* bad : {"", "-1", "1.5", "x", " 1", "99999999999999999999"})
      EXPECT_FALSE(setting.read(setting.name, {bad}, options)) << bad;
    EXPECT_FALSE(setting.read(setting.name, {least, least}, options));
    EXPECT_FALSE(setting.read(setting.name, {}, options));
    EXPECT_FALSE(setting.value.unit.empty());
  }
}

TEST(Settings, TheOppositeOfAFlagTurnsItRound) {
  Options options;
  const Setting& pin = *find_setting("pin");
  ASSERT_TRUE(pin.read("no-pin", {"true"}, options));
  EXPECT_FALSE(options.pin);
  ASSERT_TRUE(pin.read("no-pin", {"false"}, options));
  EXPECT_TRUE(options.pin);
  ASSERT_TRUE(pin.read("pin", {"false"}, options));
  EXPECT_FALSE(options.pin);
  EXPECT_EQ(pin.read("pin", {"maybe"}, options).error().text, "'maybe' is neither true nor false");
  EXPECT_EQ(pin.read("no-pin", {"maybe"}, options).error().text, "'maybe' is neither true nor false");
  EXPECT_FALSE(options.pin);
}

TEST(Settings, WhatIsRefusedChangesNothing) {
  Options options;
  EXPECT_FALSE(find_setting("listen")->read("listen", {"127.0.0.1", "localhost"}, options));
  EXPECT_TRUE(options.listen.empty());
  EXPECT_FALSE(find_setting("tls-min")->read("tls-min", {"1.4"}, options));
  EXPECT_EQ(options.tls_min, Options().tls_min);
  EXPECT_FALSE(find_setting("ring-entries")->read("ring-entries", {"100"}, options));
  EXPECT_EQ(options.ring_entries, Options().ring_entries);
}

TEST(Settings, AnEmptyListIsRefused) {
  Options options;
  for (const char* name : {"listen", "allow"})
    EXPECT_EQ(find_setting(name)->read(name, {}, options).error().text,
              "the list is empty: give one value at least, or leave the setting out");
}

TEST(Settings, WordsAreTheOnesThatAreTaken) {
  for (const char* name : {"tls-min", "log-level", "log-format"}) {
    const Setting& setting = *find_setting(name);
    std::string words = setting.value.accepts;
    for (std::size_t at; (at = words.find(" or ")) != std::string::npos;) words.replace(at, 4, ", ");
    Options options;
    for (std::size_t at = 0; at < words.size();) {
      const std::string word = words.substr(at, words.find(", ", at) - at);
      EXPECT_TRUE(setting.read(name, {word}, options)) << name << " " << word;
      at += word.size() + 2;
    }
    EXPECT_FALSE(setting.read(name, {"other"}, options));
  }
}

TEST(Settings, AnUnknownNameSaysTheNearest) {
  EXPECT_EQ(unknown_setting("max-conections"),
            "there is no setting 'max-conections': did you mean 'max-connections'?");
  EXPECT_EQ(unknown_setting("tls_min"), "there is no setting 'tls_min': did you mean 'tls-min'?");
  EXPECT_EQ(unknown_setting("nopin"), "there is no setting 'nopin': did you mean 'no-pin'?");
  EXPECT_EQ(unknown_setting("frobnicate"), "there is no setting 'frobnicate': see anchord --help");
  EXPECT_EQ(unknown_setting("explain"), "'explain' is for the command line only: take it out of the file");
  EXPECT_EQ(unknown_setting("config"), "'config' is for the command line only: take it out of the file");
  EXPECT_EQ(unknown_flag("--max-conections=5"),
            "there is no flag '--max-conections': did you mean --max-connections?");
  EXPECT_EQ(unknown_flag("--exampel-config"),
            "there is no flag '--exampel-config': did you mean --example-config?");
  EXPECT_EQ(unknown_flag("-tls-min"), "there is no flag '-tls-min': did you mean --tls-min?");
  EXPECT_EQ(unknown_flag("--frobnicate"), "there is no flag '--frobnicate'");
  EXPECT_EQ(unknown_flag("---"), "there is no flag '---'");
}

TEST(Settings, AFormerNameSaysThePresentOne) {
  unsigned former = 0;
  for (const Setting& setting : settings()) {
    if (setting.former_name.empty()) continue;
    ++former;
    const std::string name(setting.former_name);
    const std::string present(setting.name);
    EXPECT_EQ(find_setting(name), nullptr);
    EXPECT_EQ(unknown_setting(name),
              "there is no setting '" + name + "': it is called '" + present + "' now");
    EXPECT_EQ(unknown_flag("--" + name + "=1"),
              "there is no flag '--" + name + "': it is called --" + present + " now");
  }
  EXPECT_GT(former, 0u);
}

TEST(Settings, AnUnknownNameIsCutToLength) {
  const std::string name(100'000, 'x');
  EXPECT_LT(unknown_setting(name).size(), 200u);
  EXPECT_LT(unknown_flag("--" + name).size(), 200u);
}

TEST(Settings, ATomlValueIsInQuotesUnlessItIsANumberOrAFlag) {
  EXPECT_EQ(toml_value(*find_setting("tls-min"), "1.2"), R"("1.2")");
  EXPECT_EQ(toml_value(*find_setting("shards"), "auto"), R"("auto")");
  EXPECT_EQ(toml_value(*find_setting("shards"), "3"), "3");
  EXPECT_EQ(toml_value(*find_setting("tvs-port"), "2445"), "2445");
  EXPECT_EQ(toml_value(*find_setting("pin"), "true"), "true");
  EXPECT_EQ(toml_value(*find_setting("user"), "1000"), R"("1000")");
}

TEST(Settings, TheExampleHasEachAndIsAComment) {
  const std::string example = example_config();
  for (const Setting& setting : settings()) {
    const std::string_view before = setting.value.preset.empty() ? "\n# " : "\n#";
    EXPECT_NE(example.find(std::string(before) + std::string(setting.name) + " = "), std::string::npos)
        << setting.name;
  }
  for (std::size_t at = 0; at < example.size();) {
    const std::size_t end = example.find('\n', at);
    ASSERT_NE(end, std::string::npos);
    EXPECT_TRUE(end == at || example[at] == '#') << example.substr(at, end - at);
    at = end + 1;
  }
  EXPECT_EQ(example.find('`'), std::string::npos);  // no Markdown is left
  EXPECT_EQ(example.find("]("), std::string::npos);
}

}  // namespace
}  // namespace anchord::control

// What the rows of settings.cc are made of: a kind of value each, with its reader.
//
// `member` leads to the member of Options that holds the value: [](auto& o) -> auto& { return o.user; }
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "anchord/base/ascii.h"
#include "anchord/base/parse_number.h"
#include "anchord/control/settings.h"

namespace anchord::control {

template <class Member>
using MemberType = std::remove_cvref_t<std::invoke_result_t<Member, Options&>>;

template <class Member>
MemberType<Member> preset(Member member) {
  Options options;
  return member(options);
}

// One value, and no more. `parse` makes a member's value of its text.
template <class Parse, class Member>
auto reads_one(Parse parse, Member member) {
  return [parse, member](const std::vector<std::string>& given, Options& into) -> Status {
    if (given.size() != 1) return fail(fmt::format("{} values are given: give one", given.size()));
    auto value = parse(given.front());
    if (!value) return std::unexpected(std::move(value.error()));
    member(into) = std::move(*value);
    return {};
  };
}

template <class Member>
SettingValue number(std::string_view placeholder, std::string_view unit, MemberType<Member> least,
                    MemberType<Member> most, Member member) {
  auto parse = [=](const std::string& text) {
    return parse_number(text, least, most, fmt::format("a number of {}", unit));
  };
  return {.type = SettingType::number,
          .placeholder = std::string(placeholder),
          .unit = unit,
          .accepts = fmt::format("{} to {}", least, most),
          .read = reads_one(parse, member),
          .preset = fmt::format("{}", preset(member))};
}

template <class Member>
SettingValue power_of_two(std::string_view unit, MemberType<Member> least, MemberType<Member> most,
                          Member member) {
  SettingValue out = number("N", unit, least, most, member);
  auto parse = [=](const std::string& text) -> Result<MemberType<Member>> {
    auto number = parse_number(text, least, most, "a number");
    if (number && std::has_single_bit(*number)) return number;
    return fail(fmt::format("'{}' is not a power of two from {} to {}", text, least, most));
  };
  out.accepts = fmt::format("a power of two from {} to {}", least, most);
  out.read = reads_one(parse, member);
  return out;
}

// `accepts`: what the text is.
template <class Member>
SettingValue text(std::string_view placeholder, std::string_view accepts, Member member) {
  auto parse = [](const std::string& text) -> Result<std::string> { return text; };
  return {.placeholder = std::string(placeholder),
          .accepts = std::string(accepts),
          .read = reads_one(parse, member),
          .preset = std::string(preset(member))};
}

// One of some words. `parse` takes each of them and no other text.
template <class Parse, class Show, class Member>
SettingValue one_of(std::string_view placeholder, const std::vector<std::string_view>& words, Parse parse,
                    Show show, Member member) {
  return {.type = SettingType::choice,
          .placeholder = std::string(placeholder),
          .accepts = choice_of(words),
          .read = reads_one(parse, member),
          .preset = std::string(show(preset(member)))};
}

// One text or several; without the setting Options have an empty list. `accepts`: what each of them is.
template <class Parse, class Member>
SettingValue texts(std::string_view placeholder, std::string_view accepts, Parse parse, Member member) {
  auto read = [parse, member](const std::vector<std::string>& given, Options& into) -> Status {
    if (given.empty()) return fail("the list is empty: give one value at least, or leave the setting out");
    MemberType<Member> values;
    for (const std::string& text : given) {
      auto value = parse(text);
      if (!value) return std::unexpected(std::move(value.error()));
      values.push_back(std::move(*value));
    }
    member(into) = std::move(values);
    return {};
  };
  return {.type = SettingType::texts,
          .placeholder = std::string(placeholder),
          .accepts = std::string(accepts),
          .read = read,
          .preset = {}};
}

}  // namespace anchord::control

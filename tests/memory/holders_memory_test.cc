// What the provisioner keeps, where one allocation after the other fails: it is as before, or as it was to
// become.
#include <gtest/gtest.h>

#include <functional>
#include <new>

#include "../failing_new.h"
#include "../trust/vectors.h"
#include "provisioning/copies.h"
#include "provisioning/file_problems.h"
#include "provisioning/removals.h"

namespace anchord::control {
namespace {

// Calls `step` with each number from 0 on, until it says that nothing failed any more.
void with_each(const std::function<bool(std::int64_t n)>& step) {
  std::int64_t n = 0;
  while (step(n)) ++n;
  EXPECT_GT(n, 0);
}

bool fails(std::int64_t n, const std::function<void()>& what) {
  FailHere failing(n);
  try {
    what();
  } catch (const std::bad_alloc&) {
    return true;
  }
  return false;
}

trust::ConfigTraits with(std::vector<std::uint64_t> values, std::string packed = "") {
  return {.has_secrets = true, .packed = std::move(packed), .values = std::move(values)};
}

const std::string kOne = "SEP001122334455.cnf.xml";
const std::string kTwo = "SEP001122334466.cnf.xml";
const std::string kLong = "a/name/that/is/longer/than/what/a/string/holds/by/itself";

TEST(CopiesWithoutMemory, WhatWasSaidBeforeHolds) {
  for (const std::string& name : {kOne, kTwo}) {
    with_each([&](std::int64_t n) {
      Copies copies;
      copies.put_encrypted(kOne, with({1, 2}));
      copies.put_other("of one", with({2}));
      copies.put_other("of two", with({3}));
      copies.put_other("of nobody", with({4}));
      auto traits = with({3, 5, 6, 7});
      const bool failed = fails(n, [&] { copies.put_encrypted(name, std::move(traits)); });
      EXPECT_EQ(copies.suspects().size(), 3u);
      EXPECT_EQ(copies.problem("of one", {}).empty(), !failed && name == kOne) << n;
      EXPECT_EQ(copies.problem("of two", {}).empty(), failed) << n;
      EXPECT_TRUE(copies.problem("of nobody", {}).empty()) << n;
      copies.forget(kOne);
      copies.forget(kTwo);
      copies.put_other("packed", with({}, "xz"));
      for (const std::string& suspect : copies.suspects())
        EXPECT_TRUE(copies.problem(suspect, {}).empty()) << suspect << n;
      return failed;
    });
  }
}

TEST(CopiesWithoutMemory, ASuspectIsOneOrNone) {
  with_each([&](std::int64_t n) {
    Copies copies;
    copies.put_encrypted(kOne, with({1}));
    auto traits = with({1});
    const bool failed = fails(n, [&] { copies.put_other(kLong, std::move(traits)); });
    EXPECT_EQ(copies.suspects().size(), failed ? 0u : 1u);
    for (const std::string& name : copies.suspects()) EXPECT_FALSE(copies.problem(name, {}).empty());
    // What was encrypted becomes another's.
    traits = with({1});
    const bool again = fails(n, [&] { copies.put_other(kOne, std::move(traits)); });
    EXPECT_EQ(copies.suspects().contains(kOne), !again);
    return failed || again;
  });
}

TEST(FileProblemsWithoutMemory, WhatWasSaidBeforeHolds) {
  const std::string file = "provisioning/" + kLong;
  const std::string reason = "is broken in a way that takes long to say, and longer";
  for (const std::string& known : {file, std::string("provisioning/other")}) {
    with_each([&](std::int64_t n) {
      FileProblems problems;
      problems.set(known, "is broken", protocol::Served::nothing);
      problems.warn(known, "is odd");
      static_cast<void>(problems.news().take());
      problems.take_notice();
      std::string said = reason;
      bool failed = fails(n, [&] { problems.set(file, std::move(said), protocol::Served::last_good); });
      EXPECT_EQ(problems.has_changed(), !failed);
      EXPECT_EQ(problems.problems().contains(file), !failed || known == file);
      for (const auto& [name, problem] : problems.problems()) EXPECT_FALSE(problem.reason.empty());
      failed = fails(n, [&] { problems.warn(file, reason); }) || failed;
      for (const auto& [name, warning] : problems.warnings()) EXPECT_FALSE(warning.reason.empty());
      for (const FileNews::Line& line : problems.news().take())
        EXPECT_TRUE(line.text.contains(kLong)) << line.text;
      const bool stays = fails(n, [&] { problems.clear(known); });
      EXPECT_EQ(problems.has(known), stays);
      return failed || stays;
    });
  }
}

TEST(RemovalsWithoutMemory, WhatWaitedWaitsStill) {
  for (bool confirmed : {false, true}) {
    with_each([&](std::int64_t n) {
      Removals removals(confirmed ? 60'000 : 0);
      for (int i = 0; i < 30; ++i) removals.missing(kLong + std::to_string(i), 1);
      if (confirmed) removals.confirm();
      std::set<std::string> due;
      const bool failed = fails(n, [&] { due = removals.due(40, 2); });
      EXPECT_EQ(due.size(), failed ? 0u : 30u);
      EXPECT_EQ(removals.waiting().size(), failed ? 30u : 0u);
      if (failed) {
        EXPECT_EQ(removals.due(40, 3).size(), 30u) << n;
      }
      return failed;
    });
  }
}

// What was not looked into is not said to hold nothing.
TEST(TraitsWithoutMemory, AreAllOrNone) {
  for (const char* file : {"copies/phone.cnf.xml", "copies/phone.tar.gz", "copies/phone.zip"}) {
    const Buffer content = trust::vector_file(file);
    const trust::ConfigTraits whole = trust::config_traits(content);
    EXPECT_FALSE(whole.values.empty()) << file;
    with_each([&](std::int64_t n) {
      trust::ConfigTraits traits;
      const bool failed = fails(n, [&] { traits = trust::config_traits(content); });
      if (!failed) {
        EXPECT_EQ(traits, whole) << file << n;
      }
      return failed;
    });
  }
}

}  // namespace
}  // namespace anchord::control

#include "anchord/base/error.h"

#include <gtest/gtest.h>

#include <memory>

namespace anchord {
namespace {

Status done(bool well) {
  if (!well) return fail("it is full");
  return {};
}

Result<std::unique_ptr<int>> made(int n) {
  if (n < 0) return fail("it is negative");
  return std::make_unique<int>(n);
}

Result<int> sum(int a, int b, bool well) {
  ANCHORD_TRY(done(well));
  ANCHORD_TRY_ASSIGN(std::unique_ptr<int> first, made(a));
  std::unique_ptr<int> second;
  ANCHORD_TRY_ASSIGN(second, made(b));
  return *first + *second;
}

TEST(Error, ReturnsTheFirstAndElseGivesTheValues) {
  EXPECT_EQ(sum(1, 2, true), 3);
  EXPECT_EQ(sum(1, 2, false).error().text, "it is full");
  EXPECT_EQ(sum(-1, 2, true).error().text, "it is negative");
  EXPECT_EQ(sum(1, -2, true).error().text, "it is negative");
}

TEST(Error, SaysWhatWasBeingDone) {
  EXPECT_EQ(fail("no such file").error().text, "no such file");
  EXPECT_EQ(Error{"no such file"}.within("reading x").text, "reading x: no such file");
}

}  // namespace
}  // namespace anchord

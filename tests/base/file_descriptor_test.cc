#include "anchord/base/file_descriptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <utility>

namespace anchord {
namespace {

bool is_open(int fd) {
  return fcntl(fd, F_GETFD) >= 0;
}

TEST(FileDescriptor, ClosesOnceAndMoves) {
  const int raw = dup(0);
  {
    FileDescriptor one(raw);
    FileDescriptor two = std::move(one);
    EXPECT_FALSE(one);
    EXPECT_EQ(two.get(), raw);
    FileDescriptor& same = two;
    two = std::move(same);
    EXPECT_TRUE(is_open(raw));
  }
  EXPECT_FALSE(is_open(raw));
}

TEST(FileDescriptor, ClosesTheOneBefore) {
  const int before = dup(0);
  const int after = dup(0);
  FileDescriptor owner(before);
  owner = FileDescriptor(after);
  EXPECT_FALSE(is_open(before));
  EXPECT_EQ(owner.get(), after);
  owner.reset();
  EXPECT_FALSE(owner);
  EXPECT_FALSE(is_open(after));
}

TEST(FileDescriptor, LetsGoOfWhatItIsAskedFor) {
  FileDescriptor owner(dup(0));
  const int raw = owner.release();
  EXPECT_FALSE(owner);
  EXPECT_TRUE(is_open(raw));
  ::close(raw);
}

}  // namespace
}  // namespace anchord

#include "anchord/protocol/socket_path.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>

namespace anchord::protocol {
namespace {

TEST(SocketPath, IsInTheStateDirectoryAndFitsASocket) {
  const std::filesystem::path path = socket_path("/var/lib/anchord");
  EXPECT_EQ(path, "/var/lib/anchord/control.sock");
  auto address = socket_address(path);
  ASSERT_TRUE(address) << address.error().text;
  EXPECT_EQ(address->sun_family, AF_UNIX);
  EXPECT_STREQ(address->sun_path, path.c_str());
}

TEST(SocketPath, OneThatIsTooLongIsNamed) {
  const std::size_t most = sizeof(sockaddr_un::sun_path) - 1;
  EXPECT_TRUE(socket_address(std::string(most, 'a')));
  auto address = socket_address(std::string(most + 1, 'a'));
  ASSERT_FALSE(address);
  EXPECT_EQ(address.error().text,
            "the path '" + std::string(most + 1, 'a') +
                "' is longer than a socket's may be (107 bytes): use a shorter --state");
}

}  // namespace
}  // namespace anchord::protocol

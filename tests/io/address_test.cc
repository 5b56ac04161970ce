#include "anchord/io/address.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/udp.h>

#include <cstring>
#include <unordered_set>

#include "anchord/io/ring.h"

namespace anchord::io {
namespace {

Host host(std::string_view text) {
  return parse_host(text).value();
}

TEST(Host, IsOneThingInBothFormsOfIpv4) {
  EXPECT_EQ(host("192.0.2.1"), host("::ffff:192.0.2.1"));
  EXPECT_TRUE(host("192.0.2.1").is_v4());
  EXPECT_FALSE(host("::1").is_v4());
  EXPECT_FALSE(host("::").is_v4());
  EXPECT_EQ(host("::ffff:192.0.2.1").text(), "192.0.2.1");
  EXPECT_EQ(host("2001:DB8:0:0::1").text(), "2001:db8::1");
}

TEST(Host, KnowsTheWildcards) {
  EXPECT_TRUE(host("0.0.0.0").is_any());
  EXPECT_TRUE(host("::").is_any());
  EXPECT_TRUE(Host{}.is_any());
  EXPECT_FALSE(host("0.0.0.1").is_any());
  EXPECT_FALSE(host("::1").is_any());
  EXPECT_FALSE(host("::ffff:0:0:0").is_any());
}

TEST(Host, RefusesWhatIsNoAddress) {
  for (std::string_view text : {"", "localhost", "192.0.2", "192.0.2.256", "192.0.2.1 ", ":::", "1::2::3",
                                "192.0.2.1:69", "[::1]", "fe80::1%eth0"}) {
    auto parsed = parse_host(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_NE(parsed.error().text.find(std::string(text)), std::string::npos);
    EXPECT_EQ(parsed.error().text.find('\n'), std::string::npos);
  }
  using std::string_view_literals::operator""sv;
  EXPECT_FALSE(parse_host("192.0.2.1\0"sv));
  EXPECT_FALSE(parse_host("192.0.2.1\0.5"sv));
}

TEST(Address, ParsesEachForm) {
  const auto expect = [](std::string_view text, std::string_view as) {
    auto parsed = parse_address(text, 69);
    ASSERT_TRUE(parsed) << parsed.error().text;
    EXPECT_EQ(parsed->text(), as);
  };
  expect("192.0.2.1", "192.0.2.1:69");
  expect("192.0.2.1:0", "192.0.2.1:0");
  expect("192.0.2.1:65535", "192.0.2.1:65535");
  expect("::1", "[::1]:69");
  expect("[::1]", "[::1]:69");
  expect("[2001:db8::1]:2445", "[2001:db8::1]:2445");
  expect("[192.0.2.1]:5", "192.0.2.1:5");
}

TEST(Address, RefusesBadPortsAndBrackets) {
  for (std::string_view text :
       {"192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:-1", "192.0.2.1:+1", "192.0.2.1: 1", "192.0.2.1:1x",
        "[::1]:", "[::1]1", "[::1", "[", "[]", "[]:1", "", ":69", "192.0.2.1:99999999999999999999"}) {
    EXPECT_FALSE(parse_address(text, 69)) << text;
  }
}

TEST(Address, GoesToTheKernelAndBack) {
  sockaddr_storage storage;
  const Address v4{.host = host("192.0.2.7"), .port = 2445};
  EXPECT_EQ(to_kernel(v4, true, storage), sizeof(sockaddr_in));
  EXPECT_EQ(storage.ss_family, AF_INET);
  EXPECT_EQ(from_kernel(storage), v4);
  EXPECT_EQ(to_kernel(v4, false, storage), sizeof(sockaddr_in6));
  EXPECT_EQ(storage.ss_family, AF_INET6);
  EXPECT_EQ(from_kernel(storage), v4);
  const Address v6{.host = host("fe80::1"), .port = 69, .scope = 3};
  to_kernel(v6, false, storage);
  EXPECT_EQ(from_kernel(storage), v6);
  EXPECT_EQ(v6.text(), "[fe80::1%3]:69");
  storage = {};
  storage.ss_family = AF_UNIX;
  EXPECT_EQ(from_kernel(storage), Address{});
}

TEST(Address, HashesDifferByEachPart) {
  std::unordered_set<std::size_t> seen;
  for (unsigned last = 0; last < 200; ++last) {
    for (std::uint16_t port = 1; port <= 50; ++port) {
      Address address{.host = host("192.0.2.0"), .port = port};
      address.host.bytes[15] = static_cast<std::uint8_t>(last);
      seen.insert(std::hash<Address>{}(address));
    }
  }
  EXPECT_EQ(seen.size(), 200u * 50u);
}

TEST(Network, ContainsByPrefix) {
  const auto contains = [](std::string_view network, std::string_view address) {
    return parse_network(network).value().contains(host(address));
  };
  EXPECT_TRUE(contains("192.0.2.0/24", "192.0.2.255"));
  EXPECT_FALSE(contains("192.0.2.0/24", "192.0.3.0"));
  EXPECT_TRUE(contains("192.0.2.129/25", "192.0.2.200"));
  EXPECT_FALSE(contains("192.0.2.129/25", "192.0.2.127"));
  EXPECT_TRUE(contains("192.0.2.1", "192.0.2.1"));
  EXPECT_FALSE(contains("192.0.2.1/32", "192.0.2.0"));
  EXPECT_TRUE(contains("0.0.0.0/0", "255.255.255.255"));
  EXPECT_FALSE(contains("0.0.0.0/0", "::1"));
  EXPECT_TRUE(contains("::/0", "192.0.2.1"));
  EXPECT_TRUE(contains("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
  EXPECT_TRUE(contains("::ffff:192.0.2.0/120", "192.0.2.9"));
}

TEST(Network, DropsTheHostPart) {
  EXPECT_EQ(parse_network("192.0.2.129/25").value().base, host("192.0.2.128"));
  EXPECT_EQ(parse_network("::1/0").value().base, host("::"));
}

TEST(Network, RefusesBadPrefixes) {
  for (std::string_view text :
       {"192.0.2.0/33", "192.0.2.0/", "192.0.2.0/-1", "::/129", "/24", "192.0.2.0/24/8"}) {
    EXPECT_FALSE(parse_network(text)) << text;
  }
}

TEST(OutDatagram, HoldsPartsAndNoControlDataWithoutASource) {
  OutDatagram out;
  out.start({.host = host("192.0.2.1"), .port = 69}, host("0.0.0.0"), true);
  Buffer copied = {'a', 'b', 'c'};
  out.copy(copied);
  copied[0] = 'x';
  out.refer({});
  out.refer(as_bytes("de"));
  const msghdr& message = *out.message();
  ASSERT_EQ(message.msg_iovlen, 2u);
  EXPECT_EQ(std::memcmp(message.msg_iov[0].iov_base, "abc", 3), 0);
  EXPECT_EQ(message.msg_iov[1].iov_len, 2u);
  EXPECT_EQ(message.msg_namelen, sizeof(sockaddr_in));
  EXPECT_EQ(message.msg_controllen, 0u);
}

TEST(OutDatagram, ForgetsWhatItHeld) {
  OutDatagram out;
  out.start({.host = host("2001:db8::1")}, host("2001:db8::2"), false);
  out.copy(Buffer(OutDatagram::kRoom));
  EXPECT_TRUE(out.room().empty());
  out.segment(8);
  out.start({.host = host("192.0.2.1")}, {}, true);
  EXPECT_EQ(out.message()->msg_iovlen, 0u);
  EXPECT_EQ(out.message()->msg_controllen, 0u);
  EXPECT_EQ(out.room().size(), OutDatagram::kRoom);
}

TEST(OutDatagram, NamesTheSourceInTheSocketsForm) {
  OutDatagram out;
  const Address to{.host = host("192.0.2.1"), .port = 69};
  out.start(to, host("192.0.2.9"), true);
  const cmsghdr* control = CMSG_FIRSTHDR(out.message());
  ASSERT_NE(control, nullptr);
  EXPECT_EQ(control->cmsg_level, IPPROTO_IP);
  EXPECT_EQ(control->cmsg_type, IP_PKTINFO);
  in_pktinfo v4;
  std::memcpy(&v4, CMSG_DATA(control), sizeof v4);
  EXPECT_EQ(ntohl(v4.ipi_spec_dst.s_addr), 0xc0000209u);

  out.start(to, host("192.0.2.9"), false);
  control = CMSG_FIRSTHDR(out.message());
  ASSERT_NE(control, nullptr);
  EXPECT_EQ(control->cmsg_level, IPPROTO_IPV6);
  EXPECT_EQ(control->cmsg_type, IPV6_PKTINFO);
  in6_pktinfo v6;
  std::memcpy(&v6, CMSG_DATA(control), sizeof v6);
  EXPECT_EQ(std::memcmp(&v6.ipi6_addr, host("192.0.2.9").bytes.data(), 16), 0);
}

TEST(OutDatagram, SaysTheSegmentsBesideTheSource) {
  for (bool v4 : {true, false}) {
    OutDatagram out;
    out.start({.host = host("192.0.2.1"), .port = 69}, host("192.0.2.9"), v4);
    out.segment(1432);
    auto* message = const_cast<msghdr*>(out.message());
    cmsghdr* source = CMSG_FIRSTHDR(message);
    ASSERT_NE(source, nullptr);
    cmsghdr* segment = CMSG_NXTHDR(message, source);
    ASSERT_NE(segment, nullptr);
    EXPECT_EQ(segment->cmsg_level, SOL_UDP);
    EXPECT_EQ(segment->cmsg_type, UDP_SEGMENT);
    EXPECT_EQ(segment->cmsg_len, CMSG_LEN(sizeof(std::uint16_t)));
    std::uint16_t size = 0;
    std::memcpy(&size, CMSG_DATA(segment), sizeof size);
    EXPECT_EQ(size, 1432);
    EXPECT_EQ(CMSG_NXTHDR(message, segment), nullptr);
  }
}

}  // namespace
}  // namespace anchord::io

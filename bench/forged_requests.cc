// Requests for the ITL by TFTP that nobody follows, from random addresses of 127.0.0.0/8,
// as who forges addresses sends them. What answers them comes to the socket that sent them, whose
// buffer is soon full. tools/measure-flood runs it. Loopback only.
//
//   forged-requests --port P --rate N --seconds S
//       Sends N requests a second, as far as the machine can, and prints how many it sent.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <random>
#include <string_view>
#include <thread>

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::string_view_literals;

constexpr std::string_view kRequest = "\0\1ITLFile.tlv\0octet\0"sv;
constexpr unsigned kBatch = 32;  // datagrams in one system call

// Datagrams to one address, each with a source address of its own.
class Batch {
 public:
  explicit Batch(std::uint16_t port) {
    to_.sin_family = AF_INET;
    to_.sin_port = htons(port);
    to_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (unsigned i = 0; i < kBatch; ++i) {
      msghdr& header = messages_[i].msg_hdr;
      header.msg_name = &to_;
      header.msg_namelen = sizeof(to_);
      header.msg_iov = &request_;
      header.msg_iovlen = 1;
      header.msg_control = controls_[i].data();
      header.msg_controllen = controls_[i].size();
    }
  }

  // How many were sent; at most `count`.
  unsigned send(int socket, unsigned count) {
    for (unsigned i = 0; i < count; ++i) set_source(messages_[i].msg_hdr);
    int sent = ::sendmmsg(socket, messages_.data(), count, 0);
    return sent < 0 ? 0 : static_cast<unsigned>(sent);
  }

 private:
  void set_source(msghdr& header) {
    in_pktinfo info{};
    info.ipi_spec_dst.s_addr = htonl(0x7f000000 | (random_() & 0x00ffffff));
    cmsghdr* control = CMSG_FIRSTHDR(&header);
    control->cmsg_level = IPPROTO_IP;
    control->cmsg_type = IP_PKTINFO;
    control->cmsg_len = CMSG_LEN(sizeof(info));
    std::memcpy(CMSG_DATA(control), &info, sizeof(info));
  }

  sockaddr_in to_{};
  iovec request_{const_cast<char*>(kRequest.data()), kRequest.size()};
  std::array<mmsghdr, kBatch> messages_{};
  struct alignas(cmsghdr) Control : std::array<char, CMSG_SPACE(sizeof(in_pktinfo))> {};
  std::array<Control, kBatch> controls_{};
  std::mt19937 random_{1};
};

}  // namespace

int main(int argc, char** argv) {
  std::uint16_t port = 0;
  unsigned rate = 0;
  double seconds = 1;
  CLI::App app("Requests by TFTP from addresses that nobody has");
  app.add_option("--port", port, "of the service, on 127.0.0.1")->required();
  app.add_option("--rate", rate, "requests a second")->required();
  app.add_option("--seconds", seconds, "for so long");
  CLI11_PARSE(app, argc, argv);

  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) {
    std::fprintf(stderr, "forged-requests: no socket: %s\n", std::strerror(errno));
    return 1;
  }
  Batch batch(port);
  unsigned long long sent = 0;
  const auto begun = Clock::now();
  for (double passed = 0; passed < seconds;
       passed = std::chrono::duration<double>(Clock::now() - begun).count()) {
    // What is behind is caught up with, so that the pace is kept over pauses.
    const auto due = static_cast<unsigned long long>(passed * rate);
    if (sent >= due) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
      continue;
    }
    sent += batch.send(socket, static_cast<unsigned>(std::min<unsigned long long>(kBatch, due - sent)));
  }
  ::close(socket);
  std::printf("%llu\n", sent);
}

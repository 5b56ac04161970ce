// What TFTP's packets cost when there is nothing behind them: the floors that the
// service is measured against. Loopback only.
//
//   udp-floor serve --size BYTES [--blksize B] [--windowsize W]
//       Answers whatever looks like a request or an acknowledgement with the packets
//       that a server would send next, from one socket, and keeps nothing: no look-up,
//       no transfers, no timers, no checks. Prints its port; anchorload is its client.
//       Never for anything but measuring: whoever asks gets an answer, to any address.
//
//   udp-floor sends --size BYTES [--blksize B] [--windowsize W] [--clients N] [--seconds S]
//       Sends a file of that size to N sockets again and again, a window at a time
//       (UDP_SEGMENT) and to one after the other, and prints the CPU time in
//       microseconds that one MB cost the sending thread within its sends. A second
//       thread takes what comes; a client gets a window when its last one was taken.
#include <netinet/udp.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <ctime>
#include <thread>
#include <vector>

#include "anchord/io/socket.h"
#include "anchord/io/uring.h"
#include "anchord/wire/tftp.h"

namespace {

using namespace anchord;

struct Settings {
  std::size_t size = 2048;
  std::uint16_t blksize = wire::kTftpDefaultBlockSize;
  std::uint16_t windowsize = 1;
  unsigned clients = 1;
  double seconds = 2;
};

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "udp-floor: %s\n", why.c_str());
  std::exit(1);
}

template <class T>
T must(Result<T> result) {
  if (!result) die(result.error().text);
  return std::move(*result);
}

FileDescriptor loopback_socket() {
  return must(io::bind_udp(must(io::parse_address("127.0.0.1:0", 0)), 4 << 20, false));
}

// The blocks of one file, headers made in advance.
class File {
 public:
  explicit File(const Settings& s)
      : block_size_(s.blksize), content_(s.size, 0x5a), headers_(s.size / s.blksize + 1) {
    for (std::size_t i = 0; i < headers_.size(); ++i) {
      Writer out{headers_[i]};
      wire::write_tftp_data_header(out, static_cast<std::uint16_t>(i + 1));
    }
  }
  std::size_t blocks() const { return headers_.size(); }
  Bytes header(std::size_t block) const { return headers_[block - 1]; }
  Bytes payload(std::size_t block) const {
    const std::size_t begin = (block - 1) * block_size_;
    return Bytes(content_).subspan(begin, std::min(block_size_, content_.size() - begin));
  }

 private:
  std::size_t block_size_;
  Buffer content_;
  std::vector<std::array<std::uint8_t, wire::kTftpDataHeaderSize>> headers_;
};

class Server {
 public:
  explicit Server(const Settings& s)
      : settings_(s),
        file_(s),
        waker_(must(io::Waker::create())),
        ring_(must(io::Uring::create({.udp_buffers = 2048, .waker = waker_}))),
        socket_(loopback_socket()) {
    Writer out{oack_};
    wire::write_tftp_oack(out, {.blksize = s.blksize, .windowsize = s.windowsize});
    oack_size_ = out.size();
  }

  [[noreturn]] void run() {
    std::printf("%u\n", io::local_address(socket_.get()).port);
    std::fflush(stdout);
    ring_->receive_datagrams(socket_.get(), kReceive);
    for (;;) {
      for (const io::Completion& completion : ring_->wait(kNever)) {
        if (completion.tag == kReceive) on_receive(completion);
      }
    }
  }

 private:
  static constexpr std::uint64_t kReceive = 1;
  static constexpr std::uint64_t kSend = 2;

  void on_receive(const io::Completion& completion) {
    if (completion.has_buffer) {
      const io::Datagram datagram = ring_->datagram(completion);
      if (datagram.valid && datagram.payload.size() >= 4) answer(datagram);
      ring_->recycle(io::Group::udp, completion.buffer);
    }
    if (!completion.more) ring_->receive_datagrams(socket_.get(), kReceive);
  }

  void answer(const io::Datagram& datagram) {
    constexpr std::uint8_t kRequest = 1;
    const Bytes packet = datagram.payload;
    const bool is_request = packet[1] == kRequest;
    const bool options = settings_.blksize != wire::kTftpDefaultBlockSize || settings_.windowsize != 1;
    const std::size_t next = is_request ? 1 : std::size_t{packet[2]} * 256 + packet[3] + 1;
    if (next > file_.blocks()) return;
    io::OutDatagram& out = ring_->new_datagram();
    out.start(datagram.from, datagram.to, true);
    if (is_request && options) {
      out.copy(Bytes(oack_).first(oack_size_));
    } else {
      const std::size_t end = std::min(next + settings_.windowsize, file_.blocks() + 1);
      for (std::size_t block = next; block < end; ++block) {
        out.refer(file_.header(block));
        out.refer(file_.payload(block));
      }
      const auto segment = static_cast<std::uint16_t>(settings_.blksize + wire::kTftpDataHeaderSize);
      if (end - next > 1) out.segment(segment);
    }
    ring_->send_datagram(socket_.get(), out, kSend);
  }

  const Settings& settings_;
  File file_;
  io::Waker waker_;
  std::unique_ptr<io::Uring> ring_;
  FileDescriptor socket_;
  std::array<std::uint8_t, wire::kMaxTftpRequest> oack_;
  std::size_t oack_size_ = 0;
};

double thread_cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Takes the windows of all clients in the order in which they are sent, and counts them:
// the sender waits for a client's last window, as a server does, and nothing is dropped.
class Sink {
 public:
  Sink(std::size_t blocks, const Settings& s) : blocks_(blocks), windowsize_(s.windowsize) {
    const timeval timeout{.tv_sec = 0, .tv_usec = 100'000};  // to look whether all is over
    for (unsigned i = 0; i < s.clients; ++i) {
      sockets_.push_back(loopback_socket());
      setsockopt(sockets_.back().get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    }
    thread_ = std::jthread([this](const std::stop_token& stop) {
      while (take_file(stop)) continue;
    });
  }
  std::vector<io::Address> addresses() const {
    std::vector<io::Address> out;
    for (const FileDescriptor& socket : sockets_) out.push_back(io::local_address(socket.get()));
    return out;
  }
  void wait_for(std::uint64_t windows) {
    for (std::uint64_t seen = taken_.load(); seen < windows; seen = taken_.load()) taken_.wait(seen);
  }

 private:
  // Whether to go on.
  bool take_file(const std::stop_token& stop) {
    std::array<std::uint8_t, 65536> buffer;
    for (std::size_t first = 1; first <= blocks_; first += windowsize_) {
      for (const FileDescriptor& socket : sockets_) {
        for (std::size_t left = std::min(windowsize_, blocks_ + 1 - first); left > 0;) {
          if (recv(socket.get(), buffer.data(), buffer.size(), 0) >= 0) --left;
          if (stop.stop_requested()) return false;
        }
        taken_.fetch_add(1);
        taken_.notify_one();
      }
    }
    return true;
  }

  const std::size_t blocks_;
  const std::size_t windowsize_;
  std::vector<FileDescriptor> sockets_;
  std::atomic<std::uint64_t> taken_ = 0;  // windows
  std::jthread thread_;
};

// One window as one message.
void send_window(int socket, const io::Address& to, const File& file, std::size_t first, std::size_t end,
                 std::uint16_t segment) {
  std::vector<iovec> parts;
  for (std::size_t block = first; block < end; ++block) {
    for (const Bytes part : {file.header(block), file.payload(block)}) {
      parts.push_back({const_cast<std::uint8_t*>(part.data()), part.size()});
    }
  }
  sockaddr_storage name{};
  alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof segment)> control{};
  msghdr message{.msg_name = &name,
                 .msg_namelen = io::to_kernel(to, true, name),
                 .msg_iov = parts.data(),
                 .msg_iovlen = parts.size()};
  if (end - first > 1) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_UDP;
    header->cmsg_type = UDP_SEGMENT;
    header->cmsg_len = CMSG_LEN(sizeof segment);
    std::copy_n(reinterpret_cast<const std::uint8_t*>(&segment), sizeof segment, CMSG_DATA(header));
  }
  if (sendmsg(socket, &message, 0) < 0) die("sendmsg failed");
}

void measure_sends(const Settings& s) {
  const File file(s);
  const FileDescriptor socket = loopback_socket();
  Sink sink(file.blocks(), s);
  const std::vector<io::Address> clients = sink.addresses();
  const auto segment = static_cast<std::uint16_t>(s.blksize + wire::kTftpDataHeaderSize);
  double cpu = 0;
  double megabytes = 0;
  std::uint64_t windows = 0;
  const Millis end_time = monotonic_now() + static_cast<Millis>(s.seconds * 1000);
  while (monotonic_now() < end_time) {
    for (std::size_t first = 1; first <= file.blocks(); first += s.windowsize) {
      const std::size_t end = std::min(first + s.windowsize, file.blocks() + 1);
      for (const io::Address& client : clients) {
        if (windows >= s.clients) sink.wait_for(windows - s.clients + 1);
        const double before = thread_cpu_seconds();
        send_window(socket.get(), client, file, first, end, segment);
        cpu += thread_cpu_seconds() - before;
        ++windows;
      }
    }
    megabytes += s.clients * static_cast<double>(s.size) / 1e6;
  }
  std::printf("%.1f\n", cpu * 1e6 / megabytes);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"What TFTP's packets cost without TFTP."};
  app.require_subcommand(1);
  Settings s;
  CLI::App& serve = *app.add_subcommand("serve");
  CLI::App& sends = *app.add_subcommand("sends");
  for (CLI::App* command : {&serve, &sends}) {
    command->add_option("--size", s.size)->check(CLI::Range(std::size_t{0}, std::size_t{64} << 20));
    command->add_option("--blksize", s.blksize)->check(CLI::Range(8, 1428));
    command->add_option("--windowsize", s.windowsize)->check(CLI::Range(1, 40));
  }
  sends.add_option("--clients", s.clients)->check(CLI::Range(1, 1024));
  sends.add_option("--seconds", s.seconds)->check(CLI::Range(0.1, 600.0));
  CLI11_PARSE(app, argc, argv);
  if (serve.parsed()) Server(s).run();
  measure_sends(s);
}

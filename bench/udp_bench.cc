// What sending rows of TFTP blocks over loopback costs the sender: one send for each
// datagram, all submitted at once, and one send that the kernel divides (UDP_SEGMENT).
// Only the sender's CPU time counts; on loopback the way into the receiver's socket is
// a part of it.
#include <benchmark/benchmark.h>
#include <sys/socket.h>

#include <array>
#include <memory>

#include "anchord/io/socket.h"
#include "anchord/io/uring.h"
#include "cpu_clock.h"
#include "samples.h"

namespace anchord::io {
namespace {

using bench::must;

constexpr std::size_t kHeader = 4;
constexpr std::uint64_t kFailed = 1;  // datagrams complete only when they fail

FileDescriptor loopback_socket() {
  return must(bind_udp(must(parse_address("127.0.0.1:0", 0)), 4 << 20, false));
}

class Sender {
 public:
  Sender(std::size_t count, std::size_t payload) : count_(count), payload_(payload) {}

  // One row; returns the CPU seconds that it took.
  double send(bool segmented) {
    const double spent = bench::timed([&] {
      segmented ? send_row() : send_each();
      ring_->submit();
    });
    failed_ += ring_->wait(0).size();
    return spent;
  }

  // Empties the receiver's socket. Whether all of the row was there.
  bool arrived() {
    std::array<std::uint8_t, 2048> room;
    std::size_t datagrams = 0;
    while (recv(receiver_.get(), room.data(), room.size(), MSG_DONTWAIT) ==
           static_cast<ssize_t>(kHeader + payload_.size()))
      ++datagrams;
    return datagrams == count_ && failed_ == 0;
  }

 private:
  void add_block(OutDatagram& out) {
    out.refer(header_);
    out.refer(payload_);
  }

  void send_each() {
    for (std::size_t i = 0; i < count_; ++i) {
      OutDatagram& out = ring_->new_datagram();
      out.start(to_, Host(), true);
      add_block(out);
      ring_->send_datagram(socket_.get(), out, kFailed);
    }
  }

  void send_row() {
    OutDatagram& out = ring_->new_datagram();
    out.start(to_, Host(), true);
    for (std::size_t i = 0; i < count_; ++i) add_block(out);
    out.segment(static_cast<std::uint16_t>(kHeader + payload_.size()));
    ring_->send_datagram(socket_.get(), out, kFailed);
  }

  std::size_t count_;
  std::array<std::uint8_t, kHeader> header_{0, 3, 0, 1};
  Buffer payload_;
  std::size_t failed_ = 0;
  Waker waker_ = must(Waker::create());
  std::unique_ptr<Uring> ring_ = must(Uring::create({.tcp_buffers = 2, .udp_buffers = 2, .waker = waker_}));
  FileDescriptor socket_ = loopback_socket();
  FileDescriptor receiver_ = loopback_socket();
  Address to_ = local_address(receiver_.get());
};

void send_rows(benchmark::State& state, bool segmented) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const auto payload = static_cast<std::size_t>(state.range(1));
  Sender sender(count, payload);
  for (auto _ : state) {
    state.SetIterationTime(sender.send(segmented));
    if (!sender.arrived()) {
      state.SkipWithError("not all datagrams arrived");
      break;
    }
  }
  state.SetBytesProcessed(state.iterations() * state.range(0) * state.range(1));
}

void send_each(benchmark::State& state) {
  send_rows(state, false);
}
void send_segmented(benchmark::State& state) {
  send_rows(state, true);
}

void common(benchmark::internal::Benchmark* b) {
  b->ArgNames({"datagrams", "payload"})->UseManualTime()->Unit(benchmark::kMicrosecond);
}
BENCHMARK(send_each)
    ->Apply(common)
    ->Args({1, 512})
    ->Args({1, 1428})
    ->Args({4, 1428})
    ->Args({16, 1428})
    ->Args({40, 1428});
BENCHMARK(send_segmented)->Apply(common)->Args({4, 1428})->Args({16, 1428})->Args({40, 1428});

}  // namespace
}  // namespace anchord::io

BENCHMARK_MAIN();

// A transfer under any acknowledgements and any times: it keeps to its window, sends
// what the file holds, and sends no more for one acknowledgement than it may.
#include <algorithm>

#include "anchord/base/reader.h"
#include "fuzz.h"
#include "tftp/tftp_transfer.h"

using namespace anchord;
using fuzz::require;
using service::NetasciiReader;
using service::TftpTransfer;
using Next = TftpTransfer::Next;

namespace {

constexpr unsigned kRetries = 5;
constexpr Millis kTimeout = 1000;

index::FileBody file_of(std::size_t size) {
  Buffer bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = i % 5 == 0 ? '\n' : static_cast<std::uint8_t>(i / 3);
  auto middle = bytes.begin() + static_cast<std::ptrdiff_t>(size / 3);
  return {.header = index::Blob(Buffer(bytes.begin(), middle)),
          .content = index::Blob(Buffer(middle, bytes.end()))};
}

// What is outstanding is a window of whole blocks, but for the file's last.
void check_window(const TftpTransfer& t) {
  if (t.oack_pending()) return;
  std::uint64_t blocks = t.last() + 1 - t.first();
  require(t.last() + 1 >= t.first() && blocks <= TftpTransfer::kMaxWindow, "a window has its limit");
  require(blocks <= 1 || blocks * (t.block_size() + 4u) <= TftpTransfer::kMaxWindowBytes,
          "a window has its limit in bytes");
  NetasciiReader text = t.text();
  Buffer room(t.block_size());
  for (std::uint64_t block = t.first(); block <= t.last(); ++block) {
    std::size_t size = 0;
    if (t.is_text()) {
      size = text.read(room);
    } else {
      for (Bytes part : t.octets(block)) size += part.size();
    }
    bool is_end = block == t.last() && t.at_last_block();
    require(is_end ? size < t.block_size() : size == t.block_size(), "only the last block is short");
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Reader in({data, size});
  const index::FileBody file = file_of(in.u16("size"));
  TftpTransfer::ReadOptions read_options{
      .text = in.u8("mode") % 2 == 1, .retry_timeout = kTimeout, .retries = kRetries};
  if (std::uint16_t asked = in.u16("blksize"); asked >= 8) read_options.options.blksize = asked;
  if (std::uint16_t asked = in.u16("windowsize"); asked > 0) read_options.options.windowsize = asked;
  if (std::uint8_t asked = in.u8("timeout"); asked > 0) read_options.options.timeout = asked;

  Millis now = 1'000'000;
  TftpTransfer t;
  t.start(file, read_options, now);
  unsigned sends = 1;  // since something was acknowledged
  while (in.left() > 0) {
    std::uint64_t before = t.first();
    bool proven = t.acknowledged();
    Next next = Next::wait;
    std::uint8_t what = in.u8("what");
    if (what < 128) {  // one within the window, or close to it
      next = t.on_ack(static_cast<std::uint16_t>(t.first() - 2 + what % 68), now);
    } else if (what < 160) {
      next = t.on_ack(in.u16("block"), now);
    } else if (what < 200) {
      now += what - 160;
      next = t.on_deadline(now);
    } else if (what < 240) {
      now = std::max(now, t.deadline());
      next = t.on_deadline(now);
    } else {
      t.on_send_error(now);
    }
    require(t.first() >= before && t.delivered() <= file.size(), "a transfer goes forward");
    if (next == Next::done || next == Next::give_up || next == Next::too_slow) {
      require((next == Next::done) == (t.first() == t.last() + 1 && t.at_last_block() && t.acknowledged()),
              "all is delivered when it is done");
      return 0;
    }
    check_window(t);
    require(t.deadline() > now - 1 && t.deadline() != kNever, "there is always a deadline");
    if (t.first() != before || t.acknowledged() != proven) sends = 0;
    sends += next == Next::wait ? 0 : 1;
    // The first, the duplicate's, those at deadlines, those of what never left.
    require(sends <= 2 + kRetries + TftpTransfer::kMaxSendErrors, "repetitions have an end");
  }
  return 0;
}

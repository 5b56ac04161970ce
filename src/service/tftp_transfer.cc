#include "tftp_transfer.h"

#include <algorithm>
#include <cassert>

#include "anchord/base/writer.h"

namespace anchord::service {

void TftpTransfer::start(Bytes content, const wire::TftpOptions& asked, Millis retry_timeout,
                         unsigned retries) {
  content_ = content;
  block_size_ = asked.blksize.value_or(wire::kTftpDefaultBlockSize);
  retry_timeout_ = asked.timeout ? std::min<Millis>(*asked.timeout * 1000u, kMaxRetryTimeout) : retry_timeout;
  patience_ = retry_timeout_;
  retries_ = retries;
  repeated_ = 0;
  acknowledged_ = false;

  // Only what we understand is agreed to; a windowsize is left out, which tells the
  // client that each block waits for its acknowledgement.
  wire::TftpOptions agreed{.blksize = asked.blksize, .timeout = asked.timeout};
  if (asked.timeout && *asked.timeout * 1000u > kMaxRetryTimeout) agreed.timeout.reset();
  if (asked.tsize) agreed.tsize = content.size();
  if (agreed == wire::TftpOptions{}) {
    block_ = 1;
    make_data();
  } else {
    block_ = 0;
    make_oack(agreed);
  }
}

TftpTransfer::Next TftpTransfer::on_ack(std::uint16_t block) {
  if (block != static_cast<std::uint16_t>(block_)) return Next::wait;
  acknowledged_ = true;
  if (at_last_block()) return Next::done;
  ++block_;
  repeated_ = 0;
  patience_ = retry_timeout_;
  make_data();
  return Next::send;
}

TftpTransfer::Next TftpTransfer::on_deadline() {
  // A forged request must not make us send more than one packet and a repetition.
  unsigned allowed = acknowledged_ ? retries_ : std::min(retries_, 1u);
  if (repeated_ >= allowed) return Next::give_up;
  ++repeated_;
  patience_ = std::min(patience_ * 2, std::max(retry_timeout_, kMaxRetryTimeout));
  return Next::send;
}

void TftpTransfer::make_oack(const wire::TftpOptions& agreed) {
  Writer out{header_};
  wire::write_tftp_oack(out, agreed);
  assert(out.ok());
  header_size_ = out.size();
  payload_ = {};
}

void TftpTransfer::make_data() {
  Writer out{header_};
  wire::write_tftp_data_header(out, static_cast<std::uint16_t>(block_));
  header_size_ = out.size();
  std::size_t begin = (block_ - 1) * block_size_;
  payload_ = content_.subspan(begin, std::min<std::size_t>(block_size_, content_.size() - begin));
}

}  // namespace anchord::service

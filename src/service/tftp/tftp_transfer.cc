#include "tftp/tftp_transfer.h"

#include <algorithm>
#include <cassert>

namespace anchord::service {
namespace {

constexpr std::uint64_t kUnknown = ~std::uint64_t{0};

}  // namespace

void TftpTransfer::start(const index::FileBody& file, const ReadOptions& asked, Millis now) {
  *this = {};
  file_ = &file;
  is_text_ = asked.text;
  text_ = NetasciiReader(file);
  retries_ = asked.retries;
  retry_timeout_ = asked.retry_timeout;
  negotiate(asked);
  timeout_ = retry_timeout_;
  last_ = is_text_ ? kUnknown : file.size() / block_size_ + 1;
  pace_due_ = now + kPaceTime;
  if (!oack_pending_) extend();
  transmit(now, Next::send);
}

// Acknowledges only the options that this service knows, with the values that it will use.
void TftpTransfer::negotiate(const ReadOptions& asked) {
  const wire::TftpOptions& options = asked.options;
  std::uint16_t largest = is_text_ ? kMaxTextBlock : wire::kTftpMaxBlockSize;
  block_size_ = std::min(options.blksize.value_or(wire::kTftpDefaultBlockSize), largest);
  auto fit = std::max<std::size_t>(kMaxWindowBytes / (wire::kTftpDataHeaderSize + block_size_), 1);
  fit = std::min<std::size_t>(fit, kMaxWindow);
  window_ = static_cast<std::uint16_t>(std::min<std::size_t>(options.windowsize.value_or(1), fit));

  if (options.blksize) oack_.blksize = block_size_;
  if (options.windowsize) oack_.windowsize = window_;
  // How long a file is in netascii shows only when all of it was translated.
  if (options.tsize && !is_text_) oack_.tsize = file_->size();
  if (options.timeout) {
    retry_timeout_ = std::min<Millis>(*options.timeout * 1000u, kMaxRetryTimeout);
    if (retry_timeout_ == *options.timeout * 1000u) oack_.timeout = options.timeout;
  }
  oack_pending_ = oack_ != wire::TftpOptions{};
}

TftpTransfer::Next TftpTransfer::on_ack(std::uint16_t block, Millis now) {
  if (oack_pending_) {
    if (block != 0) return Next::wait;
    oack_pending_ = false;
  } else {
    auto moved = static_cast<std::uint16_t>(block - static_cast<std::uint16_t>(base_));
    if (moved > sent_ - base_) return Next::wait;
    if (moved == 0) {
      // In lock step a duplicate acknowledgement never asks for more.
      if (window_ == 1 || hastened_) return Next::wait;
      hastened_ = true;
      return lacks_a_block(sent_at_, now);
    }
    move_base(moved);
  }
  acknowledged_ = true;
  // A peer may acknowledge a part of the window only when its own timeout is over.
  Millis took = now - sent_at_;
  if (!retransmitted_base_) round_trip_ = base_ == sent_ ? took : std::min(round_trip_, took);
  hastened_ = false;
  retransmits_ = send_errors_ = 0;
  timeout_ = retry_timeout_;
  if (base_ == last_) return Next::done;
  if (now >= pace_due_ && is_too_slow(now)) return Next::too_slow;
  if (base_ < sent_) return lacks_a_block(restarted_at_, now);
  retransmitted_base_ = false;
  extend();
  return transmit(now, Next::send);
}

// The peer lacks the block after the base (RFC 7440), unless what we heard is older
// than what was sent at `since`.
TftpTransfer::Next TftpTransfer::lacks_a_block(Millis since, Millis now) {
  Millis due = since + round_trip_ + kClockTick;
  if (now >= due) {
    restarted_at_ = now;
    extend();
    return transmit(now, Next::retransmit);
  }
  hasten(due);
  return Next::wait;
}

TftpTransfer::Next TftpTransfer::on_deadline(Millis now) {
  if (now < deadline_) return Next::wait;
  if (now >= pace_due_ && is_too_slow(now)) return Next::too_slow;
  if (early_) {
    restarted_at_ = now;
  } else {
    // A forged request must not cause more than one packet and one retransmit.
    unsigned allowed = acknowledged_ ? retries_ : std::min(retries_, 1u);
    if (retransmits_ >= allowed) return Next::give_up;
    ++retransmits_;
    timeout_ = std::min(timeout_ * 2, std::max(retry_timeout_, kMaxRetryTimeout));
  }
  if (!oack_pending_) extend();
  return transmit(now, Next::retransmit);
}

bool TftpTransfer::is_too_slow(Millis now) {
  const std::uint64_t taken = delivered() - paced_;
  paced_ += taken;
  pace_due_ = now + kPaceTime;
  return taken < kLeastTaken;
}

void TftpTransfer::on_send_error(Millis now) {
  if (++send_errors_ <= kMaxSendErrors) hasten(now + kSendErrorPause);
}

void TftpTransfer::hasten(Millis due) {
  if (due >= deadline_) return;
  deadline_ = due;
  early_ = true;
}

TftpTransfer::Next TftpTransfer::transmit(Millis now, Next how) {
  sent_at_ = now;
  deadline_ = now + timeout_;
  early_ = false;
  retransmitted_base_ = how == Next::retransmit;
  return how;
}

void TftpTransfer::move_base(std::uint64_t blocks) {
  base_ += blocks;
  if (is_text_) text_.skip(blocks * block_size_);
}

// Extends the window to its full length.
void TftpTransfer::extend() {
  sent_ = std::min(base_ + window_, last_);
  if (last_ != kUnknown) return;
  NetasciiReader ahead = text_;
  for (std::uint64_t block = first(); block <= sent_; ++block) {
    if (ahead.skip(block_size_) == block_size_) continue;
    last_ = sent_ = block;
  }
}

std::array<Bytes, 2> TftpTransfer::octets(std::uint64_t block) const {
  assert(!is_text_ && block >= first() && block <= last());
  return file_->slice((block - 1) * block_size_, block_size_);
}

std::uint64_t TftpTransfer::delivered() const {
  return is_text_ ? text_.offset() : std::min<std::uint64_t>(base_ * block_size_, file_->size());
}

}  // namespace anchord::service

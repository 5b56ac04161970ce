#include "tftp/tftp_transfers.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "downloads/provisioned_file.h"
#include "tftp/tftp_sender.h"

namespace anchord::service {
namespace {

// Whether the path, or the kernel, does not take a GSO batch.
bool is_segmentation_refused(int error) {
  return error == EINVAL || error == EMSGSIZE || error == EIO || error == EOPNOTSUPP;
}

// Whether the packet did not leave the machine because its queues are full.
bool is_crowded(int error) {
  return error == EAGAIN || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

TftpTransfers::TftpTransfers(ShardContext& shard, const TftpSockets& sockets)
    : shard_(shard),
      settings_(shard.settings.tftp),
      sockets_(sockets),
      transfers_(settings_.max_transfers),
      pinning_(settings_.max_transfers),
      timers_(settings_.max_transfers, shard.ring.now()),
      by_peer_(settings_.max_transfers, shard.seed) {}

TftpTransfers::~TftpTransfers() {
  let_go_of_views();
}

void TftpTransfers::let_go_of_views() {
  for (; !pinning_.empty(); pinning_.remove(pinning_.front())) {
    Transfer& t = transfers_[pinning_.front()];
    t.held = t.pin->files.hold(*t.file);
    shard_.pins.unpin(t.pin.version);
    t.pin = {};
  }
}

void TftpTransfers::follow_view() {
  const std::uint64_t version = shard_.pins.current().version;
  if (std::exchange(version_, version) != version) let_go_of_views();
}

void TftpTransfers::on_deadlines(Millis now) {
  timers_.advance(now, [&](std::uint32_t slot) {
    transfers_[slot].timer = kNever;
    TftpTransfer::Next next = transfers_[slot].machine.on_deadline(now);
    if (next == TftpTransfer::Next::give_up) shard_.counters.tftp_timeouts.add();
    proceed(slot, next);
  });
}

bool TftpTransfers::is_duplicate_request(std::uint32_t slot, const index::FileEntry* asked) const {
  const Transfer& earlier = transfers_[slot];
  return earlier.file == asked && !earlier.machine.at_last_block() &&
         shard_.ring.now() - earlier.progressed < settings_.retry_timeout;
}

void TftpTransfers::begin(const TftpAsked& asked, Millis asked_at, const index::FileEntry& file,
                          const TftpTransfer& machine, TftpTransfer::Next next) {
  shard_.counters.tftp_begun.add();
  const std::uint32_t slot = transfers_.acquire();
  Transfer& t = transfers_[slot];
  t.machine = machine;
  t.pin = shard_.pins.pin();
  pinning_.push_back(slot);
  t.file = &file;
  t.version = shard_.pins.current().version;
  t.peer = asked.peer;
  t.local = asked.local;
  t.socket = asked.socket;
  t.former_socket = asked.former_socket;
  t.segmented = true;
  t.timer = kNever;
  t.device = asked.device;
  t.began = asked_at;
  t.progressed = shard_.ring.now();
  by_peer_.set(t.peer, slot);
  shard_.counters.tftp_active.set(transfers_.used());
  shard_.counters.tftp_bytes.add(machine.delivered());
  if (next == TftpTransfer::Next::done) {
    note_completed(t);
  } else {
    record(t, DownloadEnd::begun);
  }
  proceed(slot, next);
}

void TftpTransfers::note_completed(const Transfer& transfer) {
  shard_.counters.tftp_completed.add();
  shard_.counters.latencies.tftp_transfer_tftp.record_millis(shard_.ring.now() - transfer.began);
}

void TftpTransfers::on_ack(std::uint32_t slot, std::uint16_t block) {
  Transfer& t = transfers_[slot];
  std::uint64_t delivered = t.machine.delivered();
  std::uint64_t first = t.machine.first();
  TftpTransfer::Next next = t.machine.on_ack(block, shard_.ring.now());
  if (t.machine.first() != first) t.progressed = shard_.ring.now();
  shard_.counters.tftp_bytes.add(t.machine.delivered() - delivered);
  if (next == TftpTransfer::Next::done) note_completed(t);
  proceed(slot, next);
}

void TftpTransfers::abort(std::uint32_t slot) {
  shard_.counters.tftp_aborted.add();
  end(slot, DownloadEnd::maybe_given);
}

void TftpTransfers::proceed(std::uint32_t slot, TftpTransfer::Next next) {
  switch (next) {
    case TftpTransfer::Next::wait:
      break;
    case TftpTransfer::Next::retransmit:
      shard_.counters.tftp_retransmits.add();
      [[fallthrough]];
    case TftpTransfer::Next::send:
      send(slot);
      break;
    case TftpTransfer::Next::done:
      return end(slot, DownloadEnd::given);
    case TftpTransfer::Next::too_slow:
      shard_.counters.tftp_too_slow.add();
      [[fallthrough]];
    case TftpTransfer::Next::give_up:
      return end(slot, DownloadEnd::maybe_given);
  }
  // A deadline that moves away is found when the timer fires.
  Transfer& t = transfers_[slot];
  if (t.machine.deadline() < t.timer) {
    t.timer = t.machine.deadline();
    timers_.arm(slot, t.timer);
  }
}

void TftpTransfers::send(std::uint32_t slot) {
  Transfer& t = transfers_[slot];
  const TftpSockets::Socket& socket = sockets_[t.socket];
  TftpRoute route{.socket = socket.descriptor,
                  .v4_socket = socket.v4,
                  .segmented = t.segmented,
                  .tag = Tag{TagKind::tftp_send, transfers_.generation(slot), slot}.packed(),
                  .peer = t.peer,
                  .local = t.local};
  send_outstanding(shard_.ring, route, t.machine);
  t.sent_in = ticks_;
}

// A failed send is a lost packet, unless something can be done about it.
void TftpTransfers::on_send(const Tag& tag, const io::Completion& completion) {
  shard_.counters.tftp_send_errors.add();
  if (!transfers_.alive(tag.slot, tag.generation)) return;
  Transfer& t = transfers_[tag.slot];
  int error = -completion.result;
  if (t.segmented && is_segmentation_refused(error)) {
    t.segmented = false;
    send(tag.slot);
  } else if (is_crowded(error)) {
    t.machine.on_send_error(shard_.ring.now());
    proceed(tag.slot, TftpTransfer::Next::wait);
  }
}

void TftpTransfers::end(std::uint32_t slot, DownloadEnd how) {
  Transfer& t = transfers_[slot];
  record(t, how);
  // What is queued refers to the file.
  if (t.sent_in == ticks_) shard_.ring.submit();
  timers_.cancel(slot);
  by_peer_.erase(t.peer);
  if (t.pin) shard_.pins.unpin(t.pin.version);
  pinning_.remove(slot);
  t.pin = {};
  t.file = nullptr;
  t.held.reset();
  transfers_.release(slot);
  shard_.counters.tftp_active.set(transfers_.used());
}

void TftpTransfers::record(const Transfer& t, DownloadEnd how) {
  if (!is_recorded(t.device.text(), t.file->name)) return;
  Download download{.device = t.device,
                    .version = t.file->version,
                    .from = t.peer.host,
                    .end = how,
                    .began = t.began,
                    // A phone that has acknowledged the last block goes on, while its packet may wait here.
                    .ended = how == DownloadEnd::given ? t.machine.sent_at() : shard_.ring.now()};
  download.file.set(t.file->name);
  shard_.record(download);
}

std::uint64_t TftpTransfers::give_way_before(std::uint64_t version) {
  const std::uint64_t current = shard_.pins.current().version;
  std::uint64_t oldest = ~std::uint64_t{0};
  for (std::uint32_t slot = 0; slot < transfers_.capacity(); ++slot) {
    if (!transfers_.in_use(slot)) continue;
    const Transfer& t = transfers_[slot];
    if (t.version == current || !shard_.is_superseded(*t.file)) continue;
    if (t.version >= version) {
      oldest = std::min(oldest, t.version);
      continue;
    }
    shard_.counters.memory_gave_way.add();
    end(slot, DownloadEnd::maybe_given);
  }
  return oldest;
}

void TftpTransfers::terminate_all() {
  for (std::uint32_t slot = 0; slot < transfers_.capacity(); ++slot)
    if (transfers_.in_use(slot)) end(slot, DownloadEnd::maybe_given);
}

}  // namespace anchord::service

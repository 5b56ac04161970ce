#include "tftp/tftp_service.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <utility>
#include <variant>

#include "anchord/base/writer.h"
#include "context/guessing.h"
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

constexpr std::string_view kBusy = "server busy, try again";

bool is_same_request(const TftpAsked& a, const TftpAsked& b) {
  return a.file == b.file && a.version == b.version && a.text == b.text && a.options == b.options;
}

bool looks_like_request(Bytes packet) {
  return packet.size() >= 2 && packet[0] == 0 && (packet[1] == 1 || packet[1] == 2);
}

}  // namespace

TftpService::TftpService(ShardContext& shard, const std::vector<ShardSockets::Tftp>& sockets)
    : shard_(shard),
      settings_(shard.settings.tftp),
      transfers_(settings_.max_transfers),
      pinning_(settings_.max_transfers),
      timers_(settings_.max_transfers, shard.ring.now()),
      by_peer_(settings_.max_transfers, shard.seed),
      unproven_(settings_.max_unproven, shard.seed),
      addresses_(settings_.unproven_per_address, shard.seed),
      networks_(settings_.unproven_per_network, shard.seed),
      key_{.low = shard.seed, .high = ~shard.seed} {
  for (std::uint32_t group = 0; group < sockets.size(); ++group) {
    bool v4 = sockets[group].v4;
    sockets_.push_back({.descriptor = sockets[group].requests, .group = group, .requests = true, .v4 = v4});
    auto& own = transfer_sockets_.emplace_back();
    for (int descriptor : sockets[group].transfers) {
      own.push_back(static_cast<std::uint32_t>(sockets_.size()));
      sockets_.push_back({.descriptor = descriptor, .group = group, .requests = false, .v4 = v4});
    }
    assert(!own.empty());
  }
  for (std::uint32_t i = 0; i < sockets_.size(); ++i) disarmed_.push_back(i);
  requests_.reserve(kUsualBatch);
}

TftpService::~TftpService() {
  let_go_of_views();
}

void TftpService::start() {
  tick(shard_.ring.now());
}

void TftpService::let_go_of_views() {
  for (; !pinning_.empty(); pinning_.remove(pinning_.front())) {
    Transfer& t = transfers_[pinning_.front()];
    t.held = t.pin->files.hold(*t.file);
    shard_.pins.unpin(t.pin.version);
    t.pin = {};
  }
}

void TftpService::tick(Millis now) {
  const std::uint64_t version = shard_.pins.current().version;
  if (std::exchange(version_, version) != version) let_go_of_views();
  // After all that came for transfers: a client's last acknowledgement is then seen
  // before its next request, though they come on different sockets.
  for (const Request& request : requests_) take(request.socket, request.completion);
  requests_.clear();
  timers_.advance(now, [&](std::uint32_t slot) {
    transfers_[slot].timer = kNever;
    TftpTransfer::Next next = transfers_[slot].machine.on_deadline(now);
    if (next == TftpTransfer::Next::give_up) shard_.counters.tftp_timeouts.add();
    proceed(slot, next);
  });
  while (TftpAsked* asked = unproven_.take_due(now)) retransmit(*asked);
  // A receive ends when buffers ran out, or for reasons of the kernel's own.
  for (std::uint32_t i : disarmed_)
    shard_.ring.receive_datagrams(sockets_[i].descriptor, Tag{TagKind::tftp_receive, 0, i}.packed());
  disarmed_.clear();
  ++ticks_;
}

Millis TftpService::next_wake() const {
  const Millis wake = std::min(timers_.next_wake(), unproven_.next_due());
  return draining_ && shard_.ring.now() < answered_until_ ? std::min(wake, answered_until_) : wake;
}

void TftpService::on_receive(std::uint32_t socket, const io::Completion& completion) {
  if (!completion.more) disarmed_.push_back(socket);
  if (!completion.has_buffer) return;
  if (sockets_[socket].requests) {
    // A request that is not kept is lost as if on the way: its peer retransmits it.
    if (!shard_.with_memory([&] { requests_.push_back({socket, completion}); }))
      shard_.ring.recycle(io::Group::udp, completion.buffer);
  } else {
    take(socket, completion);
  }
}

void TftpService::take(std::uint32_t socket, const io::Completion& completion) {
  if (completion.result > 0) {
    io::Datagram datagram = shard_.ring.datagram(completion);
    // Nobody can be answered at port 0.
    if (!datagram.valid || datagram.truncated || datagram.from.port == 0) {
      shard_.counters.tftp_malformed.add();
    } else if (!shard_.allowed(datagram.from.host)) {
      shard_.counters.tftp_refused_network.add();
    } else {
      // Whatever comes of it, the buffer is given back below.
      shard_.with_memory(
          [&] { sockets_[socket].requests ? on_request(socket, datagram) : on_packet(socket, datagram); });
    }
  }
  shard_.ring.recycle(io::Group::udp, completion.buffer);
}

void TftpService::on_request(std::uint32_t socket, const io::Datagram& datagram) {
  Parsed<wire::TftpPacket> packet = wire::parse_tftp(datagram.payload);
  const auto* request = packet ? std::get_if<wire::TftpRequest>(&*packet) : nullptr;
  if (request == nullptr) {
    shard_.counters.tftp_malformed.add();
    // Only what claims to be a request is answered: an answer to anything else
    // could be answered by the other side.
    note(datagram, {}, Answered::malformed);
    if (looks_like_request(datagram.payload))
      refuse(socket, datagram, wire::TftpErrorCode::illegal_operation, "malformed request");
    return;
  }
  shard_.counters.tftp_requests.add();
  if (request->write) {
    shard_.counters.tftp_writes_refused.add();
    note(datagram, request->file, Answered::refused);
    refuse(socket, datagram, wire::TftpErrorCode::access_violation, "this server is read-only");
  } else if (request->mode != wire::TftpMode::octet && request->mode != wire::TftpMode::netascii) {
    shard_.counters.tftp_unsupported.add();
    note(datagram, request->file, Answered::refused);
    refuse(socket, datagram, wire::TftpErrorCode::undefined, "only octet and netascii modes are served");
  } else {
    on_read(socket, datagram, *request);
  }
}

// A request that the network delivered twice. A client that is stuck, or that has all but our
// knowledge of it, really asks anew.
bool TftpService::is_duplicate_request(const Transfer& earlier, const index::FileEntry* asked) const {
  return earlier.file == asked && !earlier.machine.at_last_block() &&
         shard_.ring.now() - earlier.progressed < settings_.retry_timeout;
}

// A peer that was sent all and asks anew may have it: its last acknowledgement may be
// lost, or late. Or the last block was.
void TftpService::give_way(std::uint32_t slot) {
  shard_.counters.tftp_aborted.add();
  end(slot, DownloadEnd::maybe_given);
}

// Whether one more packet may leave to a source that has not proven to want it.
bool TftpService::spend(const io::Host& from, bool of_plenty) {
  Millis now = shard_.ring.now();
  if (addresses_.take(source_of(from), now, of_plenty)) {
    if (networks_.take(network_of(from), now, of_plenty)) return true;
    addresses_.give_back(source_of(from));
  }
  return false;
}

void TftpService::on_read(std::uint32_t request_socket, const io::Datagram& datagram,
                          const wire::TftpRequest& request) {
  const Millis now = shard_.ring.now();
  const index::FileTable& files = shard_.pins.current().files;
  std::array<char, index::kMaxFileName> room;
  const std::string_view name = name_meant(files, request.file, room);
  const index::FileEntry* file = find_file(files, name);
  TftpAsked asked{.peer = datagram.from,
                  .local = datagram.to,
                  .options = request.options,
                  .text = request.mode == wire::TftpMode::netascii,
                  .former_socket = kNoSocket};
  if (file != nullptr) {
    asked.file = index::FileTable::key(file->name);
    asked.version = file->version;
  }
  bool anew = true;
  if (const std::uint32_t earlier = by_peer_.find(datagram.from); earlier != PeerMap::kNone) {
    if (is_duplicate_request(transfers_[earlier], file)) {
      shard_.counters.tftp_duplicates.add();
      return;
    }
    asked.former_socket = transfers_[earlier].socket;
    give_way(earlier);
  } else if (const TftpAsked* before = unproven_.find(datagram.from, now)) {
    anew = !is_same_request(*before, asked);
    if (!anew && now - unproven_.asked_at(*before, now) < settings_.retry_timeout) {
      shard_.counters.tftp_duplicates.add();
      return;
    }
    // A peer that got the first answer after all goes on with that port.
    asked.socket = before->socket;
    asked.former_socket = anew ? before->socket : before->former_socket;
    unproven_.forget(*before);
  }
  std::string_view device = device_in(name);
  const std::string_view asked_name = name.empty() ? request.file : name;
  if (is_guessing(shard_, datagram.from.host, name, device)) {
    shard_.counters.tftp_throttled.add();
    return note(datagram, asked_name, Answered::throttled);
  }
  if (file == nullptr) {
    shard_.counters.tftp_not_found.add();
    note(datagram, asked_name, Answered::not_found);
    if (is_own_file(name)) shard_.record(not_there(name, datagram.from.host, Protocol::tftp, now));
    return refuse(request_socket, datagram, wire::TftpErrorCode::file_not_found, "file not found");
  }
  if (draining_ || transfers_.full()) {
    shard_.counters.tftp_full.add();
    note(datagram, asked_name, Answered::busy);
    return refuse(request_socket, datagram, wire::TftpErrorCode::undefined, kBusy);
  }
  if (!spend(datagram.from.host, false)) {
    shard_.counters.tftp_rate_limited.add();
    return note(datagram, asked_name, Answered::busy);
  }
  note(datagram, asked_name, Answered::file);
  if (anew) asked.socket = choose_transfer_socket(sockets_[request_socket].group, asked.former_socket);
  asked.device.set(device);
  if (unproven_.add(asked, now)) shard_.counters.tftp_gave_way.add();
  unproven_.retransmit_at(now + settings_.retry_timeout, asked.peer, now);
  answered_until_ = now + settings_.retry_timeout;
  shard_.counters.tftp_answered.add();
  answer(asked, *file);
}

TftpTransfer::ReadOptions TftpService::read_options_of(const TftpAsked& asked) const {
  return {.text = asked.text,
          .options = asked.options,
          .retry_timeout = settings_.retry_timeout,
          .retries = settings_.retries};
}

// Sends the OACK, or the first block. A packet that does not leave counts as lost: the peer asks again.
void TftpService::answer(const TftpAsked& asked, const index::FileEntry& file) {
  TftpTransfer first;
  first.start(file.body, read_options_of(asked), shard_.ring.now());
  const Socket& socket = sockets_[asked.socket];
  TftpRoute route{.socket = socket.descriptor,
                  .v4_socket = socket.v4,
                  .tag = Tag{TagKind::tftp_send, 0, transfers_.capacity()}.packed(),
                  .peer = asked.peer,
                  .local = asked.local};
  send_outstanding(shard_.ring, route, first);
}

// Retransmits the first answer: it may be lost, and phones wait long before they ask again. To a source with
// many unproven requests it is sent only once.
void TftpService::retransmit(TftpAsked& asked) {
  const index::FileEntry* file = shard_.pins.current().files.find_version(asked.file, asked.version);
  if (file == nullptr || asked.retransmitted || !spend(asked.peer.host, true)) return;
  asked.retransmitted = true;
  answered_until_ = shard_.ring.now() + settings_.retry_timeout;
  shard_.counters.tftp_retransmits.add();
  answer(asked, *file);
}

void TftpService::on_packet(std::uint32_t socket, const io::Datagram& datagram) {
  Parsed<wire::TftpPacket> packet = wire::parse_tftp(datagram.payload);
  if (!packet) {
    shard_.counters.tftp_malformed.add();
    return;
  }
  bool is_error = std::holds_alternative<wire::TftpError>(*packet);
  std::uint32_t slot = by_peer_.find(datagram.from);
  if (slot == PeerMap::kNone) {
    if (const TftpAsked* asked = unproven_.find(datagram.from, shard_.ring.now()))
      return on_first_packet(socket, datagram, *packet, *asked);
  }
  if (slot == PeerMap::kNone || transfers_[slot].socket != socket)
    return on_unknown_tid(socket, datagram, is_error, slot);
  if (is_error) {
    shard_.counters.tftp_aborted.add();
    end(slot, DownloadEnd::maybe_given);
  } else if (const auto* ack = std::get_if<wire::TftpAck>(&*packet)) {
    on_ack(slot, ack->block);
  }
}

// `slot` is the peer's transfer on another socket, or none.
void TftpService::on_unknown_tid(std::uint32_t socket, const io::Datagram& datagram, bool is_error,
                                 std::uint32_t slot) {
  shard_.counters.tftp_unknown_tid.add();
  // The packet is late, and must not disturb the transfer that the peer has begun since.
  if (slot != PeerMap::kNone && transfers_[slot].former_socket == socket) return;
  if (!is_error) reply(socket, datagram, wire::TftpErrorCode::unknown_transfer, "unknown transfer");
}

// Takes a packet of a peer that was answered, and has acknowledged nothing yet.
void TftpService::on_first_packet(std::uint32_t socket, const io::Datagram& datagram,
                                  const wire::TftpPacket& packet, const TftpAsked& asked) {
  const bool is_error = std::holds_alternative<wire::TftpError>(packet);
  if (asked.socket != socket) {
    if (asked.former_socket != socket) {
      // An attacker who forges a peer's requests cannot see which port answers, and must not get a second
      // guess at the TID: a hit would send a whole file to the peer.
      shard_.counters.tftp_tid_mismatch.add();
      unproven_.forget(asked);
      return on_unknown_tid(socket, datagram, is_error, PeerMap::kNone);
    }
    shard_.counters.tftp_unknown_tid.add();
  } else if (is_error) {
    shard_.counters.tftp_aborted.add();
    unproven_.forget(asked);
  } else if (const auto* ack = std::get_if<wire::TftpAck>(&packet)) {
    begin(asked, datagram, ack->block);
  }
}

void TftpService::begin(const TftpAsked& unproven, const io::Datagram& datagram, std::uint16_t block) {
  const Millis now = shard_.ring.now();
  const Millis asked_at = unproven_.asked_at(unproven, now);
  const index::FileEntry* file = shard_.pins.current().files.find_version(unproven.file, unproven.version);
  if (file == nullptr) {
    unproven_.forget(unproven);
    return reply(unproven.socket, datagram, wire::TftpErrorCode::unknown_transfer,
                 "the file has changed: ask again");
  }
  TftpTransfer machine;
  machine.start(file->body, read_options_of(unproven), asked_at);
  const TftpTransfer::Next next = machine.on_ack(block, now);
  if (!machine.acknowledged()) return;
  const TftpAsked asked = unproven;
  unproven_.forget(unproven);
  for (int packets = asked.retransmitted ? 2 : 1; packets > 0; --packets) {
    addresses_.give_back(source_of(asked.peer.host));
    networks_.give_back(network_of(asked.peer.host));
  }
  if (transfers_.full()) {
    shard_.counters.tftp_full.add();
    return reply(asked.socket, datagram, wire::TftpErrorCode::undefined, kBusy);
  }
  shard_.counters.tftp_begun.add();
  const std::uint32_t slot = transfers_.acquire();
  Transfer& t = transfers_[slot];
  t.machine = machine;
  t.pin = shard_.pins.pin();
  pinning_.push_back(slot);
  t.file = file;
  t.version = shard_.pins.current().version;
  t.peer = asked.peer;
  t.local = asked.local;
  t.socket = asked.socket;
  t.former_socket = asked.former_socket;
  t.segmented = true;
  t.timer = kNever;
  t.device = asked.device;
  t.began = asked_at;
  t.progressed = now;
  by_peer_.set(t.peer, slot);
  shard_.counters.tftp_active.set(transfers_.used());
  shard_.counters.tftp_bytes.add(machine.delivered());
  if (next == TftpTransfer::Next::done) {
    shard_.counters.tftp_completed.add();
  } else {
    record(t, DownloadEnd::begun);
  }
  proceed(slot, next);
}

void TftpService::on_ack(std::uint32_t slot, std::uint16_t block) {
  Transfer& t = transfers_[slot];
  std::uint64_t delivered = t.machine.delivered();
  std::uint64_t first = t.machine.first();
  TftpTransfer::Next next = t.machine.on_ack(block, shard_.ring.now());
  if (t.machine.first() != first) t.progressed = shard_.ring.now();
  shard_.counters.tftp_bytes.add(t.machine.delivered() - delivered);
  if (next == TftpTransfer::Next::done) shard_.counters.tftp_completed.add();
  proceed(slot, next);
}

void TftpService::proceed(std::uint32_t slot, TftpTransfer::Next next) {
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

void TftpService::send(std::uint32_t slot) {
  Transfer& t = transfers_[slot];
  const Socket& socket = sockets_[t.socket];
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
void TftpService::on_send(const Tag& tag, const io::Completion& completion) {
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

void TftpService::end(std::uint32_t slot, DownloadEnd how) {
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

void TftpService::record(const Transfer& t, DownloadEnd how) {
  if (!is_recorded(t.device.text(), t.file->name)) return;
  Download download{.device = t.device,
                    .version = t.file->version,
                    .from = t.peer.host,
                    .end = how,
                    .began = t.began,
                    .ended = shard_.ring.now()};
  download.file.set(t.file->name);
  shard_.record(download);
}

void TftpService::note(const io::Datagram& datagram, std::string_view file, Answered answered) {
  shard_.note(file, device_in(file), datagram.from.host, Protocol::tftp, answered);
}

void TftpService::refuse(std::uint32_t request_socket, const io::Datagram& datagram, wire::TftpErrorCode code,
                         std::string_view text) {
  reply(choose_transfer_socket(sockets_[request_socket].group), datagram, code, text);
}

void TftpService::reply(std::uint32_t from_socket, const io::Datagram& datagram, wire::TftpErrorCode code,
                        std::string_view text) {
  const Socket& socket = sockets_[from_socket];
  io::OutDatagram& out = shard_.ring.new_datagram();
  out.start(datagram.from, datagram.to, socket.v4);
  Writer packet{out.room()};
  wire::write_tftp_error(packet, code, text);
  assert(packet.ok());
  out.copied(packet.size());
  shard_.ring.send_datagram(socket.descriptor, out, io::kIgnore);
}

// A peer learns the port of each of its transfers, and must not be able to tell the
// next one's. The socket of one that it has just ended is another's: a late acknowledgement
// of that one would be taken for the new one's.
std::uint32_t TftpService::choose_transfer_socket(std::uint32_t group, std::uint32_t former) {
  const auto& own = transfer_sockets_[group];
  std::size_t choice = sip_hash(key_, choices_++) % own.size();
  return own[choice] != former ? own[choice] : own[(choice + 1) % own.size()];
}

std::uint64_t TftpService::give_way_before(std::uint64_t version) {
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

void TftpService::terminate_all() {
  for (std::uint32_t slot = 0; slot < transfers_.capacity(); ++slot)
    if (transfers_.in_use(slot)) end(slot, DownloadEnd::maybe_given);
}

}  // namespace anchord::service

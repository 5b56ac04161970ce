#include "tftp_service.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <variant>

#include "anchord/base/writer.h"

namespace anchord::service {

TftpService::TftpService(ShardContext& shard, const std::vector<ShardSockets::Tftp>& sockets)
    : shard_(shard),
      settings_(shard.settings.tftp),
      transfers_(settings_.max_transfers),
      replies_(kMaxReplies),
      timers_(settings_.max_transfers, shard.ring.now()),
      by_peer_(settings_.max_transfers, shard.seed),
      random_(shard.seed | 1) {
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
}

TftpService::~TftpService() {
  for (std::uint32_t slot = 0; slot < transfers_.capacity(); ++slot)
    if (transfers_.in_use(slot)) shard_.pins.unpin(transfers_[slot].pin.version);
}

void TftpService::start() {
  turn(shard_.ring.now());
}

void TftpService::turn(Millis now) {
  timers_.advance(now, [&](std::uint32_t slot) {
    TftpTransfer::Next next = transfers_[slot].machine.on_deadline();
    if (next == TftpTransfer::Next::send) shard_.counters.tftp_repeats.add();
    if (next == TftpTransfer::Next::give_up) shard_.counters.tftp_timeouts.add();
    proceed(slot, next);
  });
  // A receive ends when buffers ran out, or for reasons of the kernel's own.
  for (std::uint32_t i = 0; i < sockets_.size(); ++i) {
    if (sockets_[i].armed) continue;
    shard_.ring.receive_datagrams(sockets_[i].descriptor, Tag{TagKind::tftp_receive, 0, i}.packed());
    sockets_[i].armed = true;
  }
}

void TftpService::on_receive(std::uint32_t socket, const io::Completion& completion) {
  if (!completion.more) sockets_[socket].armed = false;
  if (!completion.has_buffer) return;
  if (completion.result > 0) {
    io::Datagram datagram = shard_.ring.datagram(completion);
    if (!datagram.valid || datagram.truncated) {
      shard_.counters.tftp_malformed.add();
    } else if (!shard_.allowed(datagram.from.host)) {
      shard_.counters.tftp_refused_network.add();
    } else if (sockets_[socket].requests) {
      on_request(socket, datagram);
    } else {
      on_packet(socket, datagram);
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
    // could be answered in its turn.
    bool request_like = datagram.payload.size() >= 2 && datagram.payload[0] == 0 &&
                        (datagram.payload[1] == 1 || datagram.payload[1] == 2);
    if (request_like) refuse(socket, datagram, wire::TftpErrorCode::illegal_operation, "malformed request");
    return;
  }
  shard_.counters.tftp_requests.add();
  if (request->write) {
    shard_.counters.tftp_writes_refused.add();
    refuse(socket, datagram, wire::TftpErrorCode::access_violation, "this server is read-only");
  } else if (request->mode != wire::TftpMode::octet) {
    shard_.counters.tftp_unsupported.add();
    refuse(socket, datagram, wire::TftpErrorCode::undefined, "only octet (binary) mode is served");
  } else {
    begin(socket, datagram, *request);
  }
}

// A request that the network delivered twice, or that a client sent again before it
// saw our answer. A client that is stuck, or that has all but our knowledge of it,
// really asks anew.
bool TftpService::is_repeated(const Transfer& earlier, const index::FileEntry* asked) const {
  if (earlier.file != asked) return false;
  if (!earlier.machine.acknowledged()) return true;
  return !earlier.machine.at_last_block() && shard_.ring.now() - earlier.progressed < settings_.retry_timeout;
}

void TftpService::begin(std::uint32_t request_socket, const io::Datagram& datagram,
                        const wire::TftpRequest& request) {
  const index::FileEntry* file = shard_.pins.current().files.find(request.file);
  std::uint32_t earlier = by_peer_.find(datagram.from);
  if (earlier != PeerMap::kNone) {
    if (is_repeated(transfers_[earlier], file)) {
      shard_.counters.tftp_duplicates.add();
      return;
    }
    shard_.counters.tftp_aborted.add();
    end(earlier);
  }
  if (file == nullptr) {
    shard_.counters.tftp_not_found.add();
    return refuse(request_socket, datagram, wire::TftpErrorCode::file_not_found, "file not found");
  }
  std::uint32_t slot = draining_ ? SlotPool<Transfer>::kNone : transfers_.acquire();
  if (slot == SlotPool<Transfer>::kNone) {
    shard_.counters.tftp_full.add();
    return refuse(request_socket, datagram, wire::TftpErrorCode::undefined, "server busy, try again");
  }
  Transfer& t = transfers_[slot];
  t.pin = shard_.pins.pin();
  t.file = file;
  t.peer = datagram.from;
  t.local = datagram.to;
  t.socket = choose_transfer_socket(sockets_[request_socket].group);
  t.resend = t.ended = false;
  by_peer_.set(t.peer, slot);
  shard_.counters.tftp_active.set(transfers_.used());
  t.machine.start(file->body.content.bytes(), request.options, settings_.retry_timeout, settings_.retries);
  proceed(slot, TftpTransfer::Next::send);
}

void TftpService::on_packet(std::uint32_t socket, const io::Datagram& datagram) {
  Parsed<wire::TftpPacket> packet = wire::parse_tftp(datagram.payload);
  if (!packet) {
    shard_.counters.tftp_malformed.add();
    return;
  }
  bool is_error = std::holds_alternative<wire::TftpError>(*packet);
  std::uint32_t slot = by_peer_.find(datagram.from);
  if (slot == PeerMap::kNone || transfers_[slot].socket != socket) {
    shard_.counters.tftp_strangers.add();
    if (!is_error) reply(socket, datagram, wire::TftpErrorCode::unknown_transfer, "unknown transfer");
    return;
  }
  if (is_error) {
    shard_.counters.tftp_aborted.add();
    return end(slot);
  }
  const auto* ack = std::get_if<wire::TftpAck>(&*packet);
  if (ack == nullptr) return;
  Transfer& t = transfers_[slot];
  std::size_t acknowledged = t.machine.payload().size();
  TftpTransfer::Next next = t.machine.on_ack(ack->block);
  if (next == TftpTransfer::Next::wait) return;
  t.progressed = shard_.ring.now();
  shard_.counters.tftp_bytes.add(acknowledged);
  if (next == TftpTransfer::Next::done) shard_.counters.tftp_completed.add();
  proceed(slot, next);
}

void TftpService::proceed(std::uint32_t slot, TftpTransfer::Next next) {
  switch (next) {
    case TftpTransfer::Next::wait:
      return;
    case TftpTransfer::Next::send:
      return send(slot);
    case TftpTransfer::Next::done:
    case TftpTransfer::Next::give_up:
      return end(slot);
  }
}

void TftpService::send(std::uint32_t slot) {
  Transfer& t = transfers_[slot];
  timers_.arm(slot, shard_.ring.now() + t.machine.patience());
  if (t.sending) {
    t.resend = true;
    return;
  }
  Bytes header = t.machine.header();
  std::ranges::copy(header, t.header.begin());
  Bytes payload = t.machine.payload();
  std::array<iovec, 2> parts{iovec{t.header.data(), header.size()},
                             iovec{const_cast<std::uint8_t*>(payload.data()), payload.size()}};
  const Socket& socket = sockets_[t.socket];
  t.out.set(t.peer, t.local, socket.v4, std::span(parts).first(payload.empty() ? 1 : 2));
  shard_.ring.send_datagram(socket.descriptor, t.out,
                            Tag{TagKind::tftp_send, transfers_.generation(slot), slot}.packed());
  t.sending = true;
}

// A failed send is a lost packet: the deadline takes care of it.
void TftpService::on_send(const Tag& tag, const io::Completion&) {
  assert(transfers_.alive(tag.slot, tag.generation));
  Transfer& t = transfers_[tag.slot];
  t.sending = false;
  if (t.ended) return end(tag.slot);
  if (t.resend) {
    t.resend = false;
    send(tag.slot);
  }
}

// The slot, and the pinned content, stay while a packet of it is being sent.
void TftpService::end(std::uint32_t slot) {
  Transfer& t = transfers_[slot];
  if (!t.ended) {
    t.ended = true;
    timers_.cancel(slot);
    by_peer_.erase(t.peer);
  }
  if (t.sending) return;
  shard_.pins.unpin(t.pin.version);
  t.pin = {};
  t.file = nullptr;
  transfers_.release(slot);
  shard_.counters.tftp_active.set(transfers_.used());
}

void TftpService::refuse(std::uint32_t request_socket, const io::Datagram& datagram, wire::TftpErrorCode code,
                         std::string_view text) {
  reply(choose_transfer_socket(sockets_[request_socket].group), datagram, code, text);
}

void TftpService::reply(std::uint32_t from_socket, const io::Datagram& datagram, wire::TftpErrorCode code,
                        std::string_view text) {
  std::uint32_t slot = replies_.acquire();
  if (slot == SlotPool<Reply>::kNone) return;
  Reply& r = replies_[slot];
  Writer out{r.bytes};
  wire::write_tftp_error(out, code, text);
  assert(out.ok());
  iovec part{r.bytes, out.size()};
  const Socket& socket = sockets_[from_socket];
  r.out.set(datagram.from, datagram.to, socket.v4, {&part, 1});
  shard_.ring.send_datagram(socket.descriptor, r.out,
                            Tag{TagKind::tftp_reply, replies_.generation(slot), slot}.packed());
}

void TftpService::on_reply_sent(const Tag& tag) {
  assert(replies_.alive(tag.slot, tag.generation));
  replies_.release(tag.slot);
}

// xorshift: spreads transfers over the sockets in an order that depends on the
// shard's secret seed.
std::uint32_t TftpService::choose_transfer_socket(std::uint32_t group) {
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  const auto& own = transfer_sockets_[group];
  return own[(random_ >> 33) % own.size()];
}

void TftpService::terminate_all() {
  for (std::uint32_t slot = 0; slot < transfers_.capacity(); ++slot)
    if (transfers_.in_use(slot) && !transfers_[slot].ended) end(slot);
}

}  // namespace anchord::service

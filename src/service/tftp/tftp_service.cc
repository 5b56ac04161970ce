#include "tftp/tftp_service.h"

#include <algorithm>
#include <array>
#include <variant>

#include "context/guessing.h"
#include "downloads/provisioned_file.h"
#include "tftp/tftp_sender.h"

namespace anchord::service {
namespace {

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
      sockets_(shard.ring, sockets, shard.seed),
      transfers_(shard, sockets_),
      unproven_(settings_.max_unproven, shard.seed),
      addresses_(settings_.unproven_per_address, shard.seed),
      networks_(settings_.unproven_per_network, shard.seed) {
  requests_.reserve(kUsualBatch);
}

void TftpService::start() {
  tick(shard_.ring.now());
}

void TftpService::tick(Millis now) {
  transfers_.follow_view();
  // After all that came for transfers: a client's last acknowledgement is then seen
  // before its next request, though they come on different sockets.
  for (const Request& request : requests_) take(request.socket, request.completion);
  requests_.clear();
  transfers_.on_deadlines(now);
  while (TftpAsked* asked = unproven_.take_due(now)) retransmit(*asked);
  sockets_.arm();
  transfers_.end_tick();
}

Millis TftpService::next_wake() const {
  const Millis wake = std::min(transfers_.next_wake(), unproven_.next_due());
  return draining_ && shard_.ring.now() < answered_until_ ? std::min(wake, answered_until_) : wake;
}

void TftpService::on_receive(std::uint32_t socket, const io::Completion& completion) {
  if (!completion.more) sockets_.receive_ended(socket);
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
                  .former_socket = TftpSockets::kNone};
  if (file != nullptr) {
    asked.file = index::FileTable::key(file->name);
    asked.version = file->version;
  }
  bool anew = true;
  if (const std::uint32_t earlier = transfers_.find(datagram.from); earlier != TftpTransfers::kNone) {
    if (transfers_.is_duplicate_request(earlier, file)) {
      shard_.counters.tftp_duplicates.add();
      return;
    }
    asked.former_socket = transfers_.socket(earlier);
    transfers_.abort(earlier);
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
  if (anew) asked.socket = sockets_.choose(request_socket, asked.former_socket);
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
  const TftpSockets::Socket& socket = sockets_[asked.socket];
  TftpRoute route{.socket = socket.descriptor,
                  .v4_socket = socket.v4,
                  .tag = transfers_.tag_of_others(),
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
  std::uint32_t slot = transfers_.find(datagram.from);
  if (slot == TftpTransfers::kNone) {
    if (const TftpAsked* asked = unproven_.find(datagram.from, shard_.ring.now()))
      return on_first_packet(socket, datagram, *packet, *asked);
  }
  if (slot == TftpTransfers::kNone || transfers_.socket(slot) != socket)
    return on_unknown_tid(socket, datagram, is_error, slot);
  if (is_error) {
    transfers_.abort(slot);
  } else if (const auto* ack = std::get_if<wire::TftpAck>(&*packet)) {
    transfers_.on_ack(slot, ack->block);
  }
}

// `slot` is the peer's transfer on another socket, or none.
void TftpService::on_unknown_tid(std::uint32_t socket, const io::Datagram& datagram, bool is_error,
                                 std::uint32_t slot) {
  shard_.counters.tftp_unknown_tid.add();
  // The packet is late, and must not disturb the transfer that the peer has begun since.
  if (slot != TftpTransfers::kNone && transfers_.former_socket(slot) == socket) return;
  if (!is_error) sockets_.reply(socket, datagram, wire::TftpErrorCode::unknown_transfer, "unknown transfer");
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
      return on_unknown_tid(socket, datagram, is_error, TftpTransfers::kNone);
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
    return sockets_.reply(unproven.socket, datagram, wire::TftpErrorCode::unknown_transfer,
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
    return sockets_.reply(asked.socket, datagram, wire::TftpErrorCode::undefined, kBusy);
  }
  transfers_.begin(asked, asked_at, *file, machine, next);
}

void TftpService::note(const io::Datagram& datagram, std::string_view file, Answered answered) {
  shard_.note(file, device_in(file), datagram.from.host, Protocol::tftp, answered);
}

void TftpService::refuse(std::uint32_t request_socket, const io::Datagram& datagram, wire::TftpErrorCode code,
                         std::string_view text) {
  sockets_.reply(sockets_.choose(request_socket), datagram, code, text);
}

}  // namespace anchord::service

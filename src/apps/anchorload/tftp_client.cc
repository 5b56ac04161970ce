#include "tftp_client.h"

#include <utility>

namespace anchord::load {
namespace {

// Netascii's line ends, RFC 764: CR LF is a line's end, CR NUL is CR.
bool decode_netascii(Bytes in, bool& pending_return, Buffer& out) {
  out.clear();
  for (const std::uint8_t byte : in) {
    if (pending_return) {
      if (byte != '\n' && byte != 0) return false;
      out.push_back(byte == 0 ? '\r' : '\n');
      pending_return = false;
    } else if (byte == '\r') {
      pending_return = true;
    } else {
      out.push_back(byte);
    }
  }
  return true;
}

}  // namespace

TftpProtocol::TftpProtocol(const Plan& plan, const TftpReadSettings& settings, Copies& copies)
    : plan_(plan), settings_(settings), copies_(copies) {}

Result<std::unique_ptr<Client>> TftpProtocol::make_client(Worker& worker, std::uint32_t id) {
  auto client = std::make_unique<TftpClient>(*this, worker, id);
  ANCHORD_TRY(client->open());
  return client;
}

std::size_t TftpProtocol::datagram_size() const {
  return wire::kTftpDataHeaderSize + settings_.options.blksize.value_or(wire::kTftpDefaultBlockSize);
}

void TftpProtocol::negotiated(std::size_t block_size, std::size_t window) {
  block_size_.store(block_size, std::memory_order_relaxed);
  window_.store(window, std::memory_order_relaxed);
}

TftpClient::TftpClient(TftpProtocol& protocol, Worker& worker, std::uint32_t id)
    : protocol_(protocol),
      worker_(worker),
      id_(id),
      fetch_(*this, worker, id, protocol.settings()),
      copy_(protocol.copies()) {}

void TftpClient::begin(const Task& task) {
  Copies& copies = protocol_.copies();
  const std::uint64_t file = task.number % copies.names().count();
  task_ = task;
  pending_return_ = false;
  copy_.start(file);
  if (Status started = fetch_.start(protocol_.target(), copies.names().name(file)); !started)
    worker_.fail(id_, {ErrorKind::network, started.error().text});
}

std::optional<Failure> TftpClient::on_payload(Bytes payload) {
  worker_.add_bytes(payload.size());
  if (protocol_.settings().mode == wire::TftpMode::netascii) {
    if (!decode_netascii(payload, pending_return_, decoded_)) {
      return Failure{ErrorKind::protocol, "netascii: CR is followed by neither LF nor NUL"};
    }
    payload = decoded_;
  }
  if (!copy_.add(payload)) return Failure{ErrorKind::content, copy_.failure()};
  return std::nullopt;
}

void TftpClient::on_fetched(const Failure* failure) {
  if (fetch_.get().answered()) protocol_.negotiated(fetch_.get().block_size(), fetch_.get().window());
  if (failure != nullptr) return worker_.fail(id_, *failure);
  if (pending_return_) return worker_.fail(id_, {ErrorKind::content, "ends within a line's end"});
  if (!copy_.finish()) return worker_.fail(id_, {ErrorKind::content, copy_.failure()});
  worker_.succeed(id_, task_);
}

}  // namespace anchord::load

#include "tftp_get.h"

#include <fmt/core.h>

#include <cassert>
#include <variant>

#include "anchord/base/writer.h"

namespace anchord::load {

using wire::TftpErrorCode;

void TftpGet::start(std::string_view file, wire::TftpMode mode, const wire::TftpOptions& asked,
                    unsigned max_tries) {
  mode_ = mode;
  max_tries_ = max_tries;
  asked_ = asked;
  answered_ = oack_seen_ = gap_told_ = false;
  block_size_ = wire::kTftpDefaultBlockSize;
  window_ = 1;
  announced_.reset();
  expected_ = 1;
  received_ = 0;
  in_window_ = 0;
  tries_ = 1;
  payload_ = {};
  Writer out{packet_};
  wire::write_tftp_request(out, {.file = file, .mode = mode, .options = asked});
  assert(out.ok());
  packet_size_ = out.size();
}

TftpGet::Next TftpGet::on_packet(Bytes datagram) {
  payload_ = {};
  Parsed<wire::TftpPacket> packet = wire::parse_tftp(datagram);
  if (!packet) return fail(ErrorKind::protocol, "not a TFTP packet: " + packet.error().text());
  if (const auto* data = std::get_if<wire::TftpData>(&*packet)) return on_data(*data);
  if (const auto* oack = std::get_if<wire::TftpOack>(&*packet)) return on_oack(oack->options);
  if (const auto* error = std::get_if<wire::TftpError>(&*packet)) return on_error(*error);
  return fail(ErrorKind::protocol, "a server sends neither requests nor acknowledgements",
              TftpErrorCode::illegal_operation);
}

TftpGet::Next TftpGet::on_timeout() {
  payload_ = {};
  if (tries_ == max_tries_) {
    return fail(ErrorKind::timeout, answered_ ? fmt::format("no block {} in time", expected_)
                                              : "no answer to the request in time");
  }
  ++tries_;
  if (!answered_) return Next::send;
  gap_told_ = false;
  return acknowledge();
}

TftpGet::Next TftpGet::on_error(const wire::TftpError& error) {
  const bool missing = error.code == TftpErrorCode::file_not_found;
  return fail(missing ? ErrorKind::not_found : ErrorKind::server,
              fmt::format("error {}: {}", static_cast<unsigned>(error.code), shown(error.text)));
}

// A server may leave an option out, and give less for a block or a window. It may do
// nothing else.
TftpGet::Next TftpGet::on_oack(const wire::TftpOptions& negotiated) {
  if (answered_) return oack_seen_ && expected_ == 1 ? acknowledge() : Next::wait;
  if (asked_ == wire::TftpOptions{}) {
    return fail(ErrorKind::protocol, "options, and none were asked for", TftpErrorCode::options_refused);
  }
  auto refuse = [&](const char* option) {
    return fail(ErrorKind::protocol, fmt::format("{} is not as it was asked for", option),
                TftpErrorCode::options_refused);
  };
  if (negotiated.blksize && negotiated.blksize > asked_.blksize) return refuse("blksize");
  if (negotiated.windowsize && negotiated.windowsize > asked_.windowsize) return refuse("windowsize");
  if (negotiated.timeout && negotiated.timeout != asked_.timeout) return refuse("timeout");
  if (negotiated.tsize && !asked_.tsize) return refuse("tsize");
  answered_ = oack_seen_ = true;
  block_size_ = negotiated.blksize.value_or(wire::kTftpDefaultBlockSize);
  window_ = negotiated.windowsize.value_or(1);
  announced_ = negotiated.tsize;
  tries_ = 1;
  return acknowledge();
}

TftpGet::Next TftpGet::on_data(const wire::TftpData& data) {
  const auto ahead = static_cast<std::uint16_t>(data.block - expected_);
  if (!answered_) {
    // What is left of an earlier transfer.
    if (ahead != 0) return Next::wait;
    answered_ = true;
  }
  if (data.payload.size() > block_size_) {
    return fail(ErrorKind::protocol,
                fmt::format("a block of {} bytes, negotiated were {}", data.payload.size(), block_size_),
                TftpErrorCode::illegal_operation);
  }
  // The server has not heard the last acknowledgement. What else is old is an echo: to
  // answer that too would double the traffic from here on.
  if (ahead == 0xffff && in_window_ == 0) return acknowledge();
  if (ahead > 0x7fff) return Next::wait;
  if (ahead > 0) {
    // Once for each gap: the server begins its window anew there.
    if (gap_told_) return Next::wait;
    gap_told_ = true;
    return acknowledge();
  }
  ++expected_;
  ++in_window_;
  received_ += data.payload.size();
  payload_ = data.payload;
  gap_told_ = false;
  tries_ = 1;
  const bool last = data.payload.size() < block_size_;
  if (!last) return in_window_ == window_ ? acknowledge() : Next::wait;
  acknowledge();
  // Counted by some servers before line ends are translated.
  if (announced_ && mode_ == wire::TftpMode::octet && received_ != *announced_) {
    failure_ = {ErrorKind::content, fmt::format("{} bytes came, tsize said {}", received_, *announced_)};
    return Next::failed;
  }
  return Next::done;
}

TftpGet::Next TftpGet::acknowledge() {
  in_window_ = 0;
  Writer out{packet_};
  wire::write_tftp_ack(out, static_cast<std::uint16_t>(expected_ - 1));
  packet_size_ = out.size();
  return Next::send;
}

TftpGet::Next TftpGet::fail(ErrorKind kind, std::string text, std::optional<TftpErrorCode> told) {
  Writer out{packet_};
  if (told) wire::write_tftp_error(out, *told, text);
  packet_size_ = told ? out.size() : 0;
  failure_ = {kind, std::move(text)};
  return Next::failed;
}

}  // namespace anchord::load

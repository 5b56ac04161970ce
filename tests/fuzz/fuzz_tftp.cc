// Any packet that parses is the same after it was written and parsed again.
#include <vector>

#include "anchord/wire/tftp.h"
#include "fuzz.h"

using namespace anchord;
using namespace anchord::wire;
using fuzz::require;

namespace {

bool same(const TftpRequest& a, const TftpRequest& b) {
  return a.write == b.write && a.file == b.file && a.mode == b.mode && a.options == b.options;
}
bool same(const TftpData& a, const TftpData& b) {
  return a.block == b.block && same_bytes(a.payload, b.payload);
}
bool same(const TftpAck& a, const TftpAck& b) {
  return a.block == b.block;
}
bool same(const TftpError& a, const TftpError& b) {
  return a.code == b.code && a.text == b.text;
}
bool same(const TftpOack& a, const TftpOack& b) {
  return a.options == b.options;
}

void write(Writer& out, const TftpRequest& p) {
  write_tftp_request(out, p);
}
void write(Writer& out, const TftpData& p) {
  write_tftp_data_header(out, p.block);
  out.bytes(p.payload);
}
void write(Writer& out, const TftpAck& p) {
  write_tftp_ack(out, p.block);
}
void write(Writer& out, const TftpError& p) {
  write_tftp_error(out, p.code, p.text);
}
void write(Writer& out, const TftpOack& p) {
  write_tftp_oack(out, p.options);
}

template <class Packet>
void check(const Packet& packet, std::size_t size) {
  std::vector<std::uint8_t> room(size + 1);  // for an error text's NUL
  Writer out(room);
  write(out, packet);
  require(out.ok(), "a packet fits into what it was read from");
  auto again = parse_tftp(out.written());
  require(again.has_value(), "what was written parses");
  const auto* same_kind = std::get_if<Packet>(&*again);
  require(same_kind != nullptr && same(*same_kind, packet), "it is the same packet");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto packet = parse_tftp({data, size});
  if (!packet) {
    require(packet.error().offset <= size, "an error lies within the input");
    return 0;
  }
  const auto* request = std::get_if<TftpRequest>(&*packet);
  if (request != nullptr) {
    require(!request->file.empty(), "a file has a name");
    if (request->mode == TftpMode::other) return 0;
  }
  std::visit([&](const auto& p) { check(p, size); }, *packet);
  return 0;
}

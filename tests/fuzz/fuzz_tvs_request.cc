// Any request that parses is the same after it was written and parsed again, and the
// size of a message is known from its first ten bytes.
#include <array>

#include "anchord/wire/tvs.h"
#include "fuzz.h"

using namespace anchord;
using namespace anchord::wire;
using fuzz::require;

namespace {

bool same(const VerifyRequest& a, const VerifyRequest& b) {
  return a.session == b.session && same_bytes(a.device, b.device) && same_bytes(a.certificate, b.certificate);
}

bool same(const QueryRequest& a, const QueryRequest& b) {
  return a.session == b.session && same_bytes(a.device, b.device) && a.subject == b.subject &&
         a.issuer == b.issuer && same_bytes(a.serial, b.serial);
}

void write(Writer& out, const VerifyRequest& request) {
  write_verify_request(out, request);
}
void write(Writer& out, const QueryRequest& request) {
  write_query_request(out, request);
}

template <class Request>
void check(const Request& request) {
  // A name without its NUL and a device name without its mark grow by a byte each.
  std::array<std::uint8_t, kTvsHeaderSize + kMaxTvsBody + 8> room;
  Writer out(room);
  write(out, request);
  require(out.ok(), "a request fits into what it was read from");
  if (out.size() > kTvsHeaderSize + kMaxTvsBody) return;
  auto again = parse_tvs_request(out.written());
  require(again.has_value(), "what was written parses");
  const auto* same_kind = std::get_if<Request>(&*again);
  require(same_kind != nullptr && same(*same_kind, request), "it is the same request");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes input(data, size);
  auto request = parse_tvs_request(input);
  if (!request) {
    require(!request.error().text().empty(), "an error says what it is about");
    require(request.error().offset <= size, "an error lies within the input");
    return 0;
  }
  auto message_size = tvs_message_size(input.first(kTvsHeaderSize));
  require(message_size && *message_size == size, "the size is that of the message");
  std::visit([](const auto& r) { check(r); }, *request);
  return 0;
}

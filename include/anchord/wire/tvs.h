// Messages of the Trust Verification Service: a phone asks whether a certificate is
// good (verify), or for the certificate of an issuer and serial number (query).
//
// A message is a header of ten bytes, `0x57, 1, command u8, reserved u8, session
// u32, body length u16`, and items `tag u8, length u16, value`, big-endian. Nothing
// here allocates: requests and responses are views into the message and valid as
// long as it is. Failure: ParseError; the connection it came from is not worth
// keeping. Source: the phones' protocols, docs/formats.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "anchord/base/bytes.h"
#include "anchord/base/reader.h"
#include "anchord/base/writer.h"

namespace anchord::wire {

constexpr std::size_t kTvsHeaderSize = 10;

// A certificate that fills a TLS record of 16 KiB, and names. Real ones are under
// 2 KiB; without the limit the length field lets every silent peer pin 64 KiB.
constexpr std::size_t kMaxTvsBody = 17 * 1024;

// From the first bytes of a message: 0 when more are needed to know, else the size
// of the whole message. Fails as soon as no bytes that follow could make it one.
Parsed<std::size_t> tvs_message_size(Bytes front);

// `device` is what the phone calls itself, such as CP-8861-SEPB000B4BA0AEE. It is
// never judged: it may be missing (empty), and may hold anything.
struct VerifyRequest {
  std::uint32_t session = 0;
  Bytes device;
  Bytes certificate;  // DER
};
struct QueryRequest {
  std::uint32_t session = 0;
  Bytes device;
  std::string_view subject;  // empty: not given
  std::string_view issuer;
  Bytes serial;
};
using TvsRequest = std::variant<VerifyRequest, QueryRequest>;

// `message` is one whole message. Items that a request does not use are skipped,
// for firmware differs, and so are zeros behind the last item; repeated and missing
// items are errors. A device name has no zeros at its end.
Parsed<TvsRequest> parse_tvs_request(Bytes message);

enum class TvsCommand : std::uint8_t {
  verify_request = 1,
  verify_response = 2,
  query_request = 3,
  query_response = 4,
};

struct TvsResponse {
  TvsCommand command = TvsCommand::verify_response;
  std::uint32_t session = 0;
  bool valid = false;  // the certificate is good, or was found
  // What follows is empty unless valid.
  Bytes certificate;                 // of a query
  Bytes roles;                       // one byte each, see Role
  std::optional<std::uint32_t> ttl;  // seconds for which the answer may be kept
};
Parsed<TvsResponse> parse_tvs_response(Bytes message);

// The writers write one whole message into what room is left; the Writer says
// whether it fitted. A body must not exceed what its length field can say.
void write_verify_request(Writer& out, const VerifyRequest& request);
void write_query_request(Writer& out, const QueryRequest& request);
void write_verify_response(Writer& out, std::uint32_t session, bool valid, Bytes roles, std::uint32_t ttl);
// An empty certificate says that none was found.
void write_query_response(Writer& out, std::uint32_t session, Bytes certificate, Bytes roles,
                          std::uint32_t ttl);

}  // namespace anchord::wire

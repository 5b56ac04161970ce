#include "anchord/wire/tvs.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "tlv.h"

namespace anchord::wire {
namespace {

constexpr std::uint8_t kProtocol = 0x57;
constexpr std::uint8_t kProtocolVersion = 1;
constexpr std::size_t kBodyLengthAt = 8;
constexpr std::uint8_t kDeviceMark = 1;  // stands before the text of a device name

enum TvsTag : std::uint8_t {
  kDevice = 1,
  kCertificate = 2,
  kSubject = 3,
  kIssuer = 4,
  kSerial = 5,
  kStatus = 7,
  kRoles = 8,
  kTtl = 9,
};

constexpr std::array<const char*, 10> kTvsItems = {
    nullptr,         "device name", "certificate", "subject name", "issuer name",
    "serial number", nullptr,       "status",      "roles",        "TTL",
};

// The items that each command uses; in its message all others are skipped.
constexpr std::uint32_t used_by(TvsCommand command) {
  constexpr auto bit = SeenTags::bit;
  switch (command) {
    case TvsCommand::verify_request:
      return bit(kDevice) | bit(kCertificate);
    case TvsCommand::verify_response:
      return bit(kStatus) | bit(kRoles) | bit(kTtl);
    case TvsCommand::query_request:
      return bit(kDevice) | bit(kSubject) | bit(kIssuer) | bit(kSerial);
    case TvsCommand::query_response:
      return bit(kStatus) | bit(kCertificate) | bit(kRoles) | bit(kTtl);
  }
  return 0;
}

struct Message {
  TvsCommand command = TvsCommand::verify_request;
  std::uint32_t session = 0;
  Reader body{{}};

  Bytes device;
  Bytes certificate;
  std::string_view subject;
  std::string_view issuer;
  Bytes serial;
  std::uint8_t status = 0;
  Bytes roles;
  std::optional<std::uint32_t> ttl;
  SeenTags seen;

  void require(std::uint8_t tag) { seen.require(tag, kTvsItems, body); }
};

// Some firmware leaves a name's final NUL out, some pads with more.
std::string_view read_loose_name(Item& item) {
  std::string_view name = as_text(item.value.rest());
  name = name.substr(0, name.find_last_not_of('\0') + 1);
  if (name.contains('\0')) item.fail("has a NUL inside");
  return name;
}

void read_value(Item& item, Message& message) {
  Reader& value = item.value;
  switch (item.tag) {
    case kDevice:
      message.device = value.rest();
      if (!message.device.empty() && message.device[0] == kDeviceMark) {
        message.device = message.device.subspan(1);
      }
      while (!message.device.empty() && message.device.back() == 0)
        message.device = message.device.first(message.device.size() - 1);
      return;
    case kCertificate:
      message.certificate = value.rest();
      return;
    case kSubject:
      message.subject = read_loose_name(item);
      return;
    case kIssuer:
      message.issuer = read_loose_name(item);
      return;
    case kSerial:
      message.serial = value.rest();
      return;
    case kStatus:
      message.status = item.fixed(1).u8(item.name);
      return;
    case kRoles:
      message.roles = value.rest();
      return;
    case kTtl:
      message.ttl = item.fixed(4).u32(item.name);
      return;
    default:
      assert(false);
  }
}

bool only_zeros(Reader in) {
  return std::ranges::all_of(in.rest(), [](std::uint8_t b) { return b == 0; });
}

void read_items(Message& message) {
  Reader& body = message.body;
  const std::uint32_t used = used_by(message.command);
  // Zeros up to the end of the body are no item of any length.
  while (body.left() > 0 && !only_zeros(body)) {
    std::uint8_t tag = body.u8("item");
    Item item = read_item(body, tag, kTvsItems);
    if (tag >= kTvsItems.size() || (used & SeenTags::bit(tag)) == 0) continue;
    message.seen.add(item, body);
    read_value(item, message);
    close_item(item, body);
  }
}

// Reads all of a message that has one of two commands. Failures are in its body.
Message read_message(Bytes bytes, TvsCommand one, TvsCommand other) {
  Message message;
  Reader& in = message.body = Reader(bytes);
  Parsed<std::size_t> size = tvs_message_size(bytes);
  if (!size) {
    in.fail_at(size.error().item, size.error().problem, size.error().offset);
  } else if (*size == 0 || *size > bytes.size()) {
    in.fail_at("message", "runs past the end", 0);
  } else if (*size < bytes.size()) {
    in.fail_at("message", "is followed by bytes that do not belong to it", *size);
  }
  in.take(2, "protocol");
  message.command = static_cast<TvsCommand>(in.u8("command"));
  if (message.command != one && message.command != other) in.fail_at("command", "is not expected here", 2);
  in.take(1, "reserved");  // phones and servers leave anything there
  message.session = in.u32("session");
  in.take(2, "body length");
  read_items(message);
  return message;
}

// Writes a message's header, and its body's length when it goes out of scope.
class MessageWriter {
 public:
  MessageWriter(Writer& out, TvsCommand command, std::uint32_t session) : out_(out), begin_(out.size()) {
    out_.u8(kProtocol);
    out_.u8(kProtocolVersion);
    out_.u8(static_cast<std::uint8_t>(command));
    out_.u8(0);
    out_.u32(session);
    out_.u16(0);
  }
  ~MessageWriter() {
    if (out_.ok()) out_.patch_u16(begin_ + kBodyLengthAt, out_.size() - begin_ - kTvsHeaderSize);
  }
  MessageWriter(const MessageWriter&) = delete;
  MessageWriter& operator=(const MessageWriter&) = delete;

  void bytes(std::uint8_t tag, Bytes value) {
    head(tag, value.size());
    out_.bytes(value);
  }
  void name(std::uint8_t tag, std::string_view text) {
    head(tag, text.size() + 1);
    out_.text_with_nul(text);
  }
  void device(Bytes text) {
    if (text.empty()) return;
    head(kDevice, text.size() + 1);
    out_.u8(kDeviceMark);
    out_.bytes(text);
  }
  void status(bool valid) {
    head(kStatus, 1);
    out_.u8(valid ? 0 : 1);
  }
  void ttl(std::uint32_t seconds) {
    head(kTtl, 4);
    out_.u32(seconds);
  }

 private:
  void head(std::uint8_t tag, std::size_t length) {
    out_.u8(tag);
    out_.u16(length);
  }

  Writer& out_;
  std::size_t begin_;
};

}  // namespace

Parsed<std::size_t> tvs_message_size(Bytes front) {
  if (!front.empty() && front[0] != kProtocol) {
    return std::unexpected(ParseError{"protocol", "is not that of TVS", 0});
  }
  if (front.size() > 1 && front[1] != kProtocolVersion) {
    return std::unexpected(ParseError{"protocol version", "is not 1", 1});
  }
  if (front.size() < kTvsHeaderSize) return std::size_t{0};
  std::size_t body = std::size_t{front[kBodyLengthAt]} << 8 | front[kBodyLengthAt + 1];
  if (body > kMaxTvsBody) {
    return std::unexpected(ParseError{
        "body length", "exceeds the limit of 17408 bytes (a certificate and names)", kBodyLengthAt});
  }
  return kTvsHeaderSize + body;
}

Parsed<TvsRequest> parse_tvs_request(Bytes bytes) {
  Message message = read_message(bytes, TvsCommand::verify_request, TvsCommand::query_request);
  if (message.command == TvsCommand::verify_request) {
    message.require(kCertificate);
  } else {
    message.require(kIssuer);
    message.require(kSerial);
  }
  if (!message.body.ok()) return message.body.unexpected();
  if (message.command == TvsCommand::verify_request) {
    return VerifyRequest{
        .session = message.session, .device = message.device, .certificate = message.certificate};
  }
  return QueryRequest{.session = message.session,
                      .device = message.device,
                      .subject = message.subject,
                      .issuer = message.issuer,
                      .serial = message.serial};
}

Parsed<TvsResponse> parse_tvs_response(Bytes bytes) {
  Message message = read_message(bytes, TvsCommand::verify_response, TvsCommand::query_response);
  message.require(kStatus);
  TvsResponse response{.command = message.command, .session = message.session};
  response.valid = message.status == 0;
  if (response.valid) {
    response.certificate = message.certificate;
    response.roles = message.roles;
    response.ttl = message.ttl;
    // An empty certificate would be a found one that is not there.
    if (message.command == TvsCommand::query_response && message.certificate.empty()) {
      message.body.fail(kTvsItems[kCertificate], "is missing");
    }
  }
  if (!message.body.ok()) return message.body.unexpected();
  return response;
}

void write_verify_request(Writer& out, const VerifyRequest& request) {
  MessageWriter message(out, TvsCommand::verify_request, request.session);
  message.device(request.device);
  message.bytes(kCertificate, request.certificate);
}

void write_query_request(Writer& out, const QueryRequest& request) {
  MessageWriter message(out, TvsCommand::query_request, request.session);
  message.device(request.device);
  if (!request.subject.empty()) message.name(kSubject, request.subject);
  message.name(kIssuer, request.issuer);
  message.bytes(kSerial, request.serial);
}

void write_verify_response(Writer& out, std::uint32_t session, bool valid, Bytes roles, std::uint32_t ttl) {
  MessageWriter message(out, TvsCommand::verify_response, session);
  message.status(valid);
  if (!valid) return;
  message.bytes(kRoles, roles);
  message.ttl(ttl);
}

void write_query_response(Writer& out, std::uint32_t session, Bytes certificate, Bytes roles,
                          std::uint32_t ttl) {
  MessageWriter message(out, TvsCommand::query_response, session);
  message.status(!certificate.empty());
  if (certificate.empty()) return;
  message.bytes(kCertificate, certificate);
  message.bytes(kRoles, roles);
  message.ttl(ttl);
}

}  // namespace anchord::wire

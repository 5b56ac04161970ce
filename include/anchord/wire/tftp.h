// TFTP packets: RFC 1350, with the options of RFC 2347 (blksize RFC 2348; timeout
// and tsize RFC 2349; windowsize RFC 7440).
//
// One datagram is one packet. Nothing here allocates: packets are views into the
// datagram and valid as long as it is. Failure: ParseError; such a datagram deserves
// no answer.
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

// RFC 2347 section 2. Stops a request from carrying thousands of options.
constexpr std::size_t kMaxTftpRequest = 512;
// What file systems hold. A request may bear a longer name, which no file has.
constexpr std::size_t kMaxTftpFileName = 255;
constexpr std::size_t kTftpDataHeaderSize = 4;
constexpr std::uint16_t kTftpDefaultBlockSize = 512;
constexpr std::uint16_t kTftpMinBlockSize = 8;
constexpr std::uint16_t kTftpMaxBlockSize = 65464;

enum class TftpMode : std::uint8_t { octet, netascii, mail, other };

struct TftpOptions {
  std::optional<std::uint16_t> blksize;     // bytes, 8 to 65464
  std::optional<std::uint8_t> timeout;      // seconds, 1 to 255
  std::optional<std::uint64_t> tsize;       // bytes; 0 in a read request asks for it
  std::optional<std::uint16_t> windowsize;  // blocks, 1 to 65535
  bool operator==(const TftpOptions&) const = default;
};

// Options that are unknown, or whose value is no number in the RFC's range, are
// left out as RFC 2347 says. Of one that occurs twice the first counts. A larger
// blksize than any is cut to the largest, since a server may always answer with less.
struct TftpRequest {
  bool write = false;
  std::string_view file;
  TftpMode mode = TftpMode::octet;
  TftpOptions options;
};

struct TftpData {
  std::uint16_t block = 0;
  Bytes payload;
};

struct TftpAck {
  std::uint16_t block = 0;
};

enum class TftpErrorCode : std::uint16_t {
  undefined = 0,
  file_not_found = 1,
  access_violation = 2,
  disk_full = 3,
  illegal_operation = 4,
  unknown_transfer = 5,
  file_exists = 6,
  no_such_user = 7,
  options_refused = 8,
};

struct TftpError {
  TftpErrorCode code = TftpErrorCode::undefined;
  std::string_view text;
};

// Unlike a request's, a known option's bad value or second occurrence is an error
// here: the server already acts upon it.
struct TftpOack {
  TftpOptions options;
};

using TftpPacket = std::variant<TftpRequest, TftpData, TftpAck, TftpError, TftpOack>;
Parsed<TftpPacket> parse_tftp(Bytes packet);

// The writers write one whole packet, or the header of one, into what room is left;
// the Writer says whether it fitted. Texts must hold no NUL; a mode must not be
// `other`.
void write_tftp_request(Writer& out, const TftpRequest& request);
void write_tftp_data_header(Writer& out, std::uint16_t block);
void write_tftp_ack(Writer& out, std::uint16_t block);
void write_tftp_error(Writer& out, TftpErrorCode code, std::string_view text);
void write_tftp_oack(Writer& out, const TftpOptions& options);

}  // namespace anchord::wire

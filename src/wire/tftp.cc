#include "anchord/wire/tftp.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <limits>
#include <utility>

#include "anchord/base/ascii.h"

namespace anchord::wire {
namespace {

enum class Opcode : std::uint16_t { read = 1, write = 2, data = 3, ack = 4, error = 5, oack = 6 };

constexpr std::array<std::string_view, 3> kModes = {"octet", "netascii", "mail"};  // by TftpMode

enum Option : std::size_t { kBlksize, kTimeout, kTsize, kWindowsize, kOptionCount };

struct OptionRule {
  const char* name;
  std::uint64_t least;
  std::uint64_t most;
};
constexpr std::array<OptionRule, kOptionCount> kOptions = {{
    {"blksize", kTftpMinBlockSize, kTftpMaxBlockSize},
    {"timeout", 1, 255},
    {"tsize", 0, std::numeric_limits<std::uint64_t>::max()},
    {"windowsize", 1, 65535},
}};

TftpMode mode_of(std::string_view text) {
  for (std::size_t i = 0; i < kModes.size(); ++i) {
    if (same_ignoring_case(text, kModes[i])) return static_cast<TftpMode>(i);
  }
  return TftpMode::other;
}

std::optional<std::uint64_t> decimal(std::string_view text) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  auto [at, problem] = std::from_chars(text.data(), end, value);
  if (problem != std::errc{} || at != end) return std::nullopt;
  return value;
}

bool only_nuls_left(Reader in) {
  return std::ranges::all_of(in.rest(), [](std::uint8_t b) { return b == 0; });
}

std::size_t size_without_zeros(Bytes packet) {
  return static_cast<std::size_t>(as_text(packet).find_last_not_of('\0') + 1);
}

void set_option(TftpOptions& options, std::size_t option, std::uint64_t value) {
  switch (option) {
    case kBlksize:
      options.blksize = static_cast<std::uint16_t>(value);
      return;
    case kTimeout:
      options.timeout = static_cast<std::uint8_t>(value);
      return;
    case kTsize:
      options.tsize = value;
      return;
    case kWindowsize:
      options.windowsize = static_cast<std::uint16_t>(value);
      return;
    default:
      assert(false);
  }
}

enum class Strictness { request, answer };

void read_options(Reader& in, TftpOptions& options, Strictness strictness) {
  std::array<bool, kOptionCount> seen{};
  // Some phones end a request with one NUL too many.
  while (in.left() > 0 && !only_nuls_left(in)) {
    std::size_t offset = in.offset();
    std::string_view name = in.text_until_nul("option name");
    std::string_view text = in.text_until_nul("option value");
    if (!in.ok()) return;
    auto same = [&](const OptionRule& rule) { return same_ignoring_case(name, rule.name); };
    auto rule = std::ranges::find_if(kOptions, same);
    if (rule == kOptions.end()) continue;
    auto option = static_cast<std::size_t>(rule - kOptions.begin());
    if (std::exchange(seen[option], true)) {
      if (strictness == Strictness::answer) return in.fail_at(rule->name, "occurs twice", offset);
      continue;
    }

    std::optional<std::uint64_t> value = decimal(text);
    if (strictness == Strictness::request && option == kBlksize && value) {
      value = std::min<std::uint64_t>(*value, kTftpMaxBlockSize);
    }
    if (value && *value >= rule->least && *value <= rule->most) {
      set_option(options, option, *value);
    } else if (strictness == Strictness::answer) {
      return in.fail_at(rule->name, "is no number in the range of its RFC", offset);
    }
  }
}

TftpRequest read_request(Reader& in, bool write) {
  TftpRequest request{.write = write};
  std::size_t offset = in.offset();
  request.file = in.text_until_nul("file name");
  if (request.file.empty()) in.fail_at("file name", "is empty", offset);
  request.mode = mode_of(in.text_until_nul("mode"));
  read_options(in, request.options, Strictness::request);
  return request;
}

TftpData read_data(Reader& in) {
  TftpData data{.block = in.u16("block")};
  if (in.left() > kTftpMaxBlockSize) in.fail("data", "is longer than the limit of 65464 bytes");
  data.payload = in.rest();
  return data;
}

// The code says that the transfer is over, and so whatever follows it is taken.
TftpError read_error(Reader& in) {
  TftpError error{.code = static_cast<TftpErrorCode>(in.u16("error code"))};
  std::string_view text = as_text(in.rest());
  error.text = text.substr(0, text.find('\0'));
  return error;
}

void write_opcode(Writer& out, Opcode opcode) {
  out.u16(static_cast<std::uint16_t>(opcode));
}

void write_option(Writer& out, Option option, std::optional<std::uint64_t> value) {
  if (!value) return;
  std::array<char, 20> digits;  // as many as 64 bits need
  char* end = std::to_chars(digits.data(), digits.data() + digits.size(), *value).ptr;
  out.text_with_nul(kOptions[option].name);
  out.text_with_nul({digits.data(), end});
}

void write_options(Writer& out, const TftpOptions& options) {
  write_option(out, kBlksize, options.blksize);
  write_option(out, kTimeout, options.timeout);
  write_option(out, kTsize, options.tsize);
  write_option(out, kWindowsize, options.windowsize);
}

}  // namespace

Parsed<TftpPacket> parse_tftp(Bytes packet) {
  Reader in(packet);
  TftpPacket parsed;
  auto opcode = static_cast<Opcode>(in.u16("opcode"));
  bool has_options = opcode == Opcode::read || opcode == Opcode::write || opcode == Opcode::oack;
  // Some send their whole buffer, which is zeros behind the request.
  if (has_options && size_without_zeros(packet) >= kMaxTftpRequest) {
    in.fail_at("packet", "is larger than the limit of 512 bytes", kMaxTftpRequest);
  }
  switch (opcode) {
    case Opcode::read:
    case Opcode::write:
      parsed = read_request(in, opcode == Opcode::write);
      break;
    case Opcode::data:
      parsed = read_data(in);
      break;
    case Opcode::ack:
      parsed = TftpAck{.block = in.u16("block")};
      in.rest();  // some send as much as they received, and nothing in it can matter
      break;
    case Opcode::error:
      parsed = read_error(in);
      break;
    case Opcode::oack:
      read_options(in, parsed.emplace<TftpOack>().options, Strictness::answer);
      break;
    default:
      in.fail_at("opcode", "is not known", 0);
  }
  if (!in.ok()) return in.unexpected();
  return parsed;
}

void write_tftp_request(Writer& out, const TftpRequest& request) {
  assert(request.mode != TftpMode::other);
  write_opcode(out, request.write ? Opcode::write : Opcode::read);
  out.text_with_nul(request.file);
  out.text_with_nul(kModes[static_cast<std::size_t>(request.mode)]);
  write_options(out, request.options);
}

void write_tftp_data_header(Writer& out, std::uint16_t block) {
  write_opcode(out, Opcode::data);
  out.u16(block);
}

void write_tftp_ack(Writer& out, std::uint16_t block) {
  write_opcode(out, Opcode::ack);
  out.u16(block);
}

void write_tftp_error(Writer& out, TftpErrorCode code, std::string_view text) {
  write_opcode(out, Opcode::error);
  out.u16(static_cast<std::uint16_t>(code));
  out.text_with_nul(text);
}

void write_tftp_oack(Writer& out, const TftpOptions& options) {
  write_opcode(out, Opcode::oack);
  write_options(out, options);
}

}  // namespace anchord::wire

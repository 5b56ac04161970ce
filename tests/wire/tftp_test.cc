#include "anchord/wire/tftp.h"

#include <string>
#include <vector>

#include "samples.h"

namespace anchord::wire {
namespace {

using namespace test;

Buffer packet(std::uint8_t opcode, const std::vector<std::string>& texts) {
  Buffer out = {0, opcode};
  for (const std::string& t : texts) {
    out.insert(out.end(), t.begin(), t.end());
    out.push_back(0);
  }
  return out;
}

template <class T>
T parsed(const Buffer& bytes) {
  auto result = parse_tftp(bytes);
  EXPECT_TRUE(result) << error_of(result);
  const T* value = result ? std::get_if<T>(&*result) : nullptr;
  EXPECT_NE(value, nullptr);
  return value != nullptr ? *value : T{};
}

TftpOptions options_of(std::vector<std::string> texts) {
  texts.insert(texts.begin(), {"file", "octet"});
  return parsed<TftpRequest>(packet(1, texts)).options;
}

template <class Write>
Buffer written(Write&& write) {
  Buffer room(kMaxTftpRequest);
  Writer out(room);
  write(out);
  EXPECT_TRUE(out.ok());
  return to_buffer(out.written());
}

std::string error_in(const Buffer& bytes) {
  return error_of(parse_tftp(bytes));
}

TEST(TftpRequests, PlainRead) {
  const Buffer bytes = packet(1, {"ITLFile.tlv", "octet"});
  auto request = parsed<TftpRequest>(bytes);
  EXPECT_FALSE(request.write);
  EXPECT_EQ(request.file, "ITLFile.tlv");
  EXPECT_EQ(request.mode, TftpMode::octet);
  EXPECT_EQ(request.options, TftpOptions{});
  EXPECT_EQ(written([&](Writer& out) { write_tftp_request(out, request); }), bytes);
}

TEST(TftpRequests, AllOptionsBothWays) {
  const Buffer bytes =
      packet(1, {"a/b", "netascii", "blksize", "1428", "timeout", "3", "tsize", "0", "windowsize", "16"});
  auto request = parsed<TftpRequest>(bytes);
  EXPECT_EQ(request.mode, TftpMode::netascii);
  EXPECT_EQ(request.options.blksize, 1428);
  EXPECT_EQ(request.options.timeout, 3);
  EXPECT_EQ(request.options.tsize, 0u);
  EXPECT_EQ(request.options.windowsize, 16);
  EXPECT_EQ(written([&](Writer& out) { write_tftp_request(out, request); }), bytes);
}

TEST(TftpRequests, ModesInAnyCase) {
  auto mode = [](const std::string& text) { return parsed<TftpRequest>(packet(2, {"f", text})).mode; };
  EXPECT_EQ(mode("OCTET"), TftpMode::octet);
  EXPECT_EQ(mode("NetASCII"), TftpMode::netascii);
  EXPECT_EQ(mode("mail"), TftpMode::mail);
  EXPECT_EQ(mode("binary"), TftpMode::other);
  EXPECT_EQ(mode("octets"), TftpMode::other);
  EXPECT_EQ(mode(""), TftpMode::other);
  EXPECT_TRUE(parsed<TftpRequest>(packet(2, {"f", "octet"})).write);
}

TEST(TftpRequests, ForgivesNulsAtTheEnd) {
  for (std::size_t nuls = 1; nuls < 4; ++nuls) {
    Buffer bytes = packet(1, {"ITLFile.tlv", "octet"});
    bytes.resize(bytes.size() + nuls);
    EXPECT_EQ(parsed<TftpRequest>(bytes).file, "ITLFile.tlv");
    bytes = packet(1, {"f", "octet", "tsize", "0"});
    bytes.resize(bytes.size() + nuls);
    EXPECT_EQ(parsed<TftpRequest>(bytes).options.tsize, 0u);
  }
}

TEST(TftpRequests, OptionsInAnyCaseAndUnknownOnes) {
  TftpOptions options = options_of({"multicast", "", "BlkSize", "8", "utimeout", "1", "TSIZE", "0"});
  EXPECT_EQ(options.blksize, 8);
  EXPECT_EQ(options.tsize, 0u);
  EXPECT_FALSE(options.timeout || options.windowsize);
}

TEST(TftpRequests, TheFirstOfTwoOptionsCounts) {
  TftpOptions options = options_of({"blksize", "512", "tsize", "x", "BLKSIZE", "1024", "tsize", "0"});
  EXPECT_EQ(options.blksize, 512);
  EXPECT_FALSE(options.tsize);
}

TEST(TftpRequests, LeavesOutWhatIsNoNumberInRange) {
  for (const char* value :
       {"7", "0", "", "-512", "+512", " 512", "512 ", "0x200", "5.5", "18446744073709551616"}) {
    EXPECT_FALSE(options_of({"blksize", value}).blksize) << value;
  }
  for (const char* value : {"0", "256", "x"}) EXPECT_FALSE(options_of({"timeout", value}).timeout) << value;
  for (const char* value : {"0", "65536"})
    EXPECT_FALSE(options_of({"windowsize", value}).windowsize) << value;
  for (const char* value : {"-1", "18446744073709551616"}) {
    EXPECT_FALSE(options_of({"tsize", value}).tsize) << value;
  }
  // Those that are right beside a wrong one still count.
  EXPECT_EQ(options_of({"blksize", "no", "timeout", "255"}).timeout, 255);
}

TEST(TftpRequests, TakesTheLimitsOfTheRfcs) {
  EXPECT_EQ(options_of({"blksize", "8"}).blksize, 8);
  EXPECT_EQ(options_of({"blksize", "00512"}).blksize, 512);
  EXPECT_EQ(options_of({"blksize", "65464"}).blksize, 65464);
  EXPECT_EQ(options_of({"blksize", "65465"}).blksize, 65464);
  EXPECT_EQ(options_of({"blksize", "18446744073709551615"}).blksize, 65464);
  EXPECT_EQ(options_of({"timeout", "1"}).timeout, 1);
  EXPECT_EQ(options_of({"windowsize", "65535"}).windowsize, 65535);
  EXPECT_EQ(options_of({"tsize", "18446744073709551615"}).tsize, ~std::uint64_t{0});
}

TEST(TftpRequests, NamesWhatIsWrong) {
  EXPECT_EQ(error_in(packet(1, {"", "octet"})), "item 'file name' at offset 2: is empty");
  EXPECT_EQ(error_in(packet(1, {"f"})), "item 'mode' at offset 4: is not ended by a NUL");
  EXPECT_EQ(error_in(packet(1, {})), "item 'file name' at offset 2: is not ended by a NUL");
  EXPECT_EQ(error_in(packet(1, {"f", "octet", "tsize"})),
            "item 'option value' at offset 16: is not ended by a NUL");
  Buffer cut = packet(1, {"f", "octet", "tsize", "0"});
  cut.pop_back();
  EXPECT_EQ(error_in(cut), "item 'option value' at offset 16: is not ended by a NUL");
}

TEST(TftpRequests, EveryTruncationButAfterAnOptionIsAnError) {
  const Buffer bytes = packet(1, {"file", "octet", "blksize", "512", "tsize", "0"});
  const std::size_t after_mode = 2 + 5 + 6;
  const std::size_t after_blksize = after_mode + 8 + 4;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    auto result = parse_tftp(to_buffer(Bytes(bytes).first(size)));
    ASSERT_EQ(result.has_value(), size == after_mode || size == after_blksize) << size;
    ASSERT_TRUE(result || result.error().offset <= size) << size;
  }
}

TEST(TftpRequests, KeepsToItsLimits) {
  EXPECT_EQ(parsed<TftpRequest>(packet(1, {std::string(500, 'n'), "octet"})).file.size(), 500u);
  Buffer bytes = packet(1, {"f", "octet", std::string(490, 'o'), "1234567890"});
  bytes.resize(kMaxTftpRequest);
  EXPECT_EQ(error_in(bytes), "no error");
  // Zeros behind it do not count: some send the whole buffer that they have.
  bytes.resize(4 + 512);
  EXPECT_EQ(error_in(bytes), "no error");
  bytes = packet(1, {"f", "octet", std::string(490, 'o'), "1234567890"});
  bytes.resize(kMaxTftpRequest + 1, 'x');
  EXPECT_EQ(error_in(bytes), "item 'packet' at offset 512: is larger than the limit of 512 bytes");
}

TEST(TftpRequests, PaddedWithZeros) {
  Buffer plain = packet(1, {"f", "octet"}), options = packet(1, {"f", "octet", "blksize", "1024"});
  for (std::size_t size : {20U, 511U, 512U, 516U, 1468U}) {
    plain.resize(size);
    EXPECT_EQ(parsed<TftpRequest>(plain).file, "f") << size;
    EXPECT_EQ(parsed<TftpRequest>(plain).options, TftpOptions());
    options.resize(std::max(size, options.size()));
    EXPECT_EQ(parsed<TftpRequest>(options).options.blksize, 1024);
  }
}

TEST(TftpTransfers, DataAndAckBothWays) {
  Buffer data = {0, 3, 0xff, 0xfe, 'a', 'b'};
  auto block = parsed<TftpData>(data);
  EXPECT_EQ(block.block, 0xfffe);
  EXPECT_EQ(as_text(block.payload), "ab");
  EXPECT_EQ(written([](Writer& out) { write_tftp_data_header(out, 0xfffe); }), (Buffer{0, 3, 0xff, 0xfe}));
  EXPECT_TRUE(parsed<TftpData>({0, 3, 0, 1}).payload.empty());

  EXPECT_EQ(parsed<TftpAck>({0, 4, 1, 2}).block, 0x102);
  EXPECT_EQ(parsed<TftpAck>({0, 4, 1, 2, 0, 0, 7}).block, 0x102);
  EXPECT_EQ(written([](Writer& out) { write_tftp_ack(out, 0x102); }), (Buffer{0, 4, 1, 2}));
}

TEST(TftpTransfers, DataKeepsToTheLargestBlock) {
  Buffer data(kTftpDataHeaderSize + kTftpMaxBlockSize);
  data[1] = 3;
  EXPECT_EQ(parsed<TftpData>(data).payload.size(), kTftpMaxBlockSize);
  data.push_back(0);
  EXPECT_EQ(error_in(data), "item 'data' at offset 4: is longer than the limit of 65464 bytes");
}

TEST(TftpTransfers, NamesWhatIsWrong) {
  EXPECT_EQ(error_in({}), "item 'opcode' at offset 0: runs past the end");
  EXPECT_EQ(error_in({0}), "item 'opcode' at offset 0: runs past the end");
  EXPECT_EQ(error_in({0, 0, 0, 0}), "item 'opcode' at offset 0: is not known");
  EXPECT_EQ(error_in({0, 7, 0, 0}), "item 'opcode' at offset 0: is not known");
  EXPECT_EQ(error_in({1, 1, 'f', 0}), "item 'opcode' at offset 0: is not known");
  EXPECT_EQ(error_in({0, 3, 1}), "item 'block' at offset 2: runs past the end");
  EXPECT_EQ(error_in({0, 4, 1}), "item 'block' at offset 2: runs past the end");
  EXPECT_EQ(error_in({0, 5, 0}), "item 'error code' at offset 2: runs past the end");
}

TEST(TftpErrors, BothWays) {
  Buffer bytes =
      written([](Writer& out) { write_tftp_error(out, TftpErrorCode::illegal_operation, "no writes"); });
  EXPECT_EQ(bytes, join({{0, 5, 0, 4}, text("no writes"), {0}}));
  auto error = parsed<TftpError>(bytes);
  EXPECT_EQ(error.code, TftpErrorCode::illegal_operation);
  EXPECT_EQ(error.text, "no writes");
}

TEST(TftpErrors, CountWithoutProperTexts) {
  EXPECT_EQ(parsed<TftpError>({0, 5, 0, 1}).text, "");
  EXPECT_EQ(parsed<TftpError>({0, 5, 0, 1, 'x'}).text, "x");
  EXPECT_EQ(parsed<TftpError>({0, 5, 0, 1, 'x', 0, 'y'}).text, "x");
  EXPECT_EQ(parsed<TftpError>({0, 5, 0, 99}).code, static_cast<TftpErrorCode>(99));
}

TEST(TftpOacks, BothWays) {
  TftpOptions options;
  options.blksize = 1428;
  options.tsize = 27'000'000'000;
  Buffer bytes = written([&](Writer& out) { write_tftp_oack(out, options); });
  EXPECT_EQ(bytes, packet(6, {"blksize", "1428", "tsize", "27000000000"}));
  EXPECT_EQ(parsed<TftpOack>(bytes).options, options);
}

TEST(TftpOacks, ABadValueIsAnError) {
  EXPECT_EQ(error_in(packet(6, {"blksize", "7"})),
            "item 'blksize' at offset 2: is no number in the range of its RFC");
  EXPECT_EQ(error_in(packet(6, {"blksize", "65465"})),
            "item 'blksize' at offset 2: is no number in the range of its RFC");
  EXPECT_EQ(error_in(packet(6, {"tsize", "1", "TSIZE", "1"})), "item 'tsize' at offset 10: occurs twice");
  EXPECT_EQ(error_in(packet(6, {"tsize", "1", "timeout", ""})),
            "item 'timeout' at offset 10: is no number in the range of its RFC");
}

}  // namespace
}  // namespace anchord::wire

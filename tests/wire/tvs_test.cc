#include "anchord/wire/tvs.h"

#include "samples.h"

namespace anchord::wire {
namespace {

using namespace test;

template <class Write>
Buffer written(Write&& write) {
  Buffer room(kTvsHeaderSize + kMaxTvsBody);
  Writer out(room);
  write(out);
  EXPECT_TRUE(out.ok());
  return to_buffer(out.written());
}

Buffer message(std::uint8_t command, std::initializer_list<Buffer> items, std::uint8_t reserved = 0) {
  Buffer body = join(items);
  return join({{0x57, 1, command, reserved, 0, 0, 0, 7, static_cast<std::uint8_t>(body.size() >> 8),
                static_cast<std::uint8_t>(body.size())},
               body});
}

std::string request_error(const Buffer& bytes) {
  return error_of(parse_tvs_request(bytes));
}
std::string response_error(const Buffer& bytes) {
  return error_of(parse_tvs_response(bytes));
}

const Buffer kDevice = item(1, text("\1CP-8861"));
const Buffer kCertificate = item(2, text("der"));
const Buffer kIssuer = name_item(4, "CN=i");
const Buffer kSerial = item(5, {1});

TEST(TvsRequest, PublishedQueryBothWays) {
  Buffer bytes = vector_hex("tvs/query-request-published.hex");
  ASSERT_EQ(bytes.size(), 153u);
  auto request = parse_tvs_request(bytes);
  ASSERT_TRUE(request) << error_of(request);
  const auto* query = std::get_if<QueryRequest>(&*request);
  ASSERT_NE(query, nullptr);
  EXPECT_EQ(query->session, 0x3e9u);
  EXPECT_EQ(as_text(query->device), "CP-8861-SEPB000B4BA0AEE");
  EXPECT_EQ(query->subject, "CN=ucm11pub.stormin.local;OU=IST;O=Stormin;L=Brisbane;ST=QLD;C=AU");
  EXPECT_EQ(query->issuer, "CN=stormin-WIN2012-CA");
  EXPECT_EQ(to_hex(query->serial), "24000000179479b8f124ac3f3b000000000017");
  EXPECT_EQ(written([&](Writer& out) { write_query_request(out, *query); }), bytes);
}

TEST(TvsRequest, VectorsBothWays) {
  Buffer bytes = vector_hex("tvs/verify-request.hex");
  auto request = parse_tvs_request(bytes);
  ASSERT_TRUE(request) << error_of(request);
  const auto* verify = std::get_if<VerifyRequest>(&*request);
  ASSERT_NE(verify, nullptr);
  EXPECT_EQ(verify->session, 1u);
  EXPECT_EQ(as_text(verify->device), "CP-8861-SEP001122334455");
  EXPECT_EQ(verify->certificate.size(), 513u);
  EXPECT_EQ(written([&](Writer& out) { write_verify_request(out, *verify); }), bytes);

  bytes = vector_hex("tvs/query-request-tftp.hex");
  request = parse_tvs_request(bytes);
  ASSERT_TRUE(request) << error_of(request);
  const auto* query = std::get_if<QueryRequest>(&*request);
  ASSERT_NE(query, nullptr);
  EXPECT_EQ(written([&](Writer& out) { write_query_request(out, *query); }), bytes);
}

TEST(TvsRequest, AnyReservedByteAndUnusedItems) {
  // A certificate in a query and items nobody knows, even twice, are passed over.
  Buffer bytes = message(3,
                         {item(200, {}), item(0, {1}), item(31, {}), item(6, {}), item(200, {}), kCertificate,
                          kCertificate, kIssuer, kSerial},
                         0xf7);
  auto request = parse_tvs_request(bytes);
  ASSERT_TRUE(request) << error_of(request);
  const auto* query = std::get_if<QueryRequest>(&*request);
  ASSERT_NE(query, nullptr);
  EXPECT_EQ(query->session, 7u);
  EXPECT_TRUE(query->device.empty());
  EXPECT_EQ(query->subject, "");
  EXPECT_EQ(query->issuer, "CN=i");
}

TEST(TvsRequest, NeverJudgesADeviceName) {
  auto device = [](const Buffer& value) {
    Buffer bytes = message(1, {item(1, value), kCertificate});
    auto request = parse_tvs_request(bytes);
    EXPECT_TRUE(request) << error_of(request);
    return request ? std::string(as_text(std::get<VerifyRequest>(*request).device)) : "refused";
  };
  EXPECT_EQ(device({}), "");
  EXPECT_EQ(device({1}), "");
  EXPECT_EQ(device({1, 1, 'a'}), "\1a");
  EXPECT_EQ(device(text("SEP")), "SEP");
  EXPECT_EQ(device({1, 0, 0xff}), std::string("\0\xff", 2));
}

TEST(TvsRequest, ForgivesNamesWithoutTheirNul) {
  Buffer bytes = message(3, {item(3, text("CN=s")), item(4, text("CN=i")), kSerial});
  auto request = parse_tvs_request(bytes);
  ASSERT_TRUE(request) << error_of(request);
  EXPECT_EQ(std::get<QueryRequest>(*request).subject, "CN=s");
  EXPECT_EQ(std::get<QueryRequest>(*request).issuer, "CN=i");
}

TEST(TvsRequest, NamesWhatIsWrong) {
  EXPECT_EQ(request_error(message(1, {kDevice})), "item 'certificate' at offset 21: is missing");
  EXPECT_EQ(request_error(message(3, {kDevice, kSerial})), "item 'issuer name' at offset 25: is missing");
  EXPECT_EQ(request_error(message(3, {kDevice, kIssuer})), "item 'serial number' at offset 29: is missing");
  EXPECT_EQ(request_error(message(1, {kDevice, kDevice, kCertificate})),
            "item 'device name' at offset 21: occurs twice");
  EXPECT_EQ(request_error(message(1, {kCertificate, kDevice, kCertificate})),
            "item 'certificate' at offset 27: occurs twice");
  EXPECT_EQ(request_error(message(3, {kIssuer, kSerial, kSerial})),
            "item 'serial number' at offset 22: occurs twice");
  EXPECT_EQ(request_error(message(1, {{2, 0, 4, 'd', 'e', 'r'}})),
            "item 'certificate' at offset 10: runs past the end");
  EXPECT_EQ(request_error(message(1, {kCertificate, {99, 0}})),
            "item 'unknown item' at offset 16: runs past the end");
  EXPECT_EQ(request_error(message(1, {kCertificate, {99, 0, 1}})),
            "item 'unknown item' at offset 16: runs past the end");
  EXPECT_EQ(request_error(message(3, {item(4, {'a', 0, 'b', 0}), kSerial})),
            "item 'issuer name' at offset 10: has a NUL inside");
  EXPECT_EQ(request_error(message(1, {})), "item 'certificate' at offset 10: is missing");
}

TEST(TvsRequest, ZerosBehindAreNothing) {
  Buffer name = message(3, {item(4, {'a', 0, 0, 0}), item(3, {0, 0}), kSerial});
  auto query = std::get<QueryRequest>(parse_tvs_request(name).value());
  EXPECT_EQ(query.issuer, "a");
  EXPECT_EQ(query.subject, "");
  for (std::size_t zeros = 1; zeros < 9; ++zeros)
    EXPECT_EQ(request_error(message(1, {kCertificate, Buffer(zeros)})), "no error") << zeros;
  EXPECT_NE(request_error(message(1, {kCertificate, {0, 0, 1}})), "no error");
  Buffer device = message(1, {item(1, {1, 'S', 'E', 'P', 0, 0}), kCertificate});
  EXPECT_EQ(as_text(std::get<VerifyRequest>(parse_tvs_request(device).value()).device), "SEP");
}

TEST(TvsRequest, TakesTwoCommandsOnly) {
  for (unsigned command = 0; command < 256; ++command) {
    if (command == 1 || command == 3) continue;
    ASSERT_EQ(request_error(message(static_cast<std::uint8_t>(command), {kCertificate, kIssuer, kSerial})),
              "item 'command' at offset 2: is not expected here");
  }
}

TEST(TvsRequest, TakesOneWholeMessageOnly) {
  for (const char* name : {"tvs/verify-request.hex", "tvs/query-request-published.hex"}) {
    Buffer bytes = vector_hex(name);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      auto request = parse_tvs_request(to_buffer(Bytes(bytes).first(size)));
      ASSERT_FALSE(request) << size;
      ASSERT_LE(request.error().offset, size);
    }
    bytes.push_back(0);
    EXPECT_EQ(request_error(bytes), "item 'message' at offset " + std::to_string(bytes.size() - 1) +
                                        ": is followed by bytes that do not belong to it");
  }
}

// A body that ends early by its own length leaves items cut or missing.
TEST(TvsRequest, EveryShorterBodyIsAnError) {
  const Buffer bytes = vector_hex("tvs/query-request-published.hex");
  for (std::size_t body = 0; body < bytes.size() - kTvsHeaderSize; ++body) {
    Buffer cut = to_buffer(Bytes(bytes).first(kTvsHeaderSize + body));
    cut[8] = 0;
    cut[9] = static_cast<std::uint8_t>(body);
    ASSERT_FALSE(parse_tvs_request(cut)) << body;
  }
}

TEST(TvsMessageSize, KnowsItFromTenBytes) {
  const Buffer bytes = vector_hex("tvs/verify-request.hex");
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    auto known = tvs_message_size(Bytes(bytes).first(size));
    ASSERT_TRUE(known);
    ASSERT_EQ(*known, size < kTvsHeaderSize ? 0 : bytes.size());
  }
}

TEST(TvsMessageSize, FailsAsSoonAsItCan) {
  EXPECT_EQ(error_of(tvs_message_size(text("G"))), "item 'protocol' at offset 0: is not that of TVS");
  EXPECT_EQ(error_of(tvs_message_size(Buffer{0x57, 2})), "item 'protocol version' at offset 1: is not 1");
  EXPECT_EQ(*tvs_message_size(Buffer{0x57}), 0u);
  // 17 KiB are 0x4400.
  EXPECT_EQ(*tvs_message_size(Buffer{0x57, 1, 1, 0, 0, 0, 0, 1, 0x44, 0}), kTvsHeaderSize + kMaxTvsBody);
  EXPECT_EQ(error_of(tvs_message_size(Buffer{0x57, 1, 1, 0, 0, 0, 0, 1, 0x44, 1})),
            "item 'body length' at offset 8: exceeds the limit of 17408 bytes (a certificate and names)");
}

TEST(TvsResponse, VectorsBothWays) {
  Buffer bytes = vector_hex("tvs/verify-response-valid.hex");
  auto response = parse_tvs_response(bytes);
  ASSERT_TRUE(response) << error_of(response);
  EXPECT_EQ(response->command, TvsCommand::verify_response);
  EXPECT_EQ(response->session, 1u);
  EXPECT_TRUE(response->valid);
  EXPECT_EQ(to_hex(response->roles), "07");
  EXPECT_EQ(response->ttl, 86400u);
  EXPECT_EQ(written([](Writer& out) { write_verify_response(out, 1, true, Buffer{7}, 86400); }), bytes);

  bytes = vector_hex("tvs/verify-response-invalid.hex");
  response = parse_tvs_response(bytes);
  ASSERT_TRUE(response) << error_of(response);
  EXPECT_FALSE(response->valid);
  EXPECT_EQ(written([](Writer& out) { write_verify_response(out, 1, false, Buffer{7}, 86400); }), bytes);

  bytes = vector_hex("tvs/query-response-tftp.hex");
  response = parse_tvs_response(bytes);
  ASSERT_TRUE(response) << error_of(response);
  EXPECT_EQ(response->command, TvsCommand::query_response);
  EXPECT_EQ(response->session, 7u);
  EXPECT_EQ(response->certificate.size(), 981u);
  EXPECT_EQ(to_hex(response->roles), "0002");
  EXPECT_EQ(written([&](Writer& out) {
              write_query_response(out, 7, response->certificate, response->roles, *response->ttl);
            }),
            bytes);
}

TEST(TvsResponse, NotFoundIsAStatusOnly) {
  Buffer bytes = written([](Writer& out) { write_query_response(out, 7, {}, Buffer{1}, 60); });
  EXPECT_EQ(bytes, message(4, {item(7, {1})}));
  auto response = parse_tvs_response(bytes);
  ASSERT_TRUE(response);
  EXPECT_FALSE(response->valid);
}

TEST(TvsResponse, ARefusalCarriesNothing) {
  Buffer bytes = message(4, {kCertificate, item(8, {0}), item(7, {2}), item(9, {0, 0, 0, 9})});
  auto response = parse_tvs_response(bytes);
  ASSERT_TRUE(response) << error_of(response);
  EXPECT_FALSE(response->valid);
  EXPECT_TRUE(response->certificate.empty() && response->roles.empty());
  EXPECT_FALSE(response->ttl);
}

TEST(TvsResponse, NamesWhatIsWrong) {
  EXPECT_EQ(response_error(message(2, {item(8, {0})})), "item 'status' at offset 14: is missing");
  EXPECT_EQ(response_error(message(2, {item(7, {})})), "item 'status' at offset 10: has the wrong length");
  EXPECT_EQ(response_error(message(2, {item(7, {0, 0})})),
            "item 'status' at offset 10: has the wrong length");
  EXPECT_EQ(response_error(message(2, {item(7, {0}), item(7, {1})})),
            "item 'status' at offset 14: occurs twice");
  EXPECT_EQ(response_error(message(2, {item(7, {0}), item(9, {0, 0, 1})})),
            "item 'TTL' at offset 14: has the wrong length");
  EXPECT_EQ(response_error(message(4, {item(7, {0}), item(8, {0})})),
            "item 'certificate' at offset 18: is missing");
  EXPECT_EQ(response_error(message(1, {item(7, {0})})), "item 'command' at offset 2: is not expected here");
  Buffer bytes = vector_hex("tvs/query-response-tftp.hex");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ASSERT_FALSE(parse_tvs_response(to_buffer(Bytes(bytes).first(size)))) << size;
  }
}

TEST(TvsWriters, TellWhenTheyDoNotFit) {
  const Buffer certificate(100, 1);
  for (std::size_t room = 0; room < 200; ++room) {
    Buffer memory(room);
    Writer out(memory);
    write_query_response(out, 1, certificate, Buffer{0, 3}, 60);
    // 10, and items of 1, 100, 2 and 4 bytes.
    ASSERT_EQ(out.ok(), room >= 10 + 4 * 3 + 107) << room;
  }
}

TEST(TvsWriters, AppendToWhatIsThere) {
  Buffer both = written([](Writer& out) {
    write_verify_response(out, 1, true, Buffer{7}, 86400);
    write_verify_response(out, 1, false, {}, 0);
  });
  EXPECT_EQ(both, join({vector_hex("tvs/verify-response-valid.hex"),
                        vector_hex("tvs/verify-response-invalid.hex")}));
}

}  // namespace
}  // namespace anchord::wire

#include "codec.h"

#include <gtest/gtest.h>

namespace anchord::engine {
namespace {

using Of = Compare::Of;
using Is = Compare::Is;

TEST(Codec, RequestsByteForByte) {
  EXPECT_EQ(encode_range({.keys = KeyRange::one("k")}), R"({"key":"aw=="})");
  EXPECT_EQ(encode_range({.keys = KeyRange::prefix("k"), .at = 9, .limit = 10, .keys_only = true}),
            R"({"key":"aw==","keys_only":true,"limit":"10","range_end":"bA==","revision":"9"})");
  EXPECT_EQ(encode_txn({}), R"({"compare":[],"failure":[],"success":[]})");
  EXPECT_EQ(encode_txn({.compares = {Compare::unchanged("a", 7),
                                     Compare::absent("b"),
                                     Compare::has("c", "v"),
                                     Compare::none_after(KeyRange::prefix("d"), 9),
                                     {KeyRange::one("e"), Of::created, Is::greater, 1, {}},
                                     {KeyRange::one("f"), Of::value, Is::different, 0, {}}}}),
            R"({"compare":[{"key":"YQ==","mod_revision":"7","result":"EQUAL","target":"MOD"},)"
            R"({"create_revision":"0","key":"Yg==","result":"EQUAL","target":"CREATE"},)"
            R"({"key":"Yw==","result":"EQUAL","target":"VALUE","value":"dg=="},)"
            R"({"key":"ZA==","mod_revision":"10","range_end":"ZQ==","result":"LESS","target":"MOD"},)"
            R"({"create_revision":"1","key":"ZQ==","result":"GREATER","target":"CREATE"},)"
            R"({"key":"Zg==","result":"NOT_EQUAL","target":"VALUE","value":""}],"failure":[],)"
            R"("success":[]})");
  EXPECT_EQ(encode_txn({.then = {Put{"a", "v", 5}, Put{"b", ""}, Delete{KeyRange::one("c")}},
                        .otherwise = {Get{.keys = KeyRange::one("d")}}}),
            R"({"compare":[],"failure":[{"request_range":{"key":"ZA=="}}],)"
            R"("success":[{"request_put":{"key":"YQ==","lease":"5","value":"dg=="}},)"
            R"({"request_put":{"key":"Yg==","value":""}},{"request_delete_range":{"key":"Yw=="}}]})");
  EXPECT_EQ(
      encode_watch(KeyRange::one("k"), 12),
      R"({"create_request":{"fragment":true,"key":"aw==","progress_notify":true,"start_revision":"12"}})");
  EXPECT_EQ(encode_grant(15), R"({"TTL":"15"})");
  EXPECT_EQ(encode_lease(7587899241102941449), R"({"ID":"7587899241102941449"})");
  EXPECT_EQ(encode_user("a\"b", "c\\d"), R"({"name":"a\"b","password":"c\\d"})");
}

// As etcd 3.4.23 has answered.
constexpr const char* kHeader =
    R"("header":{"cluster_id":"14841639068965178418","member_id":"10276657743932975437",)"
    R"("revision":"2","raft_term":"2"})";
std::string with_header(std::string_view rest) {
  return "{" + std::string(kHeader) + std::string(rest) + "}";
}

TEST(Codec, AnswersAsEtcdGivesThem) {
  const auto range = decode_range(
      with_header(R"(,"kvs":[{"key":"YS9r","create_revision":"2","mod_revision":"2","version":"1",)"
                  R"("value":"djE=","lease":"3"}],"more":true,"count":"8")"));
  ASSERT_TRUE(range) << range.error().text;
  EXPECT_EQ(range->values, (std::vector<KeyValue>{{"a/k", "v1", 2, 2, 3}}));
  EXPECT_TRUE(range->more);
  EXPECT_EQ(range->count, 8U);
  EXPECT_EQ(range->revision, 2);

  const auto txn =
      decode_txn(with_header(R"(,"succeeded":true,"responses":[{"response_put":{"header":{"revision":"2"}}},)"
                             R"({"response_range":{"header":{"revision":"2"},)"
                             R"("kvs":[{"key":"YQ==","value":"Yg=="}],"count":"1"}},)"
                             R"({"response_delete_range":{"header":{"revision":"2"},"deleted":"4"}}])"));
  ASSERT_TRUE(txn) << txn.error().text;
  EXPECT_TRUE(txn->succeeded);
  ASSERT_EQ(txn->answers.size(), 3U);
  EXPECT_EQ(txn->answers[1].values.at(0).value, "b");
  EXPECT_EQ(txn->answers[2].count, 4U);

  EXPECT_EQ(decode_grant(with_header(R"(,"ID":"7587899241102941449","TTL":"15")")).value(),
            7587899241102941449);
  EXPECT_EQ(decode_token(with_header(R"(,"token":"abc.12")")).value(), "abc.12");
  const auto status = decode_status(with_header(
      R"(,"version":"3.4.23","dbSize":"20480","leader":"10276657743932975437","dbSizeInUse":"16384")"));
  ASSERT_TRUE(status) << status.error().text;
  EXPECT_EQ(status->cluster, 14841639068965178418U);
  EXPECT_EQ(status->status.version, "3.4.23");
  EXPECT_EQ(status->status.used, 16384U);
  EXPECT_TRUE(status->status.has_leader);
}

TEST(Codec, LinesOfStreams) {
  const auto line =
      decode_line(R"({"result":{)" + std::string(kHeader) +
                  R"(,"events":[{"kv":{"key":"YQ==","create_revision":"2","mod_revision":"2","version":"1",)"
                  R"("value":"Yg=="}},)"
                  R"({"type":"DELETE","kv":{"key":"YQ==","mod_revision":"3"}}],"fragment":true}})");
  ASSERT_TRUE(line) << line.error().text;
  ASSERT_EQ(line->events.size(), 2U);
  EXPECT_EQ(line->events[0].at, (KeyValue{"a", "b", 2, 2, 0}));
  EXPECT_FALSE(line->events[0].deleted);
  EXPECT_EQ(line->events[1].at, (KeyValue{"a", "", 0, 3, 0}));
  EXPECT_TRUE(line->events[1].deleted);
  EXPECT_TRUE(line->fragment);

  const auto error =
      decode_line(R"({"error":{"grpc_code":14,"http_code":503,"message":"etcdserver: no leader",)"
                  R"("http_status":"Service Unavailable"}})");
  ASSERT_TRUE(error && error->refused);
  EXPECT_TRUE(error->refusal.no_leader());
  const auto compacted =
      decode_line(R"({"result":{)" + std::string(kHeader) + R"(,"canceled":true,"compact_revision":"2"}})");
  ASSERT_TRUE(compacted && compacted->canceled);
  EXPECT_EQ(compacted->compacted, 2);
  EXPECT_EQ(decode_line(R"({"result":{)" + std::string(kHeader) + R"(,"ID":"1","TTL":"15"}})")->ttl, 15);
}

TEST(Codec, NumbersMayBeNumbers) {
  EXPECT_EQ(decode_range(R"({"header":{"revision":2},"count":3})")->count, 3U);
}

TEST(Codec, FieldsOfAnotherKindAreNamed) {
  const auto wrong = [](std::string_view answer) {
    const auto out = decode_range(answer);
    return out ? "" : out.error().text;
  };
  const auto named = [&](std::string_view answer, std::string_view field) {
    EXPECT_EQ(wrong(answer), "an answer that is not etcd's (field '" + std::string(field) + "')") << answer;
  };
  named("", "document");
  named("7", "document");
  named("{", "document");
  named("{} {}", "document");
  named("{}", "revision");
  named(R"({"header":7})", "header");
  named(R"({"header":{"revision":"-1"}})", "revision");
  named(R"({"header":{"revision":-1}})", "revision");
  named(R"({"header":{"revision":1.5}})", "revision");
  named(R"({"header":{"revision":"1 "}})", "revision");
  named(R"({"header":{"revision":"9223372036854775808"}})", "revision");
  named(R"({"header":{"revision":"99999999999999999999"}})", "revision");
  named(with_header(R"(,"kvs":{})"), "kvs");
  named(with_header(R"(,"kvs":[7])"), "key");
  named(with_header(R"(,"kvs":[{"key":"a"}])"), "key");
  named(with_header(R"(,"kvs":[{"key":"YQ==","value":7}])"), "value");
  named(with_header(R"(,"more":"yes")"), "more");
  EXPECT_FALSE(decode_token(with_header(R"(,"token":"a\r\nX: y")")));
  EXPECT_FALSE(decode_token(with_header("")));
  EXPECT_FALSE(decode_grant(with_header("")));
  EXPECT_FALSE(decode_status("{}"));
  EXPECT_FALSE(decode_line("{}"));
  EXPECT_FALSE(decode_line(R"({"result":{)" + std::string(kHeader) + R"(,"events":[{}]}})"));
  EXPECT_FALSE(decode_line(R"({"result":{)" + std::string(kHeader) +
                           R"(,"events":[{"type":"X","kv":{"mod_revision":"1"}}]}})"));
  EXPECT_FALSE(decode_refusal("{}"));
}

TEST(Codec, HowDeepADocumentMayBe) {
  const auto nested = [](int levels) {
    return with_header(R"(,"x":)" + std::string(levels, '[') + std::string(levels, ']'));
  };
  EXPECT_TRUE(decode_range(nested(kMaxDepth - 1)));
  EXPECT_FALSE(decode_range(nested(kMaxDepth)));
  EXPECT_FALSE(decode_range(nested(100'000)));
}

TEST(Codec, WhatEtcdSaysIsOneLine) {
  const auto refusal = decode_refusal(R"({"error":"a\nb\u001b[2J","code":3})");
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->text, "a\\u000ab\\u001b[2J");
  EXPECT_LT(decode_refusal(R"({"error":")" + std::string(100'000, 'x') + R"("})")->text.size(), 400U);
}

}  // namespace
}  // namespace anchord::engine

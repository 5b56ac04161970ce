// Messages of the control socket: each comes out as it went in, and what is none is refused by one line.
#include "anchord/protocol/message.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace anchord::protocol {
namespace {

const std::string kHead = R"({"protocol":1,"anchord":"0.0.1",)";

std::string answer_with(const std::string& kind, const std::string& body) {
  return kHead + R"("answer":")" + kind + R"(","body":)" + body + "}\n";
}

std::string request_with(const std::string& kind, const std::string& body) {
  return kHead + R"("request":")" + kind + R"(","body":)" + body + "}\n";
}

// Every field has another value than one that was not read.
Status full_status() {
  Status out;
  out.version = "0.1.0";
  out.pid = 4711;
  out.host = "cucm1";
  out.started_at = 1'795'000'000;
  out.shards = 2;
  out.draining = true;
  out.listening = {
      .tvs = "192.0.2.1:2445", .tftp = "192.0.2.1:69", .http = "192.0.2.1:6970", .https = "192.0.2.1:6971"};
  out.mode = "mixed";
  out.rollback = true;
  out.tls_min = "1.2";
  out.refuse_expired = true;
  out.snapshot = {.version = 7,
                  .published_at = 1'795'000'001,
                  .store_change = -3,
                  .certificates = 8,
                  .files = 9,
                  .problem = "the disk is full",
                  .behind_since = 1'795'000'002};
  out.memory = {.limit = 1'000'000,
                .limited_by = "--max-memory",
                .for_files = 2,
                .files = 3,
                .superseded = 4,
                .superseded_limit = 5,
                .failures = 18'446'744'073'709'551'615U};
  out.provisioning = {
      .files = 1,
      .bytes = 2,
      .signatures_made = 3,
      .signatures_kept = 4,
      .watching = true,
      .cache_problem = "no room",
      .making = {.done = 5, .of = 6},
      .problem_count = 3,
      .problems =
          {{.file = "provisioning/a", .reason = "is no XML", .since = 7, .served = Served::last_good},
           {.file = "provisioning/b", .reason = "is \"odd\"\n", .since = 8, .served = Served::nothing},
           {.file = "devices/c", .reason = "\xc3\xbc", .since = 9, .served = Served::as_it_is}},
      .warning_count = 1,
      .warnings = {{.file = "provisioning/d", .reason = "is odd", .since = 10}},
      .held = {.files = 11, .certificates = 12, .until = 13}};
  out.ledger = {.devices = 1,
                .pending = 2,
                .noted = 3,
                .written = 4,
                .dropped = 5,
                .last_written = 6,
                .problem = "busy"};
  out.own_lists = {
      .served = 1, .withdrawn = {{"ITLSEP001122334455.tlv", "it would lock it"}}, .withdrawn_count = 2};
  out.backup = {.last = 1, .holds_tftp_key = true, .problem = "none"};
  out.engine = {.member = true,
                .members = "http://etcd1:2379",
                .change = 57,
                .newest = 58,
                .heard = 1795000004,
                .problem = "out of reach"};
  out.expiry = {{.certificate = "the tvs certificate CN=one",
                 .sha256 = "00ff",
                 .own = true,
                 .not_before = 1,
                 .not_after = 2,
                 .days_left = -3}};
  out.counters = {{"tvs_open", 1}, {"tftp_bytes", 2}};
  out.devices = {.known = 2,
                 .recent = {{.device = "SEP001122334455",
                             .questions = 1,
                             .last_asked = 2,
                             .last_question = Question::query,
                             .last_answer = false,
                             .files = {{.file = "ITLFile.tlv",
                                        .version = "00000000000000aa",
                                        .completed = 3,
                                        .failed = 4,
                                        .last = 5,
                                        .protocol = "tftp",
                                        .from = "192.0.2.9"}}},
                            {.device = "SEP001122334456",
                             .questions = 0,
                             .last_asked = {},
                             .last_question = {},
                             .last_answer = {},
                             .files = {}}},
                 .guessing = {{"192.0.2.7", 1'795'000'003}}};
  return out;
}

std::vector<Request> requests() {
  return {ChangedRequest(), StatusRequest(), ConfirmRequest(),
          TraceRequest{.device = "SEP001122334455", .seconds = 600, .since = 18'446'744'073'709'551'615U}};
}

std::vector<Answer> answers() {
  return {Changed(),
          full_status(),
          Status(),
          Confirmed{.files = 3, .certificates = 1},
          Trace{.device = "SEP001122334455",
                .last = 9,
                .events = {{.number = 8,
                            .at = 1'795'000'000'123,
                            .address = "192.0.2.1",
                            .protocol = "tvs",
                            .what = "is the certificate 01 good?",
                            .outcome = "found"}}},
          Starting{.what = "signing 2048 of 4900 files"},
          Refused{.reason = "no"}};
}

std::string reason(const Result<Request>& request) {
  return request ? "taken" : request.error().text;
}
std::string reason(const Result<Answer>& answer) {
  return answer ? "taken" : answer.error().text;
}

void expect_one_line(const std::string& text) {
  EXPECT_LT(text.size(), 300U) << text;
  EXPECT_EQ(text.find('\n'), text.npos) << text;
}

TEST(Message, ComesOutAsItWentIn) {
  for (const Request& request : requests()) {
    const std::string text = encode_request(request);
    EXPECT_LE(text.size(), kMaxRequest);
    EXPECT_EQ(text.find('\n'), text.size() - 1) << "one line";
    auto again = decode_request(text);
    ASSERT_TRUE(again) << again.error().text;
    EXPECT_EQ(*again, request);
  }
  for (const Answer& answer : answers()) {
    const std::string text = encode_answer(answer);
    EXPECT_EQ(text.find('\n'), text.size() - 1) << "one line";
    auto again = decode_answer(text);
    ASSERT_TRUE(again) << again.error().text;
    EXPECT_TRUE(*again == answer) << text;
  }
}

// Who changes what a message of a version holds makes programs that call each other the same and are not.
TEST(Message, AVersionHoldsWhatItAlwaysHeld) {
  ASSERT_EQ(kVersion, 1U) << "write down here what the new version holds";
  EXPECT_EQ(encode_request(requests().back()),
            R"({"anchord":")" ANCHORD_VERSION R"(","body":{"device":"SEP001122334455","seconds":600,)"
            R"("since":18446744073709551615},"protocol":1,"request":"trace"})"
            "\n");
  EXPECT_EQ(encode_answer(Confirmed{.files = 3, .certificates = 1}),
            R"({"anchord":")" ANCHORD_VERSION
            R"(","answer":"confirm","body":{"certificates":1,"files":3},"protocol":1})"
            "\n");
  EXPECT_EQ(
      status_document(full_status()),
      R"({"backup":{"holds_tftp_key":true,"last":1,"problem":"none"},)"
      R"("counters":{"tftp_bytes":2,"tvs_open":1},)"
      R"("devices":{"guessing":{"192.0.2.7":1795000003},"known":2,"recent":[{"device":"SEP001122334455",)"
      R"("files":[{"completed":3,"failed":4,"file":"ITLFile.tlv","from":"192.0.2.9","last":5,)"
      R"("protocol":"tftp","version":"00000000000000aa"}],"last_answer":false,"last_asked":2,)"
      R"("last_question":"query","questions":1},{"device":"SEP001122334456","files":[],"last_answer":null,)"
      R"("last_asked":null,"last_question":null,"questions":0}]},"draining":true,)"
      R"("engine":{"change":57,"heard":1795000004,"member":true,"members":"http://etcd1:2379","newest":58,)"
      R"("problem":"out of reach"},)"
      R"("expiry":[{"certificate":"the tvs certificate CN=one","days_left":-3,"not_after":2,"not_before":1,)"
      R"("own":true,"sha256":"00ff"}],"host":"cucm1","ledger":{"devices":1,"dropped":5,"last_written":6,)"
      R"("noted":3,"pending":2,"problem":"busy","written":4},"listening":{"http":"192.0.2.1:6970",)"
      R"("https":"192.0.2.1:6971","tftp":"192.0.2.1:69","tvs":"192.0.2.1:2445"},"memory":{"failures":)"
      R"(18446744073709551615,"files":3,"for_files":2,"limit":1000000,"limited_by":"--max-memory",)"
      R"("superseded":4,"superseded_limit":5},"mode":"mixed","own_lists":{"served":1,"withdrawn":)"
      R"({"ITLSEP001122334455.tlv":"it would lock it"},"withdrawn_count":2},"pid":4711,)"
      R"("provisioning":{"bytes":2,)"
      R"("cache_problem":"no room","files":1,"held":{"certificates":12,"files":11,"until":13},)"
      R"("making":{"done":5,"of":6},"problem_count":3,"problems":[{"file":"provisioning/a",)"
      R"("reason":"is no XML","served":"last good","since":7},{"file":"provisioning/b",)"
      R"("reason":"is \"odd\"\n","served":"nothing","since":8},{"file":"devices/c","reason":"ü",)"
      R"("served":"as it is","since":9}],"signatures_kept":4,"signatures_made":3,"warning_count":1,)"
      R"("warnings":[{"file":"provisioning/d","reason":"is odd","since":10}],"watching":true},)"
      R"("refuse_expired":true,"rollback":true,"shards":2,"snapshot":{"behind_since":1795000002,)"
      R"("certificates":8,"files":9,"problem":"the disk is full","published_at":1795000001,)"
      R"("store_change":-3,"version":7},"started_at":1795000000,"tls_min":"1.2","version":"0.1.0"})");
}

TEST(Message, OfAnotherVersionNamesBothAndTheRemedy) {
  EXPECT_EQ(reason(decode_answer(R"({"protocol":2,"anchord":"0.9.0","answer":"status","body":{}})"
                                 "\n")),
            "the running service is Anchord 0.9.0 with version 2 of the control protocol, and this "
            "is " ANCHORD_VERSION
            " with "
            "version 1: restart the service, or use the anchorctl that was installed with it");
  EXPECT_EQ(
      reason(decode_request(R"({"protocol":18446744073709551615,"anchord":7})"
                            "\n")),
      "the program that asks is Anchord unknown with version 18446744073709551615 of the control protocol, "
      "and this is " ANCHORD_VERSION
      " with version 1: use the anchorctl that was installed with this service");
  // Whatever else is in it, however long it calls itself, and in whatever letters.
  expect_one_line(reason(decode_answer("{\"protocol\":0,\"anchord\":\"\\n\\n\"}\n")));
  expect_one_line(reason(decode_answer(R"({"protocol":0,"anchord":")" + std::string(5'000, 'x') + "\"}\n")));
}

TEST(Message, WhatIsNoAnswerIsRefusedByALine) {
  const std::pair<std::string, std::string> cases[] = {
      {"unknown request\n", "it is no JSON object"},  // of before there was a protocol
      {"[]\n", "it is no JSON object"},
      {"{}\n", "it does not say its version of the protocol"},
      {"{\"protocol\":\"1\"}\n", "it does not say its version of the protocol"},
      {"{\"protocol\":-1}\n", "it does not say its version of the protocol"},
      {"{\"protocol\":1}\n", "it holds no answer"},
      {request_with("status", "{}"), "it holds no answer"},
      {kHead + "\"answer\":\"status\"}\n", "it holds no answer"},
      {kHead + "\"answer\":7,\"body\":{}}\n", "it holds no answer"},
      {answer_with("stat", "{}"), "it is of no known kind"},
      {answer_with("status", "[]"), "its body is no object"},
      {answer_with("status", "{}"), "'version' is missing"},
      {answer_with("confirm", R"({"files":-1,"certificates":0})"),
       "'files' is no number from 0 to 18446744073709551615"},
      {answer_with("confirm", R"({"files":1.5,"certificates":0})"),
       "'files' is no number from 0 to 18446744073709551615"},
      {answer_with("confirm", R"({"files":1e999,"certificates":0})"), "it is no JSON object"},
      {answer_with("starting", R"({"what":["signing"]})"), "'what' is no text"},
      {answer_with("starting", "{\"what\":\"\xff\"}"), "it is no JSON object"},
      {answer_with("trace", R"({"device":"SEP","last":1,"events":{}})"), "'events' is no array"},
      {answer_with("trace", R"({"device":"SEP","last":1,"events":[{}]})"), "'events.number' is missing"},
      {answer_with("trace", R"({"device":"SEP","last":1,"events":[{"number":1,"at":9223372036854775808}]})"),
       "'events.at' is no whole number of 64 bits"},
      {answer_with("changed", std::string(kMaxDepth, '[') + std::string(kMaxDepth, ']')),
       "it has more than 8 levels"},
      {std::string(kMaxAnswer - 1, '[') + "\n", "it has more than 8 levels"}};
  for (const auto& [message, why] : cases) {
    const std::string said = reason(decode_answer(message));
    EXPECT_EQ(said, "the running service gave no answer of the control protocol (" + why +
                        "): restart it, so that it is of the same version as this program");
    expect_one_line(said);
  }
}

// What has nothing to do with versions does not advise as if it had.
TEST(Message, AnAnswerThatDoesNotEndSaysWhatHappened) {
  EXPECT_EQ(reason(decode_answer("")),
            "the running service closed the connection without an answer: its log says why, ask again");
  EXPECT_EQ(
      reason(decode_answer("{\"protocol\":1")),
      "the running service closed the connection in the middle of its answer (13 bytes had come): its log "
      "says why, ask again");
  EXPECT_EQ(
      reason(decode_answer(std::string(kMaxAnswer, ' ') + "\n")),
      "the running service sends more than the 1 MiB that an answer may have: use the anchorctl that was "
      "installed with it");
}

TEST(Message, AStatusWithAFieldOfAnotherTypeIsRefused) {
  const std::string good = encode_answer(full_status());
  auto with = [&](std::string_view there, std::string_view instead) {
    const std::size_t at = good.find(there);
    EXPECT_NE(at, good.npos) << there;
    std::string bad = good;
    return reason(decode_answer(bad.replace(at, there.size(), instead)));
  };
  EXPECT_EQ(
      with("\"draining\"", "\"drained\""),
      "the running service gave no answer of the control protocol ('draining' is missing): restart it, so "
      "that it is of the same version as this program");
  EXPECT_NE(with(R"("draining":true)", R"("draining":1)").find("'draining' is neither true nor false"),
            std::string::npos);
  EXPECT_NE(with(R"("served":"last good")", R"("served":"nobody")")
                .find("'provisioning.problems.served' is none of its values"),
            std::string::npos);
  EXPECT_NE(with(R"("tvs_open":1)", R"("tvs_open":true)").find("'counters' is no number from 0 to"),
            std::string::npos);
  EXPECT_NE(
      with(R"("problem":"the disk is full")", R"("problem":null)").find("'snapshot.problem' is no text"),
      std::string::npos);
  EXPECT_NE(with(R"({"192.0.2.7":1795000003})", "[]").find("'devices.guessing' is no object"),
            std::string::npos);
  // What a newer service of the same version says besides is nothing to this one.
  EXPECT_EQ(with(R"("draining":true)", R"("draining":true,"more":[{}])"), "taken");
}

TEST(Message, WhatIsNoRequestIsRefusedByALine) {
  const std::pair<std::string, std::string> cases[] = {
      {"status\n", "it is no JSON object"},
      {"\n", "it is no JSON object"},
      {"{\"protocol\":1", "it is cut off after 13 bytes"},
      {std::string(kMaxRequest, ' ') + "\n", "it is larger than 256 bytes"},
      {answer_with("changed", "{}"), "it holds no request"},
      {request_with("starting", "{}"), "it is of no known kind"},
      {request_with("trace", R"({"device":1,"seconds":1,"since":0})"), "'device' is no text"},
      {request_with("trace", R"({"device":"SEP","seconds":4294967296,"since":0})"),
       "'seconds' is no number from 0 to 4294967295"},
      {request_with("trace", R"({"device":"SEP","seconds":1})"), "'since' is missing"},
      {request_with("changed", "null"), "its body is no object"},
      {std::string(kMaxRequest - 1, '[') + "\n", "it has more than 8 levels"}};
  for (const auto& [message, why] : cases) {
    const std::string said = reason(decode_request(message));
    EXPECT_EQ(said, "this is no request of the control protocol (" + why +
                        "): use the anchorctl that was installed with the service");
    expect_one_line(said);
  }
  expect_one_line(request_too_late().text);
}

TEST(Message, EveryCutOfAMessageIsRefused) {
  const std::string answer = encode_answer(full_status());
  for (std::size_t size = 0; size < answer.size(); ++size) {
    EXPECT_FALSE(decode_answer(std::string_view(answer).substr(0, size))) << size;
    EXPECT_FALSE(decode_answer(answer.substr(0, size) + "\n") && size + 1 < answer.size()) << size;
  }
  const std::string request = encode_request(requests().back());
  for (std::size_t size = 0; size < request.size(); ++size)
    EXPECT_FALSE(decode_request(std::string_view(request).substr(0, size))) << size;
}

TEST(Message, AnAnswerThatWouldBeTooLargeIsARefusal) {
  Status status;
  for (int i = 0; i < 20'000; ++i) status.own_lists.withdrawn[std::to_string(i)] = std::string(100, 'x');
  const std::string text = encode_answer(status);
  EXPECT_LE(text.size(), kMaxAnswer);
  auto answer = decode_answer(text);
  ASSERT_TRUE(answer) << answer.error().text;
  auto status_again = expect<Status>(*answer);
  ASSERT_FALSE(status_again);
  EXPECT_EQ(
      status_again.error().text,
      "the running service refuses that: the answer would be larger than 1 MiB: the log of the service says "
      "what there is so much of");
}

TEST(Message, AnotherAnswerThanWasAskedForIsAnError) {
  EXPECT_EQ(expect<Confirmed>(Confirmed{.files = 3, .certificates = 1})->files, 3U);
  EXPECT_EQ(expect<Status>(Starting{.what = "reading the store"}).error().text,
            "it is starting: reading the store");
  EXPECT_EQ(expect<Status>(Refused{.reason = "why"}).error().text, "the running service refuses that: why");
  EXPECT_EQ(expect<Status>(Changed()).error().text,
            "the running service gave no answer of the control protocol (it is another than was asked for): "
            "restart it, so that it is of the same version as this program");
}

// Texts of others in a message change nothing but themselves.
TEST(Message, TextsAreAsTheyWere) {
  for (const std::string& text :
       {std::string("a\nb\"\\{}"), std::string("\0\x1b[2J", 5), std::string("\xe2\x80\xae")}) {
    auto answer = decode_answer(encode_answer(Refused{.reason = text}));
    ASSERT_TRUE(answer) << answer.error().text;
    EXPECT_EQ(std::get<Refused>(*answer).reason, text);
  }
  // What is no UTF-8 is replaced, and no reason to say nothing.
  EXPECT_EQ(std::get<Refused>(*decode_answer(encode_answer(Refused{.reason = "a\xff"}))).reason,
            "a\xef\xbf\xbd");
}

}  // namespace
}  // namespace anchord::protocol

// Requests in whatever pieces they come, and what is none.
#include "request_reader.h"

#include <gtest/gtest.h>

#include <string>

#include "admin_limits.h"

namespace anchord::admin::test {
namespace {

using Outcome = RequestReader::Outcome;

constexpr const char* kPlain =
    "GET /metrics?a=b HTTP/1.1\r\nHost: 127.0.0.1:9445\r\nAccept: text/plain\r\n\r\n";

struct Read {
  Outcome outcome = Outcome::more;
  ReadRequest request;
  Page refusal;
};

Read read(std::string_view text, std::size_t piece = 1'000'000) {
  RequestReader reader;
  Read out;
  while (out.outcome == Outcome::more && !text.empty()) {
    reader.give(as_bytes(text.substr(0, piece)));
    text.remove_prefix(std::min(piece, text.size()));
    out.outcome = reader.next(out.request);
  }
  out.refusal = reader.refusal();
  return out;
}

unsigned refused(std::string_view text) {
  const Read out = read(text);
  EXPECT_EQ(out.outcome, Outcome::refused) << text;
  EXPECT_EQ(out.refusal.body.find('\n'), out.refusal.body.size() - 1) << out.refusal.body;
  return out.refusal.status;
}

TEST(AdminRequests, AreReadInAnyPieces) {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{1000}}) {
    const Read out = read(kPlain, piece);
    ASSERT_EQ(out.outcome, Outcome::request);
    EXPECT_EQ(out.request.request.path, "/metrics");
    EXPECT_EQ(out.request.request.query, "a=b");
    EXPECT_EQ(out.request.request.accept, "text/plain");
    EXPECT_EQ(out.request.host, "127.0.0.1");
    EXPECT_FALSE(out.request.head);
    EXPECT_TRUE(out.request.keeps_alive);
  }
}

TEST(AdminRequests, ComeOneBehindTheOther) {
  RequestReader reader;
  reader.give(
      as_bytes(std::string(kPlain) + "HEAD / HTTP/1.1\r\nHost: [::1]:9445\r\nConnection: close\r\n\r\nGET"));
  ReadRequest request;
  ASSERT_EQ(reader.next(request), Outcome::request);
  EXPECT_EQ(request.request.path, "/metrics");
  ASSERT_EQ(reader.next(request), Outcome::request);
  EXPECT_EQ(request.request.path, "/");
  EXPECT_EQ(request.host, "[::1]");
  EXPECT_TRUE(request.head);
  EXPECT_FALSE(request.keeps_alive);
  EXPECT_EQ(reader.next(request), Outcome::more);
  EXPECT_TRUE(reader.has_begun());
}

TEST(AdminRequests, AreDecoded) {
  const Read out = read("GET /a%2Fb%3Cscript%3E?x=1&y=%3C%20%26&z HTTP/1.1\r\nHost: localhost\r\n\r\n");
  ASSERT_EQ(out.outcome, Outcome::request);
  EXPECT_EQ(out.request.request.path, "/a/b<script>");
  EXPECT_EQ(out.request.request.parameter("x"), "1");
  EXPECT_EQ(out.request.request.parameter("y"), "< &");
  EXPECT_EQ(out.request.request.parameter("z"), "");
  EXPECT_EQ(out.request.request.parameter("w"), "");
  EXPECT_EQ(out.request.host, "localhost");
}

TEST(AdminRequests, ThatAreNoneAreRefused) {
  EXPECT_EQ(refused("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"), 413u);
  EXPECT_EQ(refused("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"), 413u);
  EXPECT_EQ(refused("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), 413u);
  EXPECT_EQ(refused("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n"), 405u);
  EXPECT_EQ(refused("GET / HTTP/1.1\r\n\r\n"), 400u);
  EXPECT_EQ(refused("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400u);
  EXPECT_EQ(refused("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400u);
  EXPECT_EQ(refused("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n"), 400u);
  EXPECT_EQ(refused("GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n"), 400u);
  EXPECT_EQ(refused("GET /%0a HTTP/1.1\r\nHost: a\r\n\r\n"), 400u);
  EXPECT_EQ(refused("GET /\r\n\r\n"), 400u);
  EXPECT_EQ(refused("\x16\x03\x01\r\n\r\n"), 400u);
  EXPECT_EQ(refused("GET / HTTP/1.1\r\nHost: a\r\n b: c\r\n\x01: x\r\n\r\n"), 400u);
}

TEST(AdminRequests, HaveHeadsOfSomeSize) {
  const std::string begin = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
  const std::string end = "\r\n\r\n";
  const std::string most = begin + std::string(kMaxHead - 1 - begin.size() - end.size(), 'x') + end;
  EXPECT_EQ(read(most).outcome, Outcome::request);
  EXPECT_EQ(refused(begin + std::string(kMaxHead, 'x')), 431u);
}

TEST(AdminRoutes, AreFoundByTheirPath) {
  const std::vector<Route> routes{
      {.path = "/", .answer = {}}, {.path = "/a", .answer = {}}, {.path = "/b/", .answer = {}}};
  EXPECT_EQ(find_route(routes, "/"), &routes[0]);
  EXPECT_EQ(find_route(routes, "/a"), &routes[1]);
  EXPECT_EQ(find_route(routes, "/a/b"), nullptr);
  EXPECT_EQ(find_route(routes, "/b"), nullptr);
  EXPECT_EQ(find_route(routes, "/b/c/d"), &routes[2]);
}

}  // namespace
}  // namespace anchord::admin::test

#include "anchord/wire/http.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>

namespace anchord::wire {
namespace {

struct Outcome {
  std::shared_ptr<const std::string> text;  // what the request looks into
  std::size_t size = 0;
  HttpRequest request;
  std::optional<HttpStatus> refused;
};

Outcome parse(const std::string& text) {
  Outcome out{.text = std::make_shared<std::string>(text)};
  auto parsed = parse_http_request(as_bytes(*out.text), out.request);
  if (parsed) {
    out.size = *parsed;
  } else {
    out.refused = parsed.error().status;
  }
  return out;
}

// A request with these fields, Host not counted.
std::string get(const std::string& target, const std::string& fields = "",
                const std::string& method = "GET") {
  return method + " " + target + " HTTP/1.1\r\nHost: 192.0.2.1:6970\r\n" + fields + "\r\n";
}

std::string name_of(std::string_view target) {
  std::array<char, 255> room;
  auto name = http_file_name(target, room);
  return name ? std::string(*name) : "(none)";
}

TEST(HttpRequest, SaysWhatIsAsked) {
  std::string text =
      get("/SEP001122334455.cnf.xml", "Range: bytes=1-2\r\nIf-Range: \"a\"\r\nIf-None-Match:\t*  \r\n");
  Outcome out = parse(text + "GET /next");
  ASSERT_EQ(out.size, text.size());
  EXPECT_EQ(out.request.method, HttpMethod::get);
  EXPECT_EQ(out.request.target, "/SEP001122334455.cnf.xml");
  EXPECT_EQ(out.request.range, "bytes=1-2");
  EXPECT_EQ(out.request.if_range, "\"a\"");
  EXPECT_EQ(out.request.if_none_match, "*");
  EXPECT_TRUE(out.request.keep_alive);
  EXPECT_TRUE(out.request.v1_1);
  EXPECT_FALSE(out.request.has_body);
  EXPECT_EQ(parse(get("/", "", "HEAD")).request.method, HttpMethod::head);
  EXPECT_EQ(parse(get("/", "", "get")).request.method, HttpMethod::other);
  EXPECT_EQ(parse(get("*", "", "OPTIONS")).request.method, HttpMethod::other);
}

TEST(HttpRequest, PartialIsNotInvalid) {
  std::string text = "\r\n" + get("/f", "A: b\r\n");
  for (std::size_t size = 0; size < text.size(); ++size) {
    Outcome out = parse(text.substr(0, size));
    EXPECT_FALSE(out.refused) << size;
    EXPECT_EQ(out.size, 0u) << size;
  }
  EXPECT_EQ(parse(text).size, text.size());
}

TEST(HttpRequest, GarbageIsRefusedBeforeItsLineEnds) {
  EXPECT_TRUE(parse(std::string("\x16\x03\x01", 3)).refused);
  EXPECT_TRUE(parse("GET /\n").refused);
  EXPECT_TRUE(parse("GET /\r\r").refused);
  EXPECT_TRUE(parse("\r\n\r\n").refused);
  EXPECT_TRUE(parse(std::string("GET / HTTP/1.1\r\nHost: a\0", 24)).refused);
}

TEST(HttpRequest, WhatTheRfcForbidsIsRefused) {
  const std::string bad[] = {
      "GET /\r\n\r\n",                                 // 0.9
      "GET / HTTP/1.1\r\n\r\n",                        // no Host
      "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",            // two spaces
      "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",            // a space behind
      " GET / HTTP/1.1\r\nHost: a\r\n\r\n",            // ... and in front
      "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n",           // tabs
      "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",             // no token
      "GET / http/1.1\r\nHost: a\r\n\r\n",             // lower case
      "GET / HTTP/1.10\r\nHost: a\r\n\r\n",            // two digits
      "GET f HTTP/1.1\r\nHost: a\r\n\r\n",             // no path
      "GET * HTTP/1.1\r\nHost: a\r\n\r\n",             // not for GET
      "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",          // a fragment
      "GET http:///f HTTP/1.1\r\nHost: a\r\n\r\n",     // no host in it
      "GET http://u@h/f HTTP/1.1\r\nHost: a\r\n\r\n",  // a user in it
      get("/", "Host: b\r\n"),                         // a second one
      "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",           //
      "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n",           //
      get("/", "A : b\r\n"),                           // a space before the colon
      get("/", "A: b\r\n c\r\n"),                      // folded
      get("/", " A: b\r\n"),                           //
      get("/", ": b\r\n"),                             // no name
      get("/", "A b\r\n"),                             // no colon
      get("/", "A: b\nC: d\r\n"),                      // a bare newline
      get("/", "A: b\rC: d\r\n"),                      // a bare return
      get("/", "Content-Length: 1, 1\r\n"),            //
      get("/", "Content-Length: +1\r\n"),              //
      get("/", "Content-Length: \r\n"),                //
      get("/", "Content-Length: 1\r\nContent-Length: 1\r\n"),
      get("/", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
      "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
  };
  for (const std::string& text : bad) {
    Outcome out = parse(text);
    EXPECT_EQ(out.refused, HttpStatus::bad_request) << text;
  }
  EXPECT_EQ(parse("GET / HTTP/2.0\r\n\r\n").refused, HttpStatus::version_not_supported);
  EXPECT_GT(parse("GET / HTTP/1.2\r\nHost: a\r\n\r\n").size, 0u);
}

TEST(HttpRequest, ABodyIsSeen) {
  EXPECT_TRUE(parse(get("/", "Content-Length: 10\r\n", "POST")).request.has_body);
  EXPECT_TRUE(parse(get("/", "Content-Length: 99999999999999999999999\r\n")).request.has_body);
  EXPECT_TRUE(parse(get("/", "transfer-encoding: chunked\r\n", "POST")).request.has_body);
  EXPECT_FALSE(parse(get("/", "Content-Length: 00\r\n")).request.has_body);
}

TEST(HttpRequest, ConnectionsEndAsTheVersionSays) {
  auto kept = [](const std::string& version, const std::string& fields) {
    return parse("GET / HTTP/" + version + "\r\nHost: a\r\n" + fields + "\r\n").request.keep_alive;
  };
  EXPECT_TRUE(kept("1.1", ""));
  EXPECT_FALSE(kept("1.1", "Connection: close\r\n"));
  EXPECT_FALSE(kept("1.1", "Connection: te ,CLOSE\r\nConnection: keep-alive\r\n"));
  EXPECT_FALSE(kept("1.0", ""));
  EXPECT_TRUE(kept("1.0", "Connection: Keep-Alive\r\n"));
  EXPECT_FALSE(kept("1.0", "Connection: Keep-Alive, close\r\n"));
  EXPECT_GT(parse("GET / HTTP/1.0\r\n\r\n").size, 0u);  // needs no Host
}

TEST(HttpRequest, AnAbsoluteTargetIsItsPath) {
  EXPECT_EQ(parse(get("http://192.0.2.1:6970/a/b?c")).request.target, "/a/b?c");
  EXPECT_EQ(parse(get("HTTPS://[2001:db8::1]/f")).request.target, "/f");
  EXPECT_EQ(parse(get("http://h")).request.target, "");
  EXPECT_EQ(parse(get("http://h?q")).request.target, "?q");
}

TEST(HttpRequest, UnclearConditionsAreNone) {
  const std::string both = "Range: bytes=0-1\r\nIf-Range: \"a\"\r\nIf-None-Match: \"b\"\r\n";
  for (const char* more : {"Range: bytes=2-3\r\n", "if-range: \"a\"\r\n", "If-None-Match: \"c\"\r\n"}) {
    Outcome out = parse(get("/", both + more));
    ASSERT_GT(out.size, 0u);
    EXPECT_EQ(out.request.range, "");
    EXPECT_EQ(out.request.if_range, "");
    EXPECT_EQ(out.request.if_none_match, "");
  }
  EXPECT_EQ(parse(get("/", "Range: bytes=0-1\r\nIf-Range:\r\n")).request.range, "");
}

TEST(HttpRequest, LimitsAreKeptExactly) {
  const std::string frame = "GET / HTTP/1.1";
  std::string line = get("/" + std::string(kMaxHttpRequestLine - frame.size(), 'a'));
  EXPECT_EQ(parse(line).size, line.size());
  EXPECT_EQ(parse(get("/" + std::string(kMaxHttpRequestLine - frame.size() + 1, 'a'))).refused,
            HttpStatus::uri_too_long);
  EXPECT_EQ(parse("GET /" + std::string(kMaxHttpRequestLine, 'a')).refused, HttpStatus::uri_too_long);

  std::size_t rest = kMaxHttpHead - get("/", "A: \r\n").size();
  std::string head = get("/", "A: " + std::string(rest, 'b') + "\r\n");
  ASSERT_EQ(head.size(), kMaxHttpHead);
  EXPECT_EQ(parse(head).size, kMaxHttpHead);
  for (std::size_t more : {1, 2, 3, 100})
    EXPECT_EQ(parse(get("/", "A: " + std::string(rest + more, 'b') + "\r\n")).refused,
              HttpStatus::fields_too_large);
  // Nobody waits for the end of what is too long already.
  EXPECT_EQ(parse(head.substr(0, kMaxHttpHead - 4) + "bbbb").refused, HttpStatus::fields_too_large);

  std::string fields;
  for (std::size_t i = 1; i < kMaxHttpFields; ++i) fields += "A: b\r\n";
  EXPECT_GT(parse(get("/", fields)).size, 0u);
  EXPECT_EQ(parse(get("/", fields + "A: b\r\n")).refused, HttpStatus::fields_too_large);
}

TEST(HttpFileName, IsDecodedOnce) {
  EXPECT_EQ(name_of("/ITLFile.tlv"), "ITLFile.tlv");
  EXPECT_EQ(name_of("/New_Zealand/g3-tones.xml.sgn"), "New_Zealand/g3-tones.xml.sgn");
  EXPECT_EQ(name_of("/a%20b%2Fc%3f"), "a b/c?");
  EXPECT_EQ(name_of("/%2541"), "%41");
  EXPECT_EQ(name_of("/...a"), "...a");
  EXPECT_EQ(name_of("/" + std::string(255, 'a')), std::string(255, 'a'));
}

// As phones append it: what they are and which language they speak.
TEST(HttpFileName, AQueryNamesNoFile) {
  EXPECT_EQ(name_of("/lists/services.xml?locale=English_United_States&name=SEP001122334455"),
            "lists/services.xml");
  EXPECT_EQ(name_of("/a?"), "a");
  EXPECT_EQ(name_of("/a?b=/../c"), "a");
  EXPECT_EQ(name_of("/a?b=%"), "a");
  EXPECT_EQ(name_of("/a?" + std::string(1000, 'b')), "a");
  EXPECT_EQ(name_of("/a%3Fb"), "a?b");
}

TEST(HttpFileName, SlashesAndDotsMoreOrLessNameTheSameFile) {
  for (const char* target : {"/a/b.xml", "//a/b.xml", "///a//b.xml", "/./a/./b.xml", "/%2Fa%2f%2E/b.xml"})
    EXPECT_EQ(name_of(target), "a/b.xml") << target;
}

TEST(HttpFileName, WhatCanBeNoFileHasNone) {
  for (const char* target :
       {"",      "/",         "//",          "/a/",   "/a//",     "/.",    "/..",   "/../a",  "/a/.",
        "/a/..", "/%2e%2E/a", "/a%2f..%2Fb", "/a%00", "/a%0d%0a", "/a%7f", "/a\\b", "/a%5cb", "/a%",
        "/a%4",  "/a%g0",     "/a%-1",       "/?b",   "?",        "*",     "a",     "//../a", "/.//../a"})
    EXPECT_EQ(name_of(target), "(none)") << target;
  EXPECT_EQ(name_of("/" + std::string(256, 'a')), "(none)");
}

TEST(HttpRange, OneRangeIsCutOut) {
  struct Case {
    const char* range;
    std::uint64_t size, first, length;
  };
  for (const Case& c : std::initializer_list<Case>{{"bytes=0-0", 10, 0, 1},
                                                   {"bytes=2-4", 10, 2, 3},
                                                   {"BYTES=2-", 10, 2, 8},
                                                   {"bytes= 9-9 ", 10, 9, 1},
                                                   {"bytes=5-10", 10, 5, 5},
                                                   {"bytes=5-99999999999999999999999", 10, 5, 5},
                                                   {"bytes=-3", 10, 7, 3},
                                                   {"bytes=-30", 10, 0, 10}}) {
    HttpRange out = parse_http_range(c.range, c.size);
    EXPECT_EQ(out.kind, HttpRange::Kind::part) << c.range;
    EXPECT_EQ(out.first, c.first) << c.range;
    EXPECT_EQ(out.length, c.length) << c.range;
  }
}

TEST(HttpRange, OthersAreTheWholeOrNothing) {
  for (const char* range : {"", "bytes", "bytes=", "bytes=-", "bytes=1", "bytes=4-2", "bytes=a-b",
                            "bytes=0-1,3-4", "bytes=+1-2", "bytes=1--2", "bytes=1 - 2", "lines=0-1"})
    EXPECT_EQ(parse_http_range(range, 10).kind, HttpRange::Kind::whole) << range;
  for (const char* range : {"bytes=10-", "bytes=10-11", "bytes=-0", "bytes=18446744073709551616-"})
    EXPECT_EQ(parse_http_range(range, 10).kind, HttpRange::Kind::unsatisfiable) << range;
  EXPECT_EQ(parse_http_range("bytes=0-", 0).kind, HttpRange::Kind::unsatisfiable);
  EXPECT_EQ(parse_http_range("bytes=-1", 0).kind, HttpRange::Kind::whole);
}

TEST(HttpEtag, IsFoundInLists) {
  EXPECT_TRUE(http_etag_listed("\"a\"", "\"a\""));
  EXPECT_TRUE(http_etag_listed("W/\"a\"", "\"a\""));
  EXPECT_TRUE(http_etag_listed("\"b\" , W/\"c\",\"a\"", "\"a\""));
  EXPECT_TRUE(http_etag_listed("*", "\"a\""));
  EXPECT_FALSE(http_etag_listed("", "\"a\""));
  EXPECT_FALSE(http_etag_listed("a", "\"a\""));
  EXPECT_FALSE(http_etag_listed("\"A\",,", "\"a\""));
  EXPECT_FALSE(http_etag_listed("\"aa\"", "\"a\""));
}

std::string head(const HttpResponse& response) {
  Buffer room(kMaxHttpResponseHead);
  Writer out(room);
  write_http_head(out, response, HttpDate().at(784111777));
  EXPECT_TRUE(out.ok());
  return std::string(as_text(out.written()));
}

TEST(HttpResponse, HeadsAreExact) {
  EXPECT_EQ(head({.content_length = 12, .content_type = "text/xml", .etag = "\"0a\""}),
            "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: anchord\r\nETag: \"0a\"\r\n"
            "Accept-Ranges: bytes\r\nContent-Type: text/xml\r\nContent-Length: 12\r\n\r\n");
  EXPECT_EQ(head({.status = HttpStatus::partial_content,
                  .v1_1 = false,
                  .content_length = 3,
                  .range = {.kind = HttpRange::Kind::part, .first = 2, .length = 3},
                  .whole_size = 10}),
            "HTTP/1.1 206 Partial Content\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: anchord\r\n"
            "Connection: keep-alive\r\nContent-Range: bytes 2-4/10\r\nAccept-Ranges: bytes\r\n"
            "Content-Length: 3\r\n\r\n");
  EXPECT_EQ(head({.status = HttpStatus::range_not_satisfiable, .keep_alive = false, .whole_size = 10}),
            "HTTP/1.1 416 Range Not Satisfiable\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: anchord\r\n"
            "Connection: close\r\nContent-Range: bytes */10\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(head({.status = HttpStatus::not_modified, .etag = "\"0a\""}),
            "HTTP/1.1 304 Not Modified\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: anchord\r\n"
            "ETag: \"0a\"\r\n\r\n");
  EXPECT_NE(head({.status = HttpStatus::method_not_allowed}).find("\r\nAllow: GET, HEAD\r\n"),
            std::string::npos);
  EXPECT_NE(head({.status = HttpStatus::unavailable}).find("\r\nRetry-After: 1\r\n"), std::string::npos);
}

TEST(HttpResponse, TheLongestHeadFits) {
  head({.status = HttpStatus::partial_content,
        .keep_alive = false,
        .content_length = ~std::uint64_t{0},
        .content_type = "application/octet-stream",
        .etag = "\"0123456789abcdef-u\"",
        .range = {.kind = HttpRange::Kind::part, .first = ~std::uint64_t{0} - 1, .length = 1},
        .whole_size = ~std::uint64_t{0}});
}

TEST(HttpDate, FollowsTheCalendar) {
  HttpDate date;
  EXPECT_EQ(date.at(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(date.at(951782399), "Mon, 28 Feb 2000 23:59:59 GMT");
  EXPECT_EQ(date.at(951782400), "Tue, 29 Feb 2000 00:00:00 GMT");
  EXPECT_EQ(date.at(4102444800), "Fri, 01 Jan 2100 00:00:00 GMT");
}

}  // namespace
}  // namespace anchord::wire

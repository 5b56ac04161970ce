#include "http_answer.h"

#include <gtest/gtest.h>

namespace anchord::engine {
namespace {

// How it ends, given in pieces of this size.
std::string read(std::string_view text, std::size_t piece, std::size_t most = 100) {
  HttpAnswer answer(most);
  while (!text.empty()) {
    const std::string_view next = text.substr(0, piece);
    text.remove_prefix(next.size());
    if (const Status taken = answer.take(as_bytes(next)); !taken) return taken.error().text;
  }
  return std::to_string(answer.status()) + (answer.done() ? " done" : " open") +
         (answer.keeps_alive() ? " " : " last ") + answer.body();
}

void expect(std::string_view text, std::string_view end) {
  for (const std::size_t piece : {1U, 2U, 7U, 1000U})
    EXPECT_EQ(read(text, piece), end) << text << " by " << piece;
}

TEST(HttpAnswer, WithALength) {
  expect("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "200 done hello");
  expect("HTTP/1.1 503 X\r\ncontent-length: 0\r\nConnection: close\r\n\r\n", "503 done last ");
  expect("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", "200 open last hel");
}

TEST(HttpAnswer, InChunks) {
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  expect(head + "5\r\nhello\r\n1;a=b\r\n!\r\n0\r\n\r\n", "200 done hello!");
  expect(head + "5\r\nhello\r\n0\r\nTrailer: x\r\n\r\n", "200 done hello");
  expect(head + "5\r\nhello\r\n", "200 open last hello");
  expect(head + "0\r\n\r\n", "200 done ");
  expect(head + "0\r\nTrailer: x\r\n\r\n", "200 done ");
  expect(head + "0\r\n", "200 open last ");
}

TEST(HttpAnswer, WhatIsLeftOut) {
  expect("HTTP/1.1 204 No Content\r\n\r\n", "204 done ");
  expect("HTTP/1.1 200 OK\r\n\r\n", "an HTTP answer without a length");
  expect("HTTP/1.0 200 OK\r\n\r\n", "an HTTP answer without a length");
}

TEST(HttpAnswer, WhatIsNoAnswer) {
  for (const char* wrong :
       {"SSH-2.0-OpenSSH_9.2\r\n", "GET / HTTP/1.1\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n",
        "\x16\x03\x01\x02\x03\x01\x02\x03\x04\x05", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na\r\n0\r\n\r\n"}) {
    EXPECT_TRUE(read(wrong, 1000).starts_with("not HTTP: ")) << wrong << ": " << read(wrong, 1000);
    EXPECT_TRUE(read(wrong, 1).starts_with("not HTTP: ")) << wrong << ": " << read(wrong, 1);
  }
  for (const char* wrong :
       {"HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 002 OK\r\n\r\n", "HTTP/1.1 000 OK\r\n\r\n"})
    expect(wrong, "not an HTTP answer that was asked for");
  expect("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab", "not HTTP: more than was asked for");
}

TEST(HttpAnswer, LimitsOfWhatIsHeld) {
  expect("HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n", "an answer that is too large");
  const std::string chunk = "\r\nb\r\nhello world";  // the 11 of it ten times are too many
  std::string text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n";
  for (int i = 0; i < 10; ++i) text += chunk;
  expect(text, "an answer that is too large");

  // Who takes away what has come can go on.
  HttpAnswer answer(11);
  EXPECT_TRUE(answer.take(as_bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n")));
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(answer.take(as_bytes(chunk)));
    EXPECT_EQ(answer.body(), "hello world");
    answer.body().clear();
  }
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\nX: " + std::string(kMaxHttpPart, 'x'), 1000),
            "not HTTP: header limit exceeded");
}

}  // namespace
}  // namespace anchord::engine

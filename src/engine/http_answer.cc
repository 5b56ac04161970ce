// The only file that includes Boost: its parser is strict, fuzzed by others, and reads an answer byte by
// byte, in chunks and with trailers, as wire/http.h (which reads requests) does not.
#include "http_answer.h"

#include <boost/beast/http/basic_parser.hpp>
#include <cstdint>
#include <limits>

namespace anchord::engine {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;
using boost::beast::string_view;

}  // namespace

struct HttpAnswer::Parser : http::basic_parser<false> {
  explicit Parser(std::size_t most_bytes) : most(most_bytes) {
    eager(true);
    header_limit(kMaxHttpPart);
    body_limit(std::numeric_limits<std::uint64_t>::max());  // ours is of what is held
  }

  void on_request_impl(http::verb, string_view, string_view, int, error_code&) override {}
  // A 100 is for bodies that wait for it, which ours do not.
  void on_response_impl(int code, string_view, int, error_code& error) override {
    status = static_cast<unsigned>(code);
    if (code < 200) error = http::error::bad_status;
  }
  void on_field_impl(http::field, string_view, string_view, error_code&) override {}
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(string_view piece, error_code& error) override { return keep(piece, error); }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override { in_chunks = true; }
  std::size_t on_chunk_body_impl(std::uint64_t, string_view piece, error_code& error) override {
    return keep(piece, error);
  }
  void on_finish_impl(error_code&) override {}

  std::size_t keep(string_view piece, error_code& error) {
    if (piece.size() > most - std::min(most, body.size())) {
      error = http::error::body_limit;
      return 0;
    }
    body.append(piece.data(), piece.size());
    return piece.size();
  }

  const std::size_t most;
  std::string input;  // came, and is no whole part yet
  std::string body;
  unsigned status = 0;
  bool in_chunks = false;  // the first has begun
};

HttpAnswer::HttpAnswer(std::size_t most) : parser_(std::make_unique<Parser>(most)) {}
HttpAnswer::HttpAnswer(HttpAnswer&&) noexcept = default;
HttpAnswer& HttpAnswer::operator=(HttpAnswer&&) noexcept = default;
HttpAnswer::~HttpAnswer() = default;

Status HttpAnswer::take(Bytes bytes) {
  Parser& parser = *parser_;
  parser.input += as_text(bytes);
  // A head is read when it is whole: who speaks something else need not be waited for.
  constexpr std::string_view kBegin = "HTTP/1.";
  if (!parser.got_some() && !parser.input.starts_with(kBegin.substr(0, parser.input.size()))) {
    return fail("not HTTP: it begins otherwise");
  }
  std::size_t at = 0;
  while (at < parser.input.size()) {
    if (parser.is_done()) return fail("not HTTP: more than was asked for");
    // The shortest body in chunks. Of one whose first chunk is the last, Boost asserts that as much has come.
    constexpr std::size_t kLeast = std::string_view("0\r\n\r\n").size();
    const bool begins = parser.is_header_done() && parser.chunked() && !parser.in_chunks;
    if (begins && parser.input.size() - at < kLeast) break;
    error_code error;
    const std::size_t taken =
        parser.put(boost::asio::buffer(parser.input.data() + at, parser.input.size() - at), error);
    at += taken;
    if (error == http::error::need_more) break;
    if (error == http::error::body_limit) return fail("an answer that is too large");
    if (error == http::error::bad_status) return fail("not an HTTP answer that was asked for");
    if (error) return fail("not HTTP: " + error.message());
    if (!parser.is_header_done()) continue;
    // One that ends with the connection may be cut off.
    if (parser.need_eof()) return fail("an HTTP answer without a length");
    if (parser.content_length().value_or(0) > parser.most) return fail("an answer that is too large");
  }
  parser.input.erase(0, at);
  if (parser.input.size() > kMaxHttpPart) return fail("not HTTP: a line that does not end");
  return {};
}

bool HttpAnswer::done() const {
  return parser_->is_done();
}
unsigned HttpAnswer::status() const {
  return parser_->status;
}
bool HttpAnswer::keeps_alive() const {
  return parser_->is_done() && parser_->keep_alive();
}
std::string& HttpAnswer::body() {
  return parser_->body;
}

}  // namespace anchord::engine

// The only file here that includes Boost: its parser is strict, and fuzzed by others.
#include "request_reader.h"

#include <fmt/core.h>

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <optional>
#include <string_view>

#include "admin_limits.h"

namespace anchord::admin {
namespace {

namespace http = boost::beast::http;

constexpr std::string_view kEnd = "\r\n\r\n";

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_control(char c) {
  const auto code = static_cast<unsigned char>(c);
  return code < 0x20 || code == 0x7f;
}

// "%2F" to "/"; nothing when a '%' has no two digits behind it, or hides a control character.
std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size() || digit(text[i + 1]) < 0 || digit(text[i + 2]) < 0) return std::nullopt;
      c = static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    }
    if (is_control(c)) return std::nullopt;
    out += c;
  }
  return out;
}

// "[::1]:9445" and "localhost:9445" without the port.
std::string without_port(std::string_view host) {
  if (host.starts_with('[')) return std::string(host.substr(0, host.find(']') + 1));
  return std::string(host.substr(0, host.find(':')));
}

std::string_view view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace

bool split_target(std::string_view target, std::string& path, std::string& query) {
  if (!target.starts_with('/')) return false;
  const std::size_t mark = target.find('?');
  auto plain = decoded(target.substr(0, mark));
  if (!plain) return false;
  path = std::move(*plain);
  query = mark == target.npos ? "" : target.substr(mark + 1);
  return true;
}

std::string Request::parameter(std::string_view name) const {
  for (std::string_view left = query; !left.empty();) {
    const std::size_t end = left.find('&');
    const std::string_view one = left.substr(0, end);
    left.remove_prefix(end == left.npos ? left.size() : end + 1);
    const std::size_t equals = one.find('=');
    if (one.substr(0, equals) != name || equals == one.npos) continue;
    return decoded(one.substr(equals + 1)).value_or("");
  }
  return "";
}

const Route* find_route(const std::vector<Route>& routes, std::string_view path) {
  for (const Route& route : routes) {
    const bool below = route.path.size() > 1 && route.path.ends_with('/');
    if (route.path == path || (below && path.starts_with(route.path))) return &route;
  }
  return nullptr;
}

Page no_page(std::string_view path) {
  return {.status = 404, .body = fmt::format("there is no page '{}': see /\n", path)};
}

std::size_t RequestReader::room() const {
  return input_.size() >= kMaxHead ? 0 : kMaxHead - input_.size();
}

RequestReader::Outcome RequestReader::refuse(unsigned status, std::string why) {
  refusal_ = {.status = status, .body = std::move(why) + "\n"};
  input_.clear();
  return Outcome::refused;
}

RequestReader::Outcome RequestReader::next(ReadRequest& out) {
  const std::size_t end = input_.find(kEnd);
  if (end == std::string::npos) {
    if (room() > 0) return Outcome::more;
    return refuse(431, fmt::format("the request's head has more than {} bytes: send fewer fields", kMaxHead));
  }
  const std::string head = input_.substr(0, end + kEnd.size());
  input_.erase(0, head.size());
  http::request_parser<http::empty_body> parser;
  parser.header_limit(kMaxHead);
  boost::beast::error_code error;
  parser.put(boost::asio::buffer(head), error);
  if (error == http::error::need_more) error = {};
  if (parser.is_header_done() && (parser.chunked() || parser.content_length().value_or(0) > 0))
    return refuse(413, "a request has no body here: send GET or HEAD alone");
  if (error || !parser.is_header_done())
    return refuse(400, "no request of HTTP/1.1" + (error ? ": " + error.message() : std::string()));
  const auto& read = parser.get();
  if (read.method() != http::verb::get && read.method() != http::verb::head)
    return refuse(405, "only GET and HEAD are answered here: nothing can be changed");
  if (read.count(http::field::host) != 1) return refuse(400, "a request names one Host: send the field once");
  out.request = {};
  if (!split_target(view(read.target()), out.request.path, out.request.query))
    return refuse(400, "the request asks for no path: it begins with a slash and has no control characters");
  out.request.accept = view(read[http::field::accept]);
  out.head = read.method() == http::verb::head;
  out.keeps_alive = read.keep_alive();
  out.host = without_port(view(read[http::field::host]));
  out.authorization = view(read[http::field::authorization]);
  return Outcome::request;
}

}  // namespace anchord::admin

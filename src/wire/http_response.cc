#include <array>
#include <cassert>
#include <charconv>
#include <chrono>
#include <cstring>

#include "anchord/wire/http.h"

namespace anchord::wire {
namespace {

std::string_view status_line(HttpStatus status) {
  switch (status) {
    case HttpStatus::ok:
      return "HTTP/1.1 200 OK\r\n";
    case HttpStatus::partial_content:
      return "HTTP/1.1 206 Partial Content\r\n";
    case HttpStatus::not_modified:
      return "HTTP/1.1 304 Not Modified\r\n";
    case HttpStatus::bad_request:
      return "HTTP/1.1 400 Bad Request\r\n";
    case HttpStatus::not_found:
      return "HTTP/1.1 404 Not Found\r\n";
    case HttpStatus::method_not_allowed:
      return "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\n";
    case HttpStatus::content_too_large:
      return "HTTP/1.1 413 Content Too Large\r\n";
    case HttpStatus::uri_too_long:
      return "HTTP/1.1 414 URI Too Long\r\n";
    case HttpStatus::range_not_satisfiable:
      return "HTTP/1.1 416 Range Not Satisfiable\r\n";
    case HttpStatus::fields_too_large:
      return "HTTP/1.1 431 Request Header Fields Too Large\r\n";
    case HttpStatus::unavailable:
      return "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n";
    case HttpStatus::version_not_supported:
      return "HTTP/1.1 505 HTTP Version Not Supported\r\n";
  }
  assert(false);
  return {};
}

void write_number(Writer& out, std::uint64_t value) {
  std::array<char, 20> digits;  // as many as 64 bits need
  char* end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.text({digits.data(), end});
}

void write_field(Writer& out, std::string_view name, std::string_view value) {
  out.text(name);
  out.text(": ");
  out.text(value);
  out.text("\r\n");
}

void write_content_range(Writer& out, const HttpResponse& response) {
  out.text("Content-Range: bytes ");
  if (response.status == HttpStatus::partial_content) {
    write_number(out, response.range.first);
    out.text("-");
    write_number(out, response.range.first + response.range.length - 1);
  } else {
    out.text("*");
  }
  out.text("/");
  write_number(out, response.whole_size);
  out.text("\r\n");
}

}  // namespace

void write_http_head(Writer& out, const HttpResponse& response, std::string_view date) {
  out.text(status_line(response.status));
  write_field(out, "Date", date);
  write_field(out, "Server", "anchord");
  if (!response.keep_alive) write_field(out, "Connection", "close");
  if (response.keep_alive && !response.v1_1) write_field(out, "Connection", "keep-alive");
  if (!response.etag.empty()) write_field(out, "ETag", response.etag);
  bool is_part = response.status == HttpStatus::partial_content;
  if (is_part || response.status == HttpStatus::range_not_satisfiable) write_content_range(out, response);
  if (is_part || response.status == HttpStatus::ok) write_field(out, "Accept-Ranges", "bytes");
  // RFC 9110, 8.6: not in a 304, whose length would be that of the answer it stands for.
  if (response.status != HttpStatus::not_modified) {
    if (!response.content_type.empty()) write_field(out, "Content-Type", response.content_type);
    out.text("Content-Length: ");
    write_number(out, response.content_length);
    out.text("\r\n");
  }
  out.text("\r\n");
}

std::string_view HttpDate::at(UnixSeconds time) {
  constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (time == time_) return {text_, kSize};
  time_ = time;
  std::chrono::sys_seconds now{std::chrono::seconds(time)};
  auto midnight = std::chrono::floor<std::chrono::days>(now);
  std::chrono::year_month_day date(midnight);
  std::chrono::hh_mm_ss clock(now - midnight);
  Writer out({reinterpret_cast<std::uint8_t*>(text_), kSize});
  auto two = [&](auto value) {
    auto number = static_cast<unsigned>(value);
    out.u8(static_cast<std::uint8_t>('0' + number / 10 % 10));
    out.u8(static_cast<std::uint8_t>('0' + number % 10));
  };
  out.text(kDays.substr(3 * std::chrono::weekday(midnight).c_encoding(), 3));
  out.text(", ");
  two(static_cast<unsigned>(date.day()));
  out.text(" ");
  out.text(kMonths.substr(3 * (static_cast<unsigned>(date.month()) - 1), 3));
  out.text(" ");
  two(static_cast<int>(date.year()) / 100);
  two(static_cast<int>(date.year()) % 100);
  out.text(" ");
  two(clock.hours().count());
  out.text(":");
  two(clock.minutes().count());
  out.text(":");
  two(clock.seconds().count());
  out.text(" GMT");
  assert(out.ok() && out.size() == kSize);
  return {text_, kSize};
}

}  // namespace anchord::wire

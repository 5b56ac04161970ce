#include "http/http_answer.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "anchord/base/ascii.h"
#include "anchord/phone/file_kind.h"
#include "context/guessing.h"
#include "downloads/provisioned_file.h"

namespace anchord::service {
namespace {

using wire::HttpMethod;
using wire::HttpRange;
using wire::HttpStatus;

constexpr std::string_view kNotFound = "not found\n";

// On TLS a phone asks for its signed configuration and expects the plain one: the
// connection is what vouches for it.
bool is_unsigned_on_tls(std::string_view name) {
  const phone::FileName asked = phone::parse_file_name(name);
  return asked.kind == phone::FileKind::configuration &&
         same_ignoring_case(asked.rest, phone::ending_of(phone::FileForm::sgn));
}

// The file's version in hexadecimal, with quotes. The same file without its signature
// is another representation, and so has a tag of its own.
class EntityTag {
 public:
  EntityTag(std::uint64_t version, bool is_unsigned) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    text_[size_++] = '"';
    for (int shift = 60; shift >= 0; shift -= 4) text_[size_++] = kDigits[version >> shift & 15];
    if (is_unsigned) text_[size_++] = 'u';
    text_[size_++] = '"';
  }
  std::string_view text() const { return {text_.data(), size_}; }

 private:
  std::array<char, 20> text_;
  std::size_t size_ = 0;
};

std::string_view content_type(std::string_view name, bool is_unsigned) {
  if (is_unsigned) name = phone::plain_name(name);
  return phone::is_xml_name(name) ? "text/xml" : "application/octet-stream";
}

void write_head(Writer& out, const wire::HttpResponse& response, HttpService& service) {
  wire::write_http_head(out, response, service.date.at(calendar_now()));
}

HttpAnswer answer_file(const wire::HttpRequest& request, const index::FileEntry& file, bool is_unsigned,
                       HttpService& service, Writer& out) {
  std::size_t begin = is_unsigned ? file.body.header.size() : 0;
  std::size_t size = file.body.size() - begin;
  EntityTag etag(file.version, is_unsigned);
  wire::HttpResponse response{.v1_1 = request.v1_1,
                              .keep_alive = request.keep_alive,
                              .content_length = size,
                              .content_type = content_type(file.name, is_unsigned),
                              .etag = etag.text(),
                              .whole_size = size};
  HttpAnswer answer{.keep_alive = request.keep_alive};
  bool is_get = request.method == HttpMethod::get;
  if (wire::http_etag_listed(request.if_none_match, etag.text())) {
    service.counters.not_modified.add();
    response.status = HttpStatus::not_modified;
  } else {
    // Without a date of change there is nothing that a date in If-Range could equal.
    bool same = request.if_range.empty() || request.if_range == etag.text();
    if (is_get && same) response.range = wire::parse_http_range(request.range, size);
    if (response.range.kind == HttpRange::Kind::whole) response.range.length = size;
    if (response.range.kind == HttpRange::Kind::part) response.status = HttpStatus::partial_content;
    if (response.range.kind == HttpRange::Kind::unsatisfiable) {
      response.status = HttpStatus::range_not_satisfiable;
      response.content_type = {};
    }
    response.content_length = response.range.length;
  }
  write_head(out, response, service);
  bool has_body = is_get && response.status != HttpStatus::not_modified && response.content_length > 0;
  if (!has_body) return answer;
  answer.file = &file;
  answer.begin = begin + response.range.first;
  answer.end = answer.begin + response.range.length;
  answer.whole = response.range.length == size;
  return answer;
}

}  // namespace

HttpAnswer answer_http(const wire::HttpRequest& request, const io::Host& from, HttpService& service,
                       Writer& out) {
  service.counters.requests.add();
  wire::HttpResponse response{.v1_1 = request.v1_1, .keep_alive = request.keep_alive};
  // A body is not read, so what follows it is not found.
  bool is_served = request.method != HttpMethod::other;
  if (!is_served || request.has_body) {
    service.counters.refused.add();
    service.shard.note(request.target, {}, from, service.protocol, Answered::refused);
    response.status = is_served ? HttpStatus::content_too_large : HttpStatus::method_not_allowed;
    response.keep_alive = response.keep_alive && !request.has_body;
    write_head(out, response, service);
    return {.keep_alive = response.keep_alive};
  }
  std::array<char, index::kMaxFileName> room;
  std::optional<std::string_view> name = wire::http_file_name(request.target, room);
  std::string_view device = name ? device_in(*name) : std::string_view();
  if (name && is_guessing(service.shard, from, *name, device)) {
    service.counters.throttled.add();
    service.shard.note(*name, device, from, service.protocol, Answered::throttled);
    response.status = HttpStatus::unavailable;
    response.keep_alive = false;
    write_head(out, response, service);
    return {};
  }
  const index::FileEntry* file = name ? find_file(service.shard.pins.current().files, *name) : nullptr;
  if (file != nullptr) {
    bool is_unsigned = service.protocol == Protocol::https && is_unsigned_on_tls(*name);
    HttpAnswer answer = answer_file(request, *file, is_unsigned, service, out);
    answer.device.set(device);
    service.shard.note(*name, device, from, service.protocol,
                       answer.file != nullptr ? Answered::file : Answered::head);
    return answer;
  }
  service.counters.not_found.add();
  service.shard.note(name.value_or(request.target), device, from, service.protocol, Answered::not_found);
  if (name && is_own_file(*name))
    service.shard.record(not_there(*name, from, service.protocol, service.shard.ring.now()));
  response.status = HttpStatus::not_found;
  response.content_type = "text/plain";
  response.content_length = kNotFound.size();
  write_head(out, response, service);
  if (request.method == HttpMethod::get) out.text(kNotFound);
  return {.keep_alive = request.keep_alive};
}

void refuse_http(wire::HttpStatus status, const io::Host& from, HttpService& service, Writer& out) {
  service.counters.malformed.add();
  service.shard.note({}, {}, from, service.protocol, Answered::malformed);
  write_head(out, {.status = status, .keep_alive = false}, service);
}

}  // namespace anchord::service

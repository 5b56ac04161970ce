// Whatever is asked: what parses lies within the input, and a request that comes in
// pieces is the same request.
#include <array>
#include <cstring>

#include "anchord/wire/http.h"
#include "fuzz.h"

using namespace anchord;
using namespace anchord::wire;
using fuzz::require;

namespace {

void require_within(Bytes input, std::string_view part) {
  const char* begin = as_text(input).data();
  require(part.empty() || (part.data() >= begin && part.data() + part.size() <= begin + input.size()),
          "a part lies within the input");
}

void check_name(std::string_view target) {
  std::array<char, 255> room;
  auto name = http_file_name(target, room);
  if (!name) return;
  require(!name->empty() && name->size() <= room.size(), "a name keeps to its room");
  require(!name->starts_with('/') && !name->ends_with('/'), "a name is no folder");
  require(name->find_first_of(std::string_view("\0\\\r\n", 4)) == std::string_view::npos,
          "a name holds no control characters");
  std::array<char, 258> padded;
  padded[0] = '/';
  std::memcpy(padded.data() + 1, name->data(), name->size());
  padded[name->size() + 1] = '/';
  std::string_view whole(padded.data(), name->size() + 2);
  for (std::string_view bad : {"//", "/./", "/../"})
    require(whole.find(bad) == std::string_view::npos, "no part of a name is empty or climbs");
}

void check_conditions(const HttpRequest& request) {
  for (std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1000}, ~std::uint64_t{0}}) {
    HttpRange range = parse_http_range(request.range, size);
    if (range.kind != HttpRange::Kind::part) continue;
    require(range.length > 0 && range.first < size && range.length <= size - range.first,
            "a range lies within the file");
  }
  (void)http_etag_listed(request.if_none_match, "\"0123456789abcdef\"");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes input(data, size);
  HttpRequest request;
  auto parsed = parse_http_request(input, request);
  if (!parsed) {
    require(parsed.error().problem != nullptr && parsed.error().offset <= size,
            "an error lies within the input");
    return 0;
  }
  if (*parsed == 0) {
    require(size < kMaxHttpHead, "nobody waits for more than the limit");
    return 0;
  }
  require(*parsed <= size && *parsed <= kMaxHttpHead, "a request lies within the input and the limit");
  for (std::string_view part : {request.target, request.range, request.if_range, request.if_none_match})
    require_within(input, part);
  for (std::size_t cut = 0; cut < *parsed; ++cut) {
    HttpRequest unused;
    auto partial = parse_http_request(input.first(cut), unused);
    require(partial && *partial == 0, "the beginning of a request is not refused");
  }
  HttpRequest alone;
  auto again = parse_http_request(input.first(*parsed), alone);
  require(again && *again == *parsed && alone.target == request.target, "what follows changes nothing");
  check_name(request.target);
  check_conditions(request);
  return 0;
}

// Any response that parses is the same after it was written and parsed again.
#include <array>

#include "anchord/wire/tvs.h"
#include "fuzz.h"

using namespace anchord;
using namespace anchord::wire;
using fuzz::require;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto response = parse_tvs_response({data, size});
  if (!response) {
    require(response.error().offset <= size, "an error lies within the input");
    return 0;
  }
  require(response->valid || (response->certificate.empty() && response->roles.empty() && !response->ttl),
          "a refusal carries nothing");
  // Our writers always say a TTL.
  if (response->valid && !response->ttl) return 0;

  // Roles may be left out where our writers write an empty item.
  std::array<std::uint8_t, kTvsHeaderSize + kMaxTvsBody + 8> room;
  Writer out(room);
  if (response->command == TvsCommand::verify_response) {
    write_verify_response(out, response->session, response->valid, response->roles,
                          response->ttl.value_or(0));
  } else {
    write_query_response(out, response->session, response->certificate, response->roles,
                         response->ttl.value_or(0));
  }
  require(out.ok(), "a response fits into what it was read from");
  if (out.size() > kTvsHeaderSize + kMaxTvsBody) return 0;
  auto again = parse_tvs_response(out.written());
  require(again.has_value(), "what was written parses");
  require(again->command == response->command && again->session == response->session &&
              again->valid == response->valid && same_bytes(again->certificate, response->certificate) &&
              same_bytes(again->roles, response->roles) && again->ttl == response->ttl,
          "it is the same response");
  return 0;
}

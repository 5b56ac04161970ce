// What a client of the admin endpoint sends, in any pieces: however it is cut, the same requests are read out
// of it, what is kept is bounded, and a refusal is one line.
#include <algorithm>
#include <string>
#include <vector>

#include "admin_limits.h"
#include "fuzz.h"
#include "request_reader.h"

using namespace anchord;
using namespace anchord::admin;
using fuzz::require;

namespace {

struct Read {
  std::vector<std::string> requests;
  unsigned refused = 0;
};

void check(const ReadRequest& read) {
  require(read.request.path.starts_with('/'), "a path begins with a slash");
  require(std::ranges::none_of(read.request.path, [](unsigned char c) { return c < ' ' || c == 0x7f; }),
          "a path has no control characters");
  require(read.request.parameter("a").size() <= read.request.query.size(),
          "a parameter is a part of the query");
}

Read read(Bytes input, std::size_t piece) {
  RequestReader reader;
  Read out;
  while (!input.empty()) {
    const Bytes next = input.first(std::min({piece, input.size(), reader.room()}));
    input = input.subspan(next.size());
    reader.give(next);
    for (;;) {
      ReadRequest request;
      const auto outcome = reader.next(request);
      if (outcome == RequestReader::Outcome::more) break;
      if (outcome == RequestReader::Outcome::refused) {
        out.refused = reader.refusal().status;
        const std::string& why = reader.refusal().body;
        require(why.find('\n') == why.size() - 1, "a refusal is one line");
        return out;
      }
      check(request);
      out.requests.push_back(request.request.path + "?" + request.request.query + " " + request.host + " " +
                             request.authorization);
    }
    require(reader.room() > 0, "what is kept is bounded");
  }
  return out;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes input(data, size);
  const Read whole = read(input, kMaxHead);
  const Read bytes = read(input, 1);
  require(whole.requests == bytes.requests && whole.refused == bytes.refused,
          "requests are the same in whatever pieces they come");
  return 0;
}

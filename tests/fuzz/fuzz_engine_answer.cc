// What a member of the engine answers, in any pieces: as HTTP, and what is in it as etcd's messages. However
// it is cut, it is the same; and what is taken is within its limits.
#include <algorithm>
#include <optional>
#include <string>

#include "codec.h"
#include "fuzz.h"
#include "http_answer.h"

using namespace anchord;
using namespace anchord::engine;
using fuzz::require;

namespace {

constexpr std::size_t kMost = 4096;

struct Read {
  bool done = false;
  std::string body;
};

Read read(Bytes input, std::size_t piece) {
  HttpAnswer answer(kMost);
  while (!input.empty()) {
    const Bytes next = input.first(std::min(piece, input.size()));
    input = input.subspan(next.size());
    if (!answer.take(next)) return {};
    require(answer.body().size() <= kMost, "a body is no larger than it may be");
    require(answer.status() == 0 || (answer.status() >= 200 && answer.status() <= 999),
            "a status has three digits");
  }
  return {answer.done(), answer.body()};
}

void check(const KeyValue& one) {
  require(one.created >= 0 && one.modified >= 0 && one.lease >= 0, "numbers are not negative");
}
void check(const Found& found) {
  for (const KeyValue& one : found.values) check(one);
}
void check_text(const std::string& text) {
  require(std::ranges::none_of(text, [](unsigned char c) { return c < ' '; }), "what is shown is one line");
}

void check_message(std::string_view body) {
  if (auto range = decode_range(body)) check(*range);
  if (auto txn = decode_txn(body)) {
    for (const Found& found : txn->answers) check(found);
  }
  if (auto line = decode_line(body)) {
    for (const Event& event : line->events) {
      check(event.at);
      require(event.at.modified > 0, "an event has a revision");
    }
    check_text(line->reason);
    check_text(line->refusal.text);
  }
  if (auto refusal = decode_refusal(body)) check_text(refusal->text);
  if (auto status = decode_status(body)) check_text(status->status.version);
  if (auto token = decode_token(body)) check_text(*token);
  (void)decode_grant(body);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes input(data, size);
  check_message(as_text(input));
  const Read whole = read(input, size);
  const Read bytes = read(input, 1);
  // What is wrong with one that is not whole may be seen sooner or later.
  require(whole.done == bytes.done && (!whole.done || whole.body == bytes.body),
          "an answer is the same in whatever pieces it comes");
  if (whole.done) check_message(whole.body);
  return 0;
}

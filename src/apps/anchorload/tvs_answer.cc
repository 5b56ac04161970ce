#include "tvs_answer.h"

#include <fmt/core.h>

#include <cassert>

#include "anchord/base/reader.h"

namespace anchord::load {

void TvsReader::give(Bytes bytes) {
  bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(at_));
  at_ = 0;
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

Result<Bytes> TvsReader::next() {
  const Bytes rest = Bytes(bytes_).subspan(at_);
  auto size = wire::tvs_message_size(rest);
  if (!size) return fail("a malformed answer: " + size.error().text());
  if (*size == 0 || rest.size() < *size) return Bytes();
  at_ += *size;
  return rest.first(*size);
}

void TvsReader::reset() {
  bytes_.clear();
  at_ = 0;
}

TvsAsked tvs_asked(Bytes question) {
  assert(question.size() >= wire::kTvsHeaderSize);
  TvsAsked out;
  out.command = wire::TvsCommand{question[2]};
  for (const std::uint8_t byte : question.subspan(4, 4)) out.session = out.session << 8 | byte;
  return out;
}

Result<wire::TvsResponse> read_answer(const TvsAsked& asked, Bytes answer) {
  auto parsed = wire::parse_tvs_response(answer);
  if (!parsed) return fail("a malformed answer: " + parsed.error().text());
  const auto wanted = asked.command == wire::TvsCommand::verify_request ? wire::TvsCommand::verify_response
                                                                        : wire::TvsCommand::query_response;
  if (parsed->command != wanted) return fail("an answer to another kind of question");
  if (parsed->session == asked.session) return *parsed;
  return fail(fmt::format("an answer of session {}, asked was in {}", parsed->session, asked.session));
}

}  // namespace anchord::load

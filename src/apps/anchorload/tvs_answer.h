// Answers of a verification service as they arrive.
#pragma once

#include "anchord/base/bytes.h"
#include "anchord/base/error.h"
#include "anchord/wire/tvs.h"

namespace anchord::load {

// Bytes of a connection become whole messages.
class TvsReader {
 public:
  void give(Bytes bytes);
  // The next one, valid until the next give(); empty while it is not complete. After an
  // error nothing of the connection makes sense any more.
  Result<Bytes> next();
  // Nothing is left behind what next() gave.
  bool empty() const { return at_ == bytes_.size(); }
  void reset();

 private:
  Buffer bytes_;
  std::size_t at_ = 0;
};

// What an answer must fit.
struct TvsAsked {
  wire::TvsCommand command = wire::TvsCommand::verify_request;
  std::uint32_t session = 0;
};
TvsAsked tvs_asked(Bytes question);  // a whole message

// The answer, a whole message, when it is well-formed and of the right kind and session.
Result<wire::TvsResponse> read_answer(const TvsAsked& asked, Bytes answer);

}  // namespace anchord::load

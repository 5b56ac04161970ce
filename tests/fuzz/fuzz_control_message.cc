// Any message of the control socket that can be read is the same after it was written and read again, and
// what cannot be is refused by one line.
#include <string>

#include "anchord/base/printable.h"
#include "anchord/protocol/message.h"
#include "fuzz.h"

using namespace anchord;
using fuzz::require;

namespace {

template <class Message, class Decode, class Encode>
void check(std::string_view input, Decode decode, Encode encode, std::size_t most) {
  const Result<Message> message = decode(input);
  if (!message) {
    const std::string& why = message.error().text;
    require(!why.empty() && why.size() < 400, "an error is short");
    require(why == printable(why), "an error is one line");
    return;
  }
  require(input.size() <= most, "what is read is no larger than is allowed");
  const std::string written = encode(*message);
  require(written.find('\n') == written.size() - 1, "a message is one line");
  if (written.size() > most) return;
  const Result<Message> again = decode(written);
  require(again && *again == *message, "it is the same message");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check<protocol::Request>(input, protocol::decode_request, protocol::encode_request, protocol::kMaxRequest);
  check<protocol::Answer>(input, protocol::decode_answer, protocol::encode_answer, protocol::kMaxAnswer);
  return 0;
}

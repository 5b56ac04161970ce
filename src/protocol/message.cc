#include "anchord/protocol/message.h"

#include <fmt/core.h>

#include <concepts>
#include <optional>
#include <utility>

#include "anchord/base/printable.h"
#include "json.h"

namespace anchord::protocol {
namespace {

// Of what the other side says of itself, in an error.
constexpr std::size_t kMaxVersionText = 32;

// The names around a message.
constexpr const char* kProtocol = "protocol";
constexpr const char* kAnchord = "anchord";
constexpr const char* kRequest = "request";
constexpr const char* kAnswer = "answer";
constexpr const char* kBody = "body";

template <class Message>
std::string encoded(const char* kind, const Message& message) {
  Json out = {{kProtocol, kVersion}, {kAnchord, ANCHORD_VERSION}};
  std::visit(
      [&]<class T>(const T& one) {
        out[kind] = Kind<T>::kName;
        out[kBody] = to_json(one);
      },
      message);
  return json_text(out) + "\n";
}

// Null and a reason when it is none.
struct Parsed {
  Json json;
  std::string problem;
};

Parsed parsed(std::string_view message) {
  if (message.empty()) return {.json = {}, .problem = "it is empty"};
  if (!message.ends_with('\n'))
    return {.json = {}, .problem = fmt::format("it is cut off after {} bytes", message.size())};
  bool too_deep = false;
  auto look = [&](int depth, Json::parse_event_t event, const Json&) {
    const bool begins =
        event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start;
    too_deep = too_deep || (begins && depth >= kMaxDepth);
    return !too_deep;  // what is not wanted takes no memory
  };
  Json json = Json::parse(message, look, false);
  if (too_deep) return {.json = {}, .problem = fmt::format("it has more than {} levels", kMaxDepth)};
  if (!json.is_object()) return {.json = {}, .problem = "it is no JSON object"};
  return {.json = std::move(json), .problem = {}};
}

// Nothing while the other side speaks our version; else what to say of it. `who`: "the running service is".
Result<std::optional<std::string>> other_version(std::string_view who, const Json& json) {
  const auto found = json.find(kProtocol);
  if (found == json.end() || !found->is_number_unsigned())
    return fail("it does not say its version of the protocol");
  const auto version = found->get<std::uint64_t>();
  if (version == kVersion) return std::nullopt;
  const auto anchord = json.find(kAnchord);
  std::string text = anchord != json.end() && anchord->is_string() ? anchord->get<std::string>() : "unknown";
  if (text.size() > kMaxVersionText) text = "unknown";
  return fmt::format("{} Anchord {} with version {} of the control protocol, and this is {} with version {}",
                     who, printable(text), version, ANCHORD_VERSION, kVersion);
}

// Tries the kinds of messages, one after the other.
template <class Message, std::size_t kIndex = 0>
Result<Message> decoded(std::string_view kind, const Json& body) {
  if constexpr (kIndex == std::variant_size_v<Message>) {
    return fail("it is of no known kind");
  } else {
    if (kind != Kind<std::variant_alternative_t<kIndex, Message>>::kName)
      return decoded<Message, kIndex + 1>(kind, body);
    Message out;
    Reader reader;
    if (!reader.read(body, out.template emplace<kIndex>())) return fail(reader.problem());
    return out;
  }
}

template <class Message>
Result<Message> decoded(const char* what, const Json& json) {
  const auto kind = json.find(what);
  const auto body = json.find(kBody);
  if (kind == json.end() || !kind->is_string() || body == json.end())
    return fail(fmt::format("it holds no {}", what));
  return decoded<Message>(kind->get_ref<const std::string&>(), *body);
}

Error bad_request(std::string_view why) {
  return fail(fmt::format("this is no request of the control protocol ({}): use the anchorctl that was "
                          "installed with the service",
                          why))
      .error();
}

Error bad_answer(std::string_view why) {
  return fail(fmt::format("the running service gave no answer of the control protocol ({}): restart it, so "
                          "that it is of the same version as this program",
                          why))
      .error();
}

}  // namespace

std::string encode_request(const Request& request) {
  return encoded(kRequest, request);
}

std::string encode_answer(const Answer& answer) {
  std::string out = encoded(kAnswer, answer);
  if (out.size() <= kMaxAnswer) return out;
  return encoded(kAnswer,
                 Answer(Refused{fmt::format("the answer would be larger than {} MiB: the log of the service "
                                            "says what there is so much of",
                                            kMaxAnswer >> 20)}));
}

Result<Request> decode_request(std::string_view message) {
  if (message.size() > kMaxRequest) return std::unexpected(request_too_large());
  Parsed found = parsed(message);
  if (!found.problem.empty()) return std::unexpected(bad_request(found.problem));
  auto other = other_version("the program that asks is", found.json);
  if (!other) return std::unexpected(bad_request(other.error().text));
  if (*other) return fail(**other + ": use the anchorctl that was installed with this service");
  auto request = decoded<Request>(kRequest, found.json);
  if (!request) return std::unexpected(bad_request(request.error().text));
  return request;
}

Result<Answer> decode_answer(std::string_view message) {
  if (message.size() > kMaxAnswer) return std::unexpected(answer_too_large());
  if (!message.ends_with('\n')) return std::unexpected(answer_cut_off(message.size()));
  Parsed found = parsed(message);
  if (!found.problem.empty()) return std::unexpected(bad_answer(found.problem));
  auto other = other_version("the running service is", found.json);
  if (!other) return std::unexpected(bad_answer(other.error().text));
  if (*other) return fail(**other + ": restart the service, or use the anchorctl that was installed with it");
  auto answer = decoded<Answer>(kAnswer, found.json);
  if (!answer) return std::unexpected(bad_answer(answer.error().text));
  return answer;
}

Error request_too_late() {
  return bad_request(fmt::format("its end has not come within {} seconds", kTimeout / 1000));
}

Error request_too_large() {
  return bad_request(fmt::format("it is larger than {} bytes", kMaxRequest));
}

Error answer_too_large() {
  return fail(fmt::format("the running service sends more than the {} MiB that an answer may have: use the "
                          "anchorctl that was installed with it",
                          kMaxAnswer >> 20))
      .error();
}

Error answer_cut_off(std::size_t size) {
  if (size == 0)
    return fail("the running service closed the connection without an answer: its log says why, ask again")
        .error();
  return fail(fmt::format("the running service closed the connection in the middle of its answer ({} bytes "
                          "had come): its log says why, ask again",
                          size))
      .error();
}

Error not_expected(const Answer& answer) {
  if (const auto* starting = std::get_if<Starting>(&answer))
    return fail("it is starting: " + starting->what).error();
  if (const auto* refused = std::get_if<Refused>(&answer))
    return fail("the running service refuses that: " + refused->reason).error();
  return bad_answer("it is another than was asked for");
}

std::string status_document(const Status& status) {
  return json_text(to_json(status));
}

}  // namespace anchord::protocol

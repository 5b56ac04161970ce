// etcd's messages as its gateway has them in JSON: bytes in base64, 64-bit numbers as text; what is zero,
// false or empty is left out. What is unknown is passed over.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "anchord/engine/engine.h"

namespace anchord::engine {

// A watch's answer has six levels. Stops a document that is all brackets.
constexpr int kMaxDepth = 16;

std::string encode_range(const Get& get);
std::string encode_txn(const Txn& txn);
std::string encode_watch(const KeyRange& keys, Revision from);
std::string encode_grant(std::int64_t seconds);
std::string encode_lease(LeaseId lease);  // for keepalive and revoke
std::string encode_user(std::string_view name, std::string_view password);

// What is no such answer is an Error.
Result<RangeAnswer> decode_range(std::string_view answer);
Result<TxnAnswer> decode_txn(std::string_view answer);
Result<LeaseId> decode_grant(std::string_view answer);
Result<std::string> decode_token(std::string_view answer);

struct DecodedStatus {
  ClusterId cluster = 0;
  MemberStatus status;
};
Result<DecodedStatus> decode_status(std::string_view answer);

// Why etcd has not done what it was asked (https://grpc.github.io/grpc/core/md_doc_statuscodes.html).
struct Refusal {
  enum class Code : std::uint8_t {
    invalid_argument = 3,
    deadline_exceeded = 4,
    not_found = 5,
    permission_denied = 7,
    out_of_range = 11,
    internal = 13,
    unavailable = 14,
    unauthenticated = 16,
  };
  std::uint8_t code = 0;
  std::string text;

  bool is(Code one) const { return code == static_cast<std::uint8_t>(one); }
  // There was none, or it has ended, or users were changed since: another token is to be asked for.
  bool wants_token() const;
  // Nobody is asked who he is.
  bool no_users() const;
  // The member has no leader, and has not begun with what it was asked.
  bool no_leader() const;
};
Result<Refusal> decode_refusal(std::string_view answer);

// A line of a stream: one answer, or its end.
struct StreamLine {
  bool refused = false;
  Refusal refusal;
  ClusterId cluster = 0;
  std::vector<Event> events;
  bool fragment = false;  // the next line goes on with it
  bool created = false;
  bool canceled = false;
  Revision compacted = 0;
  std::string reason;    // of canceled
  std::int64_t ttl = 0;  // of keepalive
};
Result<StreamLine> decode_line(std::string_view line);

}  // namespace anchord::engine

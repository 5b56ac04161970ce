#include "codec.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "anchord/base/printable.h"
#include "anchord/crypto/base64.h"

namespace anchord::engine {
namespace {

using Json = nlohmann::json;

// Of what etcd says in an error, in one of ours.
constexpr std::size_t kMaxText = 300;

Json bytes(std::string_view text) {
  return crypto::to_base64(text);
}
Json number(std::int64_t value) {
  return std::to_string(value);
}

Json with_range(Json out, const KeyRange& keys) {
  out["key"] = bytes(keys.begin);
  if (!keys.end.empty()) out["range_end"] = bytes(keys.end);
  return out;
}

Json to_json(const Get& get) {
  Json out = with_range(Json::object(), get.keys);
  if (get.at != 0) out["revision"] = number(get.at);
  if (get.limit != 0) out["limit"] = number(static_cast<std::int64_t>(get.limit));
  if (get.keys_only) out["keys_only"] = true;
  return out;
}
Json to_json(const Put& put) {
  Json out = {{"key", bytes(put.key)}, {"value", bytes(put.value)}};
  if (put.lease != 0) out["lease"] = number(put.lease);
  return out;
}
Json to_json(const Delete& keys) {
  return with_range(Json::object(), keys.keys);
}

Json to_json(const Operation& operation) {
  constexpr const char* kNames[] = {"request_put", "request_delete_range", "request_range"};
  return std::visit([&](const auto& one) { return Json{{kNames[operation.index()], to_json(one)}}; },
                    operation);
}

Json to_json(const std::vector<Operation>& operations) {
  Json out = Json::array();
  for (const Operation& operation : operations) out.push_back(to_json(operation));
  return out;
}

Json to_json(const Compare& compare) {
  constexpr const char* kOf[] = {"MOD", "CREATE", "VALUE"};
  constexpr const char* kIs[] = {"EQUAL", "NOT_EQUAL", "GREATER", "LESS"};
  Json out = {{"target", kOf[static_cast<std::size_t>(compare.of)]},
              {"result", kIs[static_cast<std::size_t>(compare.is)]}};
  switch (compare.of) {
    case Compare::Of::modified:
      out["mod_revision"] = number(compare.revision);
      break;
    case Compare::Of::created:
      out["create_revision"] = number(compare.revision);
      break;
    case Compare::Of::value:
      out["value"] = bytes(compare.value);
      break;
  }
  return with_range(std::move(out), compare.keys);
}

// Fields of an answer. The first that is of another kind than it should be sticks: a decoder asks once, at
// its end.
class Fields {
 public:
  explicit Fields(std::string_view text) {
    bool too_deep = false;
    const auto look = [&](int depth, Json::parse_event_t event, const Json&) {
      const bool begins =
          event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start;
      too_deep = too_deep || (begins && depth >= kMaxDepth);
      return !too_deep;  // what is not wanted takes no memory
    };
    root_ = Json::parse(text, look, false);
    if (too_deep || !root_.is_object()) wrong("document");
  }

  const Json& root() const { return root_; }

  // An object; one that is left out has no fields.
  const Json& object(const Json& in, const char* name) {
    static const Json kNone = Json::object();
    const Json* found = find(in, name);
    if (found == nullptr || found->is_object()) return found == nullptr ? kNone : *found;
    return wrong(name), kNone;
  }

  const Json::array_t& array(const Json& in, const char* name) {
    static const Json::array_t kNone;
    const Json* found = find(in, name);
    if (found == nullptr) return kNone;
    const auto* items = found->get_ptr<const Json::array_t*>();
    return items != nullptr ? *items : (wrong(name), kNone);
  }

  bool flag(const Json& in, const char* name) {
    const Json* found = find(in, name);
    if (found == nullptr) return false;
    return found->is_boolean() ? found->get<bool>() : (wrong(name), false);
  }

  // As text or as a number; none of etcd's that we read is negative.
  template <class Number = std::int64_t>
  Number number(const Json& in, const char* name) {
    const Json* found = find(in, name);
    if (found == nullptr) return 0;
    std::uint64_t value = 0;
    if (const auto* text = found->get_ptr<const std::string*>()) {
      const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
      if (error != std::errc() || end != text->data() + text->size()) wrong(name);
    } else if (found->is_number_unsigned()) {
      value = found->get<std::uint64_t>();
    } else {
      wrong(name);
    }
    if (value > static_cast<std::uint64_t>(std::numeric_limits<Number>::max())) wrong(name);
    return wrong_ == nullptr ? static_cast<Number>(value) : 0;
  }

  std::string text(const Json& in, const char* name) {
    const Json* found = find(in, name);
    if (found == nullptr) return {};
    const auto* value = found->get_ptr<const std::string*>();
    return value != nullptr ? *value : (wrong(name), std::string());
  }

  std::string bytes(const Json& in, const char* name) {
    const Json* found = find(in, name);
    if (found == nullptr) return {};
    const auto* value = found->get_ptr<const std::string*>();
    auto decoded = value != nullptr ? crypto::from_base64(*value) : std::nullopt;
    return decoded ? *std::move(decoded) : (wrong(name), std::string());
  }

  void wrong(const char* name) {
    if (wrong_ == nullptr) wrong_ = name;
  }

  template <class T>
  Result<T> result(T value) const {
    if (wrong_ == nullptr) return value;
    return fail(std::string("an answer that is not etcd's (field '") + wrong_ + "')");
  }

 private:
  const Json* find(const Json& in, const char* name) {
    if (!in.is_object()) return wrong(name), nullptr;
    const auto found = in.find(name);
    return found == in.end() ? nullptr : &*found;
  }

  Json root_;
  const char* wrong_ = nullptr;
};

// Of any answer; etcd's begin with it.
Revision revision_of(Fields& fields, const Json& answer) {
  return fields.number(fields.object(answer, "header"), "revision");
}
ClusterId cluster_of(Fields& fields, const Json& answer) {
  return fields.number<ClusterId>(fields.object(answer, "header"), "cluster_id");
}

KeyValue key_value(Fields& fields, const Json& from) {
  return {fields.bytes(from, "key"), fields.bytes(from, "value"), fields.number(from, "create_revision"),
          fields.number(from, "mod_revision"), fields.number(from, "lease")};
}

Found found(Fields& fields, const Json& from) {
  Found out;
  for (const Json& one : fields.array(from, "kvs")) out.values.push_back(key_value(fields, one));
  out.count = fields.number<std::uint64_t>(from, "count");
  out.more = fields.flag(from, "more");
  return out;
}

Event event(Fields& fields, const Json& from) {
  const std::string type = fields.text(from, "type");
  if (!type.empty() && type != "PUT" && type != "DELETE") fields.wrong("type");
  Event out{key_value(fields, fields.object(from, "kv")), type == "DELETE"};
  if (out.at.modified == 0) fields.wrong("mod_revision");
  return out;
}

// What others have written, as it may stand in an error.
std::string shown(std::string text) {
  if (text.size() > kMaxText) text = text.substr(0, kMaxText) + "...";
  return printable(text);
}

}  // namespace

std::string encode_range(const Get& get) {
  return json_text(to_json(get));
}

std::string encode_txn(const Txn& txn) {
  Json compares = Json::array();
  for (const Compare& compare : txn.compares) compares.push_back(to_json(compare));
  return json_text(Json{
      {"compare", std::move(compares)}, {"success", to_json(txn.then)}, {"failure", to_json(txn.otherwise)}});
}

std::string encode_watch(const KeyRange& keys, Revision from) {
  Json out = with_range(Json::object(), keys);
  out["start_revision"] = number(from);
  out["fragment"] = true;         // else a line can have twenty megabytes
  out["progress_notify"] = true;  // a sign of life every ten minutes
  return json_text(Json{{"create_request", std::move(out)}});
}

std::string encode_grant(std::int64_t seconds) {
  return json_text(Json{{"TTL", number(seconds)}});
}

std::string encode_lease(LeaseId lease) {
  return json_text(Json{{"ID", number(lease)}});
}

std::string encode_user(std::string_view name, std::string_view password) {
  return json_text(Json{{"name", name}, {"password", password}});
}

Result<RangeAnswer> decode_range(std::string_view answer) {
  Fields fields(answer);
  RangeAnswer out{found(fields, fields.root()), revision_of(fields, fields.root())};
  if (out.revision == 0) fields.wrong("revision");
  return fields.result(std::move(out));
}

Result<TxnAnswer> decode_txn(std::string_view answer) {
  Fields fields(answer);
  TxnAnswer out;
  out.revision = revision_of(fields, fields.root());
  out.succeeded = fields.flag(fields.root(), "succeeded");
  for (const Json& one : fields.array(fields.root(), "responses")) {
    Found got = found(fields, fields.object(one, "response_range"));
    got.count += fields.number<std::uint64_t>(fields.object(one, "response_delete_range"), "deleted");
    out.answers.push_back(std::move(got));
  }
  if (out.revision == 0) fields.wrong("revision");
  return fields.result(std::move(out));
}

Result<LeaseId> decode_grant(std::string_view answer) {
  Fields fields(answer);
  const LeaseId out = fields.number(fields.root(), "ID");
  if (out == 0) fields.wrong("ID");
  return fields.result(out);
}

Result<std::string> decode_token(std::string_view answer) {
  Fields fields(answer);
  std::string out = fields.text(fields.root(), "token");
  // It becomes a field of a request's head.
  const auto plain = [](char c) { return c > ' ' && c < 0x7f; };
  if (out.empty() || !std::ranges::all_of(out, plain)) fields.wrong("token");
  return fields.result(std::move(out));
}

Result<DecodedStatus> decode_status(std::string_view answer) {
  Fields fields(answer);
  DecodedStatus out;
  out.cluster = cluster_of(fields, fields.root());
  out.status.version = shown(fields.text(fields.root(), "version"));
  out.status.size = fields.number<std::uint64_t>(fields.root(), "dbSize");
  out.status.used = fields.number<std::uint64_t>(fields.root(), "dbSizeInUse");
  out.status.has_leader = fields.number<std::uint64_t>(fields.root(), "leader") != 0;
  if (out.cluster == 0) fields.wrong("cluster_id");
  return fields.result(std::move(out));
}

bool Refusal::wants_token() const {
  return is(Code::unauthenticated) || text == "etcdserver: user name is empty" ||
         text == "etcdserver: revision of auth store is old";
}

bool Refusal::no_users() const {
  return text == "etcdserver: authentication is not enabled";
}

bool Refusal::no_leader() const {
  return is(Code::unavailable) && text == "etcdserver: no leader";
}

Result<Refusal> decode_refusal(std::string_view answer) {
  Fields fields(answer);
  Refusal out;
  out.code = fields.number<std::uint8_t>(fields.root(), "code");
  out.text = shown(fields.text(fields.root(), "error"));
  if (out.text.empty()) fields.wrong("error");
  return fields.result(std::move(out));
}

Result<StreamLine> decode_line(std::string_view line) {
  Fields fields(line);
  StreamLine out;
  if (const Json& error = fields.object(fields.root(), "error"); !error.empty()) {
    out.refused = true;
    out.refusal.code = fields.number<std::uint8_t>(error, "grpc_code");
    out.refusal.text = shown(fields.text(error, "message"));
    return fields.result(std::move(out));
  }
  const Json& result = fields.object(fields.root(), "result");
  out.cluster = cluster_of(fields, result);
  if (out.cluster == 0) fields.wrong("cluster_id");
  for (const Json& one : fields.array(result, "events")) out.events.push_back(event(fields, one));
  out.fragment = fields.flag(result, "fragment");
  out.created = fields.flag(result, "created");
  out.canceled = fields.flag(result, "canceled");
  out.compacted = fields.number(result, "compact_revision");
  out.reason = shown(fields.text(result, "cancel_reason"));
  out.ttl = fields.number(result, "TTL");
  return fields.result(std::move(out));
}

}  // namespace anchord::engine

#include "anchord/engine/etcd.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "anchord/base/ascii.h"
#include "anchord/base/parse_number.h"
#include "etcd_watch.h"
#include "session.h"

namespace anchord::engine {
namespace {

// After all members were asked in vain, before they are asked again: a leader is elected in a second or two.
constexpr Millis kPause = 100;

class Etcd : public Engine {
 public:
  explicit Etcd(std::shared_ptr<const EtcdSettings> settings) : session_(std::move(settings)) {}

  Outcome<RangeAnswer> range(const Get& get) override {
    return ask("/v3/kv/range", encode_range(get), true, decode_range);
  }

  Outcome<TxnAnswer> txn(const Txn& txn) override {
    auto out = ask("/v3/kv/txn", encode_txn(txn), !txn.writes(), decode_txn);
    const std::size_t asked = !out ? 0 : (out->succeeded ? txn.then : txn.otherwise).size();
    if (out && out->answers.size() != asked) {
      return unusable(!txn.writes(), "another number of answers than of operations");
    }
    return out;
  }

  std::unique_ptr<Watch> watch(KeyRange keys, Revision from) override {
    return std::make_unique<EtcdWatch>(session_, std::move(keys), from);
  }

  // A lease that was granted and not told of ends by itself.
  Outcome<LeaseId> grant(std::int64_t seconds) override {
    return ask("/v3/lease/grant", encode_grant(seconds), true, decode_grant);
  }

  Outcome<std::int64_t> keep_alive(LeaseId lease) override {
    ANCHORD_TRY_ASSIGN(const StreamLine line,
                       ask("/v3/lease/keepalive", encode_lease(lease), true, decode_line));
    if (line.refused) return std::unexpected(session_.failure_of(line.refusal));
    return line.ttl;
  }

  Outcome<void> revoke(LeaseId lease) override {
    const auto ignored = [](std::string_view) { return Result<bool>(true); };
    auto out = ask("/v3/lease/revoke", encode_lease(lease), true, ignored);
    if (out || out.error().text.contains("requested lease not found")) return {};
    return std::unexpected(std::move(out.error()));
  }

  std::vector<MemberStatus> members() override {
    std::vector<MemberStatus> out;
    const EtcdSettings& settings = session_.settings();
    for (const Member& member : settings.members) {
      auto status = Session::status_of(settings, member, monotonic_now() + settings.try_time);
      MemberStatus& one = out.emplace_back(status ? std::move(status->status) : MemberStatus{});
      one.url = member.url();
      if (!status) one.problem = std::move(status.error().text);
    }
    return out;
  }

  ClusterId cluster() const override { return session_.cluster(); }

 private:
  template <class Decode>
  auto ask(std::string_view path, const std::string& body, bool repeatable, Decode decode)
      -> Outcome<typename decltype(decode(std::string_view()))::value_type> {
    auto answer = call({path, body, {}}, repeatable);
    if (!answer) return std::unexpected(std::move(answer.error()));
    auto decoded = decode(*answer);
    if (!decoded) return unusable(repeatable, decoded.error().text);
    return *std::move(decoded);
  }

  std::unexpected<Failure> unusable(bool repeatable, std::string_view why) {
    session_.disconnect();
    if (repeatable) return failed(Problem::out_of_reach, fmt::format("{} has given {}", session_.url(), why));
    return not_known(why);
  }

  std::unexpected<Failure> not_known(std::string_view why) {
    return failed(Problem::unknown,
                  fmt::format("it is not known whether the change was made, since {} has not said so: {}",
                              session_.url(), why));
  }

  Outcome<std::string> call(const Request& request, bool repeatable);

  Session session_;
};

Outcome<std::string> Etcd::call(const Request& request, bool repeatable) {
  const EtcdSettings& settings = session_.settings();
  const Millis end = monotonic_now() + settings.whole_time;
  std::vector<std::string> problems(settings.members.size());
  for (std::size_t tries = 1;; ++tries) {
    auto answer = session_.ask(request, std::min(monotonic_now() + settings.try_time, end));
    if (answer) return answer;
    const Failure& failure = answer.error();
    const bool unknown = failure.problem == Problem::unknown;
    if (!unknown && failure.problem != Problem::out_of_reach) return answer;
    if (unknown && !repeatable) return not_known(failure.text);
    problems[session_.member()] = fmt::format("{}: {}", session_.url(), failure.text);
    session_.next_member();
    const Millis pause = tries % problems.size() == 0 ? kPause : 0;
    if (monotonic_now() + pause >= end) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(pause));
  }
  std::erase(problems, "");
  return failed(
      Problem::out_of_reach,
      fmt::format("no member of etcd answers ({}): check that etcd runs there, and that this host reaches it",
                  joined(problems, "; ")));
}

}  // namespace

Result<Member> Member::parse(std::string_view url) {
  constexpr std::string_view kPlain = "http://", kTls = "https://";
  const std::unexpected<Error> problem = fail(fmt::format(
      "'{}' is not the URL of an engine's member: give http://HOST:PORT or https://HOST:PORT", url));
  Member out;
  out.tls = url.starts_with(kTls);
  if (!out.tls && !url.starts_with(kPlain)) return problem;
  std::string_view rest = url.substr(out.tls ? kTls.size() : kPlain.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.starts_with('[')) {
    const std::size_t end = rest.find(']');
    if (end == std::string_view::npos) return problem;
    out.host = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
  } else {
    out.host = rest.substr(0, rest.find(':'));
    rest.remove_prefix(out.host.size());
  }
  constexpr std::string_view kNot = " \t\r\n/@?#[]";
  if (out.host.empty() || out.host.find_first_of(kNot) != std::string::npos) return problem;
  if (rest.empty()) return out;
  if (!rest.starts_with(':')) return problem;
  ANCHORD_TRY_ASSIGN(out.port, parse_number<std::uint16_t>(rest.substr(1), 1, 65535, "a port"));
  return out;
}

std::string Member::url() const {
  const char* scheme = tls ? "https" : "http";
  return host.contains(':') ? fmt::format("{}://[{}]:{}", scheme, host, port)
                            : fmt::format("{}://{}:{}", scheme, host, port);
}

Result<std::vector<Member>> parse_members(std::string_view urls) {
  std::vector<Member> out;
  for (std::size_t at = 0; at <= urls.size();) {
    const std::size_t end = std::min(urls.find(',', at), urls.size());
    ANCHORD_TRY_ASSIGN(out.emplace_back(), Member::parse(urls.substr(at, end - at)));
    at = end + 1;
  }
  return out;
}

Result<std::unique_ptr<Engine>> open_etcd(EtcdSettings settings) {
  for (const Member& member : settings.members) {
    if (member.tls) ANCHORD_TRY(tls_context(settings, member));
  }
  return std::make_unique<Etcd>(std::make_shared<const EtcdSettings>(std::move(settings)));
}

}  // namespace anchord::engine

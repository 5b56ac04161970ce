#include "session.h"

#include <fmt/core.h>

namespace anchord::engine {
namespace {

constexpr unsigned kOk = 200;

Result<Connection> open(const EtcdSettings& settings, const Member& member, Millis deadline) {
  if (!member.tls) return Connection::open(member, nullptr, deadline);
  ANCHORD_TRY_ASSIGN(const crypto::TlsContext context, tls_context(settings, member));
  return Connection::open(member, &context, deadline);
}

// A member may be asked before the cluster has a leader, and without a token.
Result<DecodedStatus> greet(Connection& connection, Millis deadline) {
  ANCHORD_TRY(connection.send({"/v3/maintenance/status", "{}", {}, false}, deadline));
  ANCHORD_TRY_ASSIGN(const Connection::Answer answer, connection.receive(deadline));
  if (answer.status != kOk)
    return fail(fmt::format("it answers with {} of HTTP: is it etcd?", answer.status));
  return decode_status(answer.body);
}

}  // namespace

std::unexpected<Failure> failed(Problem problem, std::string text) {
  return std::unexpected(Failure{{std::move(text)}, problem});
}

Result<crypto::TlsContext> tls_context(const EtcdSettings& settings, const Member& member) {
  if (settings.roots.empty()) return fail("no root certificate is given for an engine on TLS");
  return crypto::TlsContext::client(
      {.pinned = {}, .roots = settings.roots, .server = member.host, .identity = settings.identity});
}

Session::Session(const Session& other)
    : settings_(other.settings_), member_(other.member_), cluster_(other.cluster_), token_(other.token_) {}

Result<DecodedStatus> Session::status_of(const EtcdSettings& settings, const Member& member,
                                         Millis deadline) {
  ANCHORD_TRY_ASSIGN(Connection connection, open(settings, member, deadline));
  return greet(connection, deadline);
}

void Session::next_member() {
  disconnect();
  member_ = (member_ + 1) % settings_->members.size();
}

// Each connection begins with the question which cluster this is: nothing is written to another one.
Outcome<void> Session::connect(Millis deadline) {
  if (connection_ && connection_->reusable()) return {};
  auto made = open(*settings_, settings_->members[member_], deadline);
  if (!made) return failed(Problem::out_of_reach, std::move(made.error().text));
  auto status = greet(*made, deadline);
  if (!status) return failed(Problem::out_of_reach, std::move(status.error().text));
  if (cluster_ != 0 && cluster_ != status->cluster) {
    return failed(
        Problem::wrong_cluster,
        fmt::format("{} is a member of cluster {:x} of etcd, and this host's is {:x}: was etcd set up anew?",
                    url(), status->cluster, cluster_));
  }
  cluster_ = status->cluster;
  connection_ = std::move(*made);
  return {};
}

Outcome<Session::Reply> Session::exchange(const Request& request, Millis deadline) {
  ANCHORD_TRY(connect(deadline));
  if (Status sent = connection_->send(request, deadline); !sent) {
    return failed(Problem::out_of_reach, std::move(sent.error().text));
  }
  auto answer = connection_->receive(deadline);
  if (!answer) return failed(Problem::unknown, std::move(answer.error().text));
  if (answer->status == kOk) return Reply{std::move(answer->body), {}};
  auto refusal = decode_refusal(answer->body);
  if (!refusal) {
    return failed(Problem::unknown,
                  fmt::format("status {} of HTTP, and {}", answer->status, refusal.error().text));
  }
  return Reply{{}, std::move(*refusal)};
}

Outcome<void> Session::renew_token(Millis deadline) {
  const std::string user = encode_user(settings_->user, settings_->password);
  auto reply = exchange({"/v3/auth/authenticate", user, {}}, deadline);
  if (reply && reply->refusal && reply->refusal->no_users()) {
    token_ = "";
    return {};
  }
  if (!reply) return failed(Problem::out_of_reach, std::move(reply.error().text));
  if (reply->refusal) {
    Failure failure = failure_of(*reply->refusal);
    if (failure.problem == Problem::unknown) failure.problem = Problem::out_of_reach;
    return std::unexpected(std::move(failure));
  }
  auto token = decode_token(reply->body);
  if (!token) return failed(Problem::out_of_reach, std::move(token.error().text));
  token_ = std::move(*token);
  return {};
}

Outcome<std::string> Session::ask(Request request, Millis deadline) {
  // Without a token etcd says now that there is no user, now that he may not.
  if (!settings_->user.empty() && !token_) ANCHORD_TRY(renew_token(deadline));
  for (bool renewed = false;; renewed = true) {
    request.token = token_ ? *token_ : std::string_view();
    auto reply = exchange(request, deadline);
    if (!reply) {
      disconnect();
      return std::unexpected(std::move(reply.error()));
    }
    if (!reply->refusal) return std::move(reply->body);
    if (!reply->refusal->wants_token() || settings_->user.empty() || renewed) {
      return std::unexpected(failure_of(*reply->refusal));
    }
    ANCHORD_TRY(renew_token(deadline));
  }
}

Outcome<void> Session::begin(Request request, Millis deadline) {
  ANCHORD_TRY(connect(deadline));
  request.token = token_ ? *token_ : std::string_view();
  Status sent = connection_->send(request, deadline);
  if (sent) return {};
  disconnect();
  return failed(Problem::out_of_reach, std::move(sent.error().text));
}

Failure Session::failure_of(const Refusal& refusal) const {
  using Code = Refusal::Code;
  if (refusal.no_leader()) return {{refusal.text}, Problem::out_of_reach};
  if (refusal.is(Code::out_of_range) && refusal.text.contains("compacted")) {
    return {{"etcd no longer keeps the revision that was asked for"}, Problem::compacted};
  }
  // It has begun, and does not know itself what becomes of it.
  if (refusal.is(Code::unavailable) || refusal.is(Code::deadline_exceeded) || refusal.is(Code::internal)) {
    return {{refusal.text}, Problem::unknown};
  }
  std::string text = fmt::format("{} refuses: {}", url(), refusal.text);
  if (refusal.text.contains("space exceeded"))
    text += ": raise its quota, or compact and defragment it, and disarm its alarm";
  if (refusal.is(Code::permission_denied)) text += ": give this host's user the role for its keys";
  if (refusal.wants_token()) text += ": check this host's user and password of etcd";
  return {{std::move(text)}, Problem::refused};
}

}  // namespace anchord::engine

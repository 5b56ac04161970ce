// One of the members at a time: its connection, its cluster and the token, for an engine or a watch.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "anchord/engine/etcd.h"
#include "codec.h"
#include "connection.h"

namespace anchord::engine {

std::unexpected<Failure> failed(Problem problem, std::string text);

// For one member of these. Fails where the certificates do not do for it.
Result<crypto::TlsContext> tls_context(const EtcdSettings& settings, const Member& member);

// One request to one member. Of what goes wrong `unknown` says that the member may have done it all the same,
// and `out_of_reach` that it has not.
class Session {
 public:
  explicit Session(std::shared_ptr<const EtcdSettings> settings)
      : settings_(std::move(settings)), cluster_(settings_->cluster) {}
  // For the same cluster, with the same token, and begins with the same member; on a connection of its own.
  Session(const Session& other);

  Outcome<std::string> ask(Request request, Millis deadline);

  // For a stream: sends it, and the answer is read from connection().
  Outcome<void> begin(Request request, Millis deadline);
  Connection& connection() { return *connection_; }
  void disconnect() { connection_.reset(); }
  bool connected() const { return connection_.has_value(); }

  void next_member();
  std::size_t member() const { return member_; }  // which is asked
  std::string url() const { return settings_->members[member_].url(); }
  const EtcdSettings& settings() const { return *settings_; }
  ClusterId cluster() const { return cluster_; }

  // What a member says of itself, on a connection of its own.
  static Result<DecodedStatus> status_of(const EtcdSettings& settings, const Member& member, Millis deadline);

  // What a member's refusal means, once it was asked to write.
  Failure failure_of(const Refusal& refusal) const;

 private:
  Outcome<void> connect(Millis deadline);
  Outcome<void> renew_token(Millis deadline);
  // Without asking for a token.
  struct Reply {
    std::string body;
    std::optional<Refusal> refusal;
  };
  Outcome<Reply> exchange(const Request& request, Millis deadline);

  std::shared_ptr<const EtcdSettings> settings_;
  std::size_t member_ = 0;
  std::optional<Connection> connection_;
  ClusterId cluster_;
  std::optional<std::string> token_;  // empty: the member wants none
};

}  // namespace anchord::engine

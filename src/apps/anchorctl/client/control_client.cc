#include "client/control_client.h"

#include <fmt/core.h>

#include <array>

#include "anchord/base/stream_socket.h"
#include "anchord/protocol/socket_path.h"
#include "anchord/store/service_lock.h"
#include "client/failure.h"

namespace anchord::ctl {

namespace {

Result<StreamSocket> connect_to_service(const std::filesystem::path& state_dir) {
  const std::filesystem::path path = protocol::socket_path(state_dir);
  ANCHORD_TRY_ASSIGN(auto address, protocol::socket_address(path));
  std::error_code error;
  auto socket = !std::filesystem::exists(path, error) && !error
                    ? fail("no control socket in " + state_dir.string())
                    : StreamSocket::connect(reinterpret_cast<const sockaddr*>(&address), sizeof address,
                                            monotonic_now() + protocol::kTimeout);
  if (socket) return socket;
  if (auto pid = store::service_of(state_dir))
    return fail(
        fmt::format("a service is running (pid {}) but its control socket is gone: restart it", *pid));
  return socket;
}

}  // namespace

bool service_runs(const std::filesystem::path& state_dir) {
  return store::service_of(state_dir) || connect_to_service(state_dir).has_value();
}

Result<protocol::Answer> exchange(const std::filesystem::path& state_dir, const protocol::Request& request) {
  ANCHORD_TRY_ASSIGN(auto socket, connect_to_service(state_dir));
  const std::string line = protocol::encode_request(request);
  // A service that closes at once may have said something before.
  if (Status sent = socket.send_all(as_bytes(line)); !sent && !socket.is_reset()) return failure_of(sent);

  std::string answer;
  std::array<std::uint8_t, 16384> room;
  for (;;) {
    auto count = socket.receive(room);
    const bool has_ended = count ? *count == 0 : socket.is_reset();
    if (has_ended) return protocol::decode_answer(answer);
    if (!count) return failure_of(count);
    answer += as_text(Bytes(room).first(*count));
    if (answer.size() > protocol::kMaxAnswer) return std::unexpected(protocol::answer_too_large());
  }
}

}  // namespace anchord::ctl

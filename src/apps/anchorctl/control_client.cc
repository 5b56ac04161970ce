#include "control_client.h"

#include <fmt/format.h>
#include <sys/un.h>

#include <array>
#include <cstring>

#include "anchord/store/service_lock.h"
#include "failure.h"
#include "socket.h"

namespace anchord::ctl {

namespace {

Result<StreamSocket> connect_to_service(const std::filesystem::path& state_dir) {
  std::string path = state_dir / "control.sock";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return fail(path + ": too long for a control socket's path");
  std::memcpy(address.sun_path, path.data(), path.size());

  std::error_code error;
  auto socket = !std::filesystem::exists(path, error) && !error
                    ? fail("no control socket in " + state_dir.string())
                    : StreamSocket::connect(reinterpret_cast<const sockaddr*>(&address), sizeof address,
                                            monotonic_now() + kControlTimeout);
  if (socket) return socket;
  if (auto pid = store::service_of(state_dir))
    return fail(
        fmt::format("a service is running (pid {}) but its control socket is gone: restart it", *pid));
  return socket;
}

// While it starts, a service answers every question with what that is about.
Result<std::string> answer_of_service(std::string answer) {
  constexpr std::string_view kAnswer = "starting: ";
  if (!answer.starts_with(kAnswer)) return answer;
  return fail(std::string(kStarting) + answer.substr(kAnswer.size(), answer.find('\n') - kAnswer.size()));
}

}  // namespace

bool service_runs(const std::filesystem::path& state_dir) {
  return store::service_of(state_dir) || connect_to_service(state_dir).has_value();
}

Result<std::string> ask_service(const std::filesystem::path& state_dir, std::string_view line) {
  auto socket = connect_to_service(state_dir);
  if (!socket) return failure_of(socket);
  if (Status sent = socket->send_all(as_bytes(line)); !sent) return failure_of(sent);

  std::string answer;
  std::array<std::uint8_t, 16384> room;
  for (;;) {
    auto count = socket->receive(room);
    if (!count) return failure_of(count);
    if (*count == 0) return answer_of_service(std::move(answer));
    answer += as_text(Bytes(room).first(*count));
    if (answer.size() > kMaxControlAnswer) return fail("the answer is larger than 1 MiB");
  }
}

}  // namespace anchord::ctl

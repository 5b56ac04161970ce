// The Unix socket over which anchorctl talks to a running anchord: one request comes, one answer
// goes out, the connection ends. What both say is in anchord/protocol/message.h.
//
// Only the owner of the state directory (and root) can connect. Clients are few,
// bounded in number, size and time, and never waited for. What they say that is no request is
// refused with a line, to them and in the log.
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/io/socket.h"
#include "anchord/protocol/message.h"

namespace anchord::control {

class ControlSocket {
 public:
  static constexpr std::size_t kMaxClients = 16;

  // Replaces a socket that a killed service has left: one that runs holds the state's lock
  // (store/service_lock.h). Removes it at its end.
  static Result<ControlSocket> open(const std::filesystem::path& path);
  // That it could be made, as far as that shows without making it.
  static Status may_open(const std::filesystem::path& path);
  ControlSocket(ControlSocket&&) noexcept = default;
  ControlSocket& operator=(ControlSocket&&) = delete;
  ~ControlSocket();

  // Makes the socket anew when somebody has removed or replaced it: nobody could ask the service
  // anything, or tell it of a change. Says it once.
  void look_after();

  // Adds what to wait for.
  void poll_for(std::vector<pollfd>& out) const;
  // The encoded answer; empty: the client gets none, and asks again.
  using Answerer = std::function<std::string(const protocol::Request& request)>;
  // Serves what is ready.
  void serve(Millis now, const Answerer& answer);

 private:
  struct Client {
    FileDescriptor descriptor;
    Millis deadline = 0;
    std::string request;
    std::string answer;
    bool answering = false;
  };

  // Of the socket in the file system.
  struct Identity {
    dev_t device = 0;
    ino_t inode = 0;
    bool operator==(const Identity&) const = default;
  };

  explicit ControlSocket(std::filesystem::path path) : path_(std::move(path)) {}
  Status bind();
  bool in_place() const;
  static bool advance(Client& client, const Answerer& answer);
  static void refuse(Client& client, const Error& why);

  FileDescriptor listener_;
  std::filesystem::path path_;
  Identity identity_;
  std::string problem_;  // why it cannot be made anew
  std::vector<Client> clients_;
};

}  // namespace anchord::control

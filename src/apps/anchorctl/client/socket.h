// A connected stream socket whose every wait ends at one deadline.
#pragma once

#include <sys/socket.h>

#include <string_view>
#include <utility>

#include "anchord/base/bytes.h"
#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/base/file_descriptor.h"

namespace anchord::ctl {

class StreamSocket {
 public:
  static Result<StreamSocket> connect(const sockaddr* address, socklen_t length, Millis deadline);

  Status send_all(Bytes bytes);
  Result<std::size_t> receive(MutableBytes room);  // 0 when the peer has ended the stream
  // Whether the last of these failed because the peer has closed the connection before it read what it was
  // sent.
  bool is_reset() const { return is_reset_; }

 private:
  StreamSocket(FileDescriptor socket, Millis deadline) : socket_(std::move(socket)), deadline_(deadline) {}
  Status wait_for(short events) const;
  std::unexpected<Error> failed(std::string_view what, int error);

  FileDescriptor socket_;
  Millis deadline_;
  bool is_reset_ = false;
};

}  // namespace anchord::ctl

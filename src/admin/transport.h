// The bytes of one client, plain or on TLS, over a socket that is never waited for.
#pragma once

#include <memory>
#include <string_view>

#include "anchord/base/bytes.h"
#include "anchord/base/file_descriptor.h"
#include "anchord/crypto/tls.h"

namespace anchord::admin {

class Transport {
 public:
  enum class Outcome {
    done,
    wait,   // for what events() says
    ended,  // the peer has ended its side, or TLS has failed
  };

  // `tls`: nullptr where the connection is plain; outlives this.
  Transport(FileDescriptor socket, const crypto::TlsContext* tls);

  int descriptor() const { return socket_.get(); }
  // What a wait is for: POLLIN or POLLOUT.
  short events() const { return events_; }

  // At least one byte, when it is done.
  Outcome read(MutableBytes room, std::size_t& count);
  // All of it, when it is done; else `rest` begins with what is still to be written.
  Outcome write(std::string_view& rest);
  // Says that nothing more comes. What cannot be sent at once is not.
  void end();
  // Reads and throws away, without TLS. `ended` when the peer has ended its side.
  Outcome discard(std::size_t& count);

 private:
  Outcome receive(MutableBytes room, std::size_t& count);
  Outcome flush();
  template <class Operation>
  Outcome run(Operation operation);

  FileDescriptor socket_;
  short events_;
  // On TLS.
  std::unique_ptr<crypto::TlsEngine> engine_;
  bool handshake_done_ = false;
  bool failed_ = false;
  Buffer in_;   // given to the engine, which has not read all of it
  Buffer out_;  // as large as the engine's largest output
  std::size_t sent_ = 0;
  std::size_t made_ = 0;
};

}  // namespace anchord::admin

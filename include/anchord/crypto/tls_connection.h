// TLS over a socket, for clients that may block: the engine, and the stream that carries its bytes. Every
// wait ends at the stream's deadline; what was begun then goes on with the next call.
#pragma once

#include "anchord/base/bytes.h"
#include "anchord/base/error.h"
#include "anchord/base/stream_socket.h"
#include "anchord/crypto/tls.h"

namespace anchord::crypto {

class TlsConnection {
 public:
  explicit TlsConnection(StreamSocket socket);

  // All that goes to the server before the first answer.
  Status handshake(const TlsContext& context);

  Status write(Bytes plain);
  Result<std::size_t> read(MutableBytes plain);  // at least one byte; the server's close is an error
  void close();                                  // says that nothing more comes, where that can be said

  StreamSocket& socket() { return socket_; }
  const TlsEngine& engine() const { return engine_; }

 private:
  template <class Operation>
  Status run(Operation operation);
  Status receive();

  StreamSocket socket_;
  TlsEngine engine_;
  Buffer in_;
  Buffer out_;
};

}  // namespace anchord::crypto

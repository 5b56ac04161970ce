// One client of the admin endpoint: its requests, one after the other, and what it is answered.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "admin_limits.h"
#include "anchord/base/clock.h"
#include "request_reader.h"
#include "transport.h"

namespace anchord::admin {

// Who answers a connection's requests.
class Answerer {
 public:
  virtual Page answer(const ReadRequest& request) = 0;
  // Something came that is no request, or none that is answered here.
  virtual void note_refusal() = 0;

 protected:
  ~Answerer() = default;
};

class Connection {
 public:
  Connection(Transport transport, Millis now) : transport_(std::move(transport)), due_(now + kRequestTime) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int descriptor() const { return transport_.descriptor(); }
  short events() const { return transport_.events(); }
  // When it is ended, whatever it waits for.
  Millis due() const { return due_; }
  // Since when it has given nothing to answer: who is first here gives way first.
  Millis silent_since() const { return silent_since_; }
  // May give way to another: it has nothing that it was promised.
  bool is_silent() const { return state_ != State::answering; }
  // It may have more to do at once, which no wait shows.
  bool has_more() const { return has_more_; }
  // Bytes that it was answered and has not taken.
  std::size_t untaken() const { return rest_.size(); }

  // Goes on with what can be done without a wait, up to the end of one answer. False when it is over.
  bool advance(Millis now, Answerer& answerer);

 private:
  enum class State {
    reading,    // a request, or the TLS handshake before
    answering,  // what it was answered goes out
    lingering,  // nothing more goes out; what comes is thrown away
  };

  bool read(Millis now, Answerer& answerer);
  bool write(Millis now);
  bool linger();
  void put(const Page& page, bool head, Millis now);

  Transport transport_;
  Millis due_;
  Millis silent_since_ = 0;
  State state_ = State::reading;
  RequestReader reader_;
  bool in_head_ = true;  // a request's time runs
  bool has_more_ = false;
  bool last_ = false;  // the connection ends with this answer
  std::string answer_;
  std::string_view rest_;  // of the answer
  std::size_t discarded_ = 0;
};

// Head and body, as they go out. `head`: without the body. `last`: nothing comes behind it.
std::string answer_text(const Page& page, bool head, bool last);

}  // namespace anchord::admin

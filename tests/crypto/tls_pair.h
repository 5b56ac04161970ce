// A client's and a server's engine joined in memory, with as little delivered and as
// little room given at a time as a test wants.
#pragma once

#include <algorithm>

#include "anchord/crypto/tls.h"
#include "test_files.h"

namespace anchord::crypto::test {

using Outcome = TlsEngine::Outcome;

struct Side {
  TlsEngine engine;
  Buffer inbox;  // on its way to this side
  Buffer held;   // lent to the engine

  Side* peer = nullptr;
  std::size_t delivery = 1 << 20;  // bytes given at a time
  std::size_t room = 1 << 15;      // bytes of output room at a time

  // Repeats the operation for as long as there is input to give or output to take.
  template <class Operation>
  Outcome run(Operation&& operation) {
    for (;;) {
      if (engine.unread() == 0 && !inbox.empty()) {
        auto end = inbox.begin() + static_cast<std::ptrdiff_t>(std::min(delivery, inbox.size()));
        held.assign(inbox.begin(), end);
        inbox.erase(inbox.begin(), end);
        engine.give(held);
      }
      Buffer output(room);
      engine.take_into(output);
      Outcome outcome = operation();
      Bytes produced = Bytes(output).first(engine.produced());
      peer->inbox.insert(peer->inbox.end(), produced.begin(), produced.end());
      EXPECT_TRUE(outcome != Outcome::want_input || engine.unread() == 0);
      if (outcome == Outcome::output_full && !produced.empty()) continue;
      if (outcome == Outcome::want_input && !inbox.empty()) continue;
      return outcome;
    }
  }

  Outcome handshake() {
    return run([&] { return engine.handshake(); });
  }
  Outcome write(std::string_view text) {
    return run([&] { return engine.write(as_bytes(text)); });
  }
  Outcome close() {
    return run([&] { return engine.close(); });
  }

  // All that has arrived, and how it ended.
  Outcome read(std::string& out) {
    Buffer plain(5000);
    for (;;) {
      std::size_t count = 0;
      Outcome outcome = run([&] { return engine.read(plain, count); });
      out += as_text(Bytes(plain).first(count));
      if (outcome != Outcome::done) return outcome;
    }
  }
};

struct Pair {
  Side client, server;

  Pair() {
    client.peer = &server;
    server.peer = &client;
  }

  void start(const TlsContext& client_context, const TlsContext& server_context) {
    EXPECT_TRUE(client.engine.start(client_context).has_value());
    EXPECT_TRUE(server.engine.start(server_context).has_value());
  }

  void reset() {
    for (Side* side : {&client, &server}) {
      side->engine.reset();
      side->inbox.clear();
    }
  }

  // Until both are done, one has failed, or neither has anything to say.
  bool handshake() {
    for (int round = 0; round < 10; ++round) {
      Outcome a = client.handshake(), b = server.handshake();
      if (a == Outcome::done && b == Outcome::done) return true;
      if (a == Outcome::failed || b == Outcome::failed) return false;
    }
    return false;
  }

  // One question, one answer.
  bool exchange(std::string_view question, std::string_view answer) {
    std::string asked, answered;
    return client.write(question) == Outcome::done && server.read(asked) == Outcome::want_input &&
           server.write(answer) == Outcome::done && client.read(answered) == Outcome::want_input &&
           asked == question && answered == answer;
  }
};

}  // namespace anchord::crypto::test

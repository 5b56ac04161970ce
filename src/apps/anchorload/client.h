// What a protocol is to the run: a client that is given tasks and says how they ended,
// and the maker of such clients. How tasks are handed out, counted, timed and reported
// is the same for all protocols, and not theirs.
//
// A client lives on its worker's thread. Tasks have numbers, each of which occurs once
// in a run: a protocol decides with it what to ask for.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "anchord/base/error.h"
#include "anchord/io/ring.h"

namespace anchord::load {

using Json = nlohmann::ordered_json;
using Nanos = std::uint64_t;  // monotonic

class Worker;

struct Task {
  std::uint64_t number = 0;
  Nanos start = 0;  // when it was to begin: latency counts from here
};

class Client {
 public:
  virtual ~Client() = default;

  // Once, or as often as the protocol's depth allows, when all tasks of before have ended.
  // One ends with Worker::succeed() or Worker::fail(); from within begin() only where the
  // depth is 1.
  virtual void begin(const Task& task) = 0;
  // After begin() of every client that was free: what they ask for is to be sent, or a
  // connection for it to be made.
  virtual void flush() {}
  // `part` is what the client gave to Worker::tag().
  virtual void on_completion(std::uint8_t part, const io::Completion& completion) = 0;
  // The time of Worker::arm() has come.
  virtual void on_deadline() = 0;
};

enum class Verdict {
  good,
  poor,   // a failure where failures are asked for (--fail-on-error)
  wrong,  // always a failure
};

class Protocol {
 public:
  virtual ~Protocol() = default;

  // On the worker's thread, several at once; the protocol outlives the client.
  virtual Result<std::unique_ptr<Client>> make_client(Worker& worker, std::uint32_t id) = 0;
  // Tasks that a client is given at once. It gets others when all of them have ended.
  virtual unsigned depth() const { return 1; }
  // The largest datagram that can come, in bytes; 0: none.
  virtual std::size_t datagram_size() const { return 0; }
  // For the line on a terminal, while the run goes on.
  virtual std::string live() const { return {}; }

  // After the run:

  // What it has found out, for the report: as JSON, and as lines that begin with two
  // blanks.
  virtual Json facts() const;
  virtual std::string facts_text() const;
  // Copies of files that were not compared with others.
  virtual std::uint64_t not_compared() const { return 0; }
  // What is to become of the exit code, besides the errors that were counted.
  virtual Verdict verdict() const { return Verdict::good; }
};

}  // namespace anchord::load

// Members of an etcd on loopback, each a process in a folder of its own, on ports that nobody else gets.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "anchord/base/file_descriptor.h"
#include "anchord/engine/etcd.h"

namespace anchord::engine::test {

// Whether etcd is installed: Debian's package is etcd-server.
bool has_etcd();

// A port of 127.0.0.1 that is kept, so that nobody else is given it: who asks for this very one can still
// listen on it.
class KeptPort {
 public:
  KeptPort();
  std::uint16_t number() const { return number_; }

 private:
  FileDescriptor socket_;
  std::uint16_t number_ = 0;
};

// What the members are told besides, of certificates.
struct EtcdFiles {
  std::string certificate;  // of the members, with its key beside it
  std::string key;
  std::string client_ca;  // clients must have a certificate by this one
};

class EtcdProcesses {
 public:
  explicit EtcdProcesses(std::size_t members, const EtcdFiles* files = nullptr);
  EtcdProcesses(const EtcdProcesses&) = delete;
  EtcdProcesses& operator=(const EtcdProcesses&) = delete;
  ~EtcdProcesses();

  // Returns once all of them serve with a leader among them, or fails the test.
  void wait_for_all();

  EtcdSettings settings() const;  // for engines that use it; plain ones
  std::size_t size() const { return members_.size(); }

  void kill(std::size_t member);   // SIGKILL
  void start(std::size_t member);  // again, with what it had
  // What all had is gone, and they are another cluster.
  void replace();
  void pause(std::size_t member);
  void resume(std::size_t member);

 private:
  struct One {
    KeptPort client;
    KeptPort peer;
    pid_t pid = 0;
  };
  std::vector<std::string> command_of(std::size_t member) const;

  std::vector<One> members_;
  std::filesystem::path folder_;
  EtcdFiles files_;
  int replaced_ = 0;
  bool tls_ = false;
};

}  // namespace anchord::engine::test

// What plays a member of etcd, by a script: it says byte for byte what a test wants, and remembers what it
// was asked.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "anchord/base/file_descriptor.h"
#include "anchord/engine/etcd.h"
#include "etcd_process.h"

namespace anchord::engine::test {

struct Asked {
  std::string path;
  std::string head;
  std::string body;
};

// One request's answer, bytes as they go out. Of what it does not say, the next request waits.
struct Reply {
  std::vector<std::string> pieces;                            // each is sent by itself
  enum class Then { next, close, silent } then = Then::next;  // silent: nothing more, until the client goes
};

Reply json(std::string_view body, unsigned status = 200);
// A stream in chunks, one for each line.
Reply stream(const std::vector<std::string>& lines, Reply::Then then = Reply::Then::silent);
// {"cluster_id":"7","revision":"5"}
std::string header(Revision revision = 5, ClusterId cluster = 7);
std::string status_answer(ClusterId cluster = 7);

// Answers each path by its function, /v3/maintenance/status by status_answer().
class Gateway {
 public:
  using Script = std::function<Reply(const Asked& asked, std::size_t times_before)>;

  Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;
  ~Gateway();

  Gateway& on(const std::string& path, Script script);
  Gateway& on(const std::string& path, Reply reply);

  Member member() const { return {"127.0.0.1", port_, false}; }
  std::vector<Asked> asked(std::string_view path = {}) const;  // so far, without the questions for the status
  std::size_t connections() const { return connections_; }
  void wait_for_closed(std::size_t count) const;  // so many connections were closed by Then::close

 private:
  void accept_all();
  void serve(int fd);
  Reply reply_to(const Asked& asked);

  FileDescriptor listener_;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::map<std::string, Script, std::less<>> scripts_;
  std::map<std::string, std::size_t, std::less<>> times_;
  std::vector<Asked> asked_;
  std::atomic<std::size_t> connections_ = 0;
  std::atomic<std::size_t> closed_ = 0;
  std::atomic<bool> ending_ = false;
  std::vector<int> open_;
  std::vector<std::thread> threads_;
};

}  // namespace anchord::engine::test

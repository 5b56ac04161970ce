// A watch of etcd's: a stream of JSON lines, begun again at another member where it ends.
#pragma once

#include "session.h"

namespace anchord::engine {

// Events of one revision, which come in several lines; etcd takes requests of 1.5 MB. Stops a stream that
// never says that a revision is whole.
constexpr std::size_t kMaxRevisionBytes = 64 * 1024 * 1024;

class EtcdWatch : public Watch {
 public:
  EtcdWatch(const Session& session, KeyRange keys, Revision from)
      : session_(session), keys_(std::move(keys)), next_(from) {}

  Outcome<Changes> next(Millis wait) override;
  void leave_member() override;

 private:
  Outcome<void> begin();
  Outcome<Changes> listen(Millis deadline);
  Outcome<Changes> take(StreamLine line, std::size_t size);

  Session session_;
  KeyRange keys_;
  Revision next_;               // the first that was not given out
  std::vector<Event> pending_;  // of a revision that may go on in the next line
  std::size_t pending_bytes_ = 0;
  bool running_ = false;
};

}  // namespace anchord::engine

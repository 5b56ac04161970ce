// One core's worth of Anchord: a ring, and the TVS, HTTP and TFTP services on it.
//
// Everything is made on, and used by, one thread; only the counters and the log are
// for others. The same shard runs on a simulated ring in tests, tick by tick.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "anchord/io/ring.h"
#include "anchord/service/activity_log.h"
#include "anchord/service/counters.h"
#include "anchord/service/guess_guard.h"
#include "anchord/service/settings.h"
#include "anchord/service/view.h"

namespace anchord::service {

// Sockets that the shard reads from. It does not own them: whoever bound them closes
// them after the shard's end.
struct ShardSockets {
  struct Tftp {
    int requests = -1;           // bound to the well-known port
    std::vector<int> transfers;  // bound to ports of their own; at least one
    bool v4 = true;
  };
  std::vector<int> tvs;  // listening, as the next two
  std::vector<int> http;
  std::vector<int> https;
  std::vector<Tftp> tftp;  // one for each address
};

class Shard {
 public:
  // The publisher has a view already; it and the guard are shared by all shards. `seed` must be
  // secret and the shard's own.
  Shard(unsigned number, io::Ring& ring, const ShardSettings& settings, const ShardSockets& sockets,
        ViewPublisher& publisher, GuessGuard& guard, std::uint64_t seed, Counters& counters,
        ActivityLog& log);
  ~Shard();

  // One round: picks up the newest view, handles what has happened, and waits for
  // more until the next deadline. False when a drain has finished.
  bool tick();

  // Accepts nothing new from now on, and lets what is under way end, but not for
  // longer than the settings' drain_timeout.
  void drain();

  // Ends who still reads a file that has been replaced, and began on a view older than `version`: its
  // bytes are held for nobody else. The version that the oldest of the others began on; kNone when
  // there are none.
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};
  std::uint64_t give_way(std::uint64_t version);

 private:
  struct Parts;

  void dispatch(const io::Completion& completion);
  bool finish_drain(Millis now);
  void note_answers();

  std::unique_ptr<Parts> parts_;
  Millis drain_deadline_ = kNever;
  std::uint64_t answered_ = 0;  // questions, until the last tick
};

}  // namespace anchord::service

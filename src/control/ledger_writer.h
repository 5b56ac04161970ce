// Writes into the store's ledger what phones were given and what they asked: in batches,
// about one a second, on a thread with its own connection to the store. Whoever notes
// something never waits for the disk.
//
// What could not be written is tried again with the next batch. A process that is killed
// loses the last second; one that stops loses nothing.
//
// The thread also has the store forget former certificates that nobody needs any more.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "anchord/base/clock.h"
#include "anchord/index/file_table.h"
#include "machine_session.h"
#include "pending_ledger.h"

namespace anchord::control {

class LedgerWriter {
 public:
  struct Report {
    std::size_t devices = 0;  // in the ledger, when it was last looked at
    std::size_t pending = 0;  // with something that is not written yet
    // How often something was noted, and how much of that is written: who read `noted` and sees
    // `written` come to it knows that the store has all that was noted before.
    std::uint64_t noted = 0;
    std::uint64_t written = 0;
    std::uint64_t dropped = 0;
    UnixSeconds last_written = 0;  // 0: nothing yet
    std::string problem;           // why the last batch could not be written
  };

  explicit LedgerWriter(store::Store store);
  ~LedgerWriter();
  LedgerWriter(const LedgerWriter&) = delete;
  LedgerWriter& operator=(const LedgerWriter&) = delete;

  void note(const service::Download& download, UnixSeconds now);
  void note(const service::Question& question, UnixSeconds now);
  // One phone's own list that is served from now on: the bytes are kept while it may hold it.
  void keep(const index::FileEntry& list);

  // Writes what was noted, and ends.
  void stop();

  Report report() const;

 private:
  void run();
  bool write();
  Status write_to_store(const std::map<std::string, index::FileEntry>& lists,
                        const std::vector<store::LedgerChange>& batch);
  void forget_unneeded();
  Status help_the_unsettled();
  void count_devices();

  store::Store store_;  // the thread's own
  const std::uint64_t session_ = machine_session();
  Millis forget_due_ = 0;
  Millis forgot_at_ = 0;
  std::string forget_problem_;

  mutable std::mutex mutex_;  // over what follows
  std::condition_variable wake_;
  PendingLedger pending_;
  std::map<std::string, index::FileEntry> lists_;  // to be kept; as many as there are such files
  std::size_t writing_ = 0;
  std::uint64_t noted_ = 0;
  Report report_;
  bool stopping_ = false;

  std::thread thread_;  // the last: it uses all of the above
};

}  // namespace anchord::control

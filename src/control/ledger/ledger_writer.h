// Writes into the store's ledger what phones were given and what they asked: in batches,
// about one a second, on a thread with its own connection to the store. Whoever notes
// something never waits for the disk.
//
// What could not be written is tried again with the next batch. What was noted and is not
// written lies in the service's journal still (journal.h).
//
// The thread also has the store forget former certificates that nobody needs any more.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "anchord/base/clock.h"
#include "anchord/index/file_table.h"
#include "anchord/store/ledger_session.h"
#include "ledger/pending_ledger.h"
#include "machine/machine_session.h"
#include "machine/memory_guard.h"

namespace anchord::control {

class LedgerWriter {
 public:
  // A store that is busy, or a disk that is full, must not keep a service from ending.
  static constexpr Millis kEndWait = 10'000;
  // Gaps of different kinds that wait for a store which cannot be told: beyond it they are merged.
  static constexpr std::size_t kMaxGaps = 16;

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
  // One that the ledger may have heard of before is not `counted`.
  void note(const service::Question& question, UnixSeconds now, bool counted = true);
  // One that did not say who asks: any of these may hold the list. Counts as one.
  void note_one_of(std::span<const std::string> devices, const service::Download& download);
  // A record that is no device's: it counts as noted.
  void note_nothing();
  // The lists of single phones that are served from now on: all of them.
  void serve_own(std::vector<index::FileEntry> lists);

  // The service's session: the store hears of it from now on.
  void begin(const store::LedgerSession& session);
  void note_gap(const store::LedgerGap& gap);
  // One that is told after all that was noted with it, so that it concerns whoever was first heard of then.
  void note_gap_after(const store::LedgerGap& gap);
  // All that phones were given until `time` is noted.
  void noted_until(UnixSeconds time);

  // Writes what was noted, and ends. Tries for kEndWait, then fails.
  Status stop();

  Report report() const;

 private:
  struct Batch {
    std::vector<store::LedgerGap> gaps;
    std::optional<std::vector<index::FileEntry>> own;
    std::vector<store::LedgerChange> changes;
    std::vector<store::LedgerGap> gaps_after;
    std::optional<store::LedgerSession> session;
    std::uint64_t noted = 0;

    bool empty() const { return gaps.empty() && !own && changes.empty() && gaps_after.empty() && !session; }
  };

  void run();
  void tick();
  bool write(bool last = false);
  bool has_problem() const;
  void write_the_last();
  void take(bool last);
  void put_back(Batch batch);
  Status write_to_store(Batch& batch);
  static void add_gap(std::vector<store::LedgerGap>& gaps, store::LedgerGap gap);
  Status write_gaps(std::vector<store::LedgerGap>& gaps);
  void note_dropped(UnixSeconds now);
  void forget_unneeded();
  void help();
  Status help_the_unsettled();
  void count_devices();

  store::Store store_;  // the thread's own
  Batch batch_;         // what is being written; some of it is left when there was no memory for it
  MemoryGuard guard_;
  const std::uint64_t machine_ = machine_session();
  Millis forget_due_ = 0;
  Millis forgot_at_ = 0;
  std::string forget_problem_;
  Millis help_due_ = 0;
  Millis helped_at_ = 0;
  std::string help_problem_;

  mutable std::mutex mutex_;  // over what follows
  std::condition_variable wake_;
  PendingLedger pending_;
  std::optional<std::vector<index::FileEntry>> own_;  // to be told to the store
  std::vector<store::LedgerGap> gaps_;
  std::vector<store::LedgerGap> gaps_after_;
  std::uint64_t dropped_known_ = 0;  // of the records that found no room, those that are in a gap
  UnixSeconds dropped_since_ = 0;    // or later
  bool lost_ = false;                // some of it, where there was no memory
  store::LedgerSession session_;     // without a host: there is none
  Millis session_due_ = 0;
  std::size_t writing_ = 0;
  std::uint64_t noted_ = 0;
  Report report_;
  bool stopping_ = false;
  bool unwritten_ = false;  // at the end there was no memory for the rest

  std::thread thread_;  // the last: it uses all of the above
};

}  // namespace anchord::control

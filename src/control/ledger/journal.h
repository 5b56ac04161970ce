// The shards' queues to the control thread, in the state directory's journal: what phones were
// given stays there until the ledger is known to have it, so that a killed service, or one that
// ends with a full disk, loses nothing of it. The next one takes it over.
//
// A journal can tell what is there, and since when something may be missing: a gap. There is
// one after the machine stopped (what was in its page cache only is lost), where a file is
// damaged or of another version, and where records found no place.
//
// For the control thread; a shard has the writer's side of its queues.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/service/activity_log.h"
#include "anchord/store/journal_file.h"
#include "anchord/store/ledger.h"
#include "anchord/store/ledger_session.h"

namespace anchord::control {

class Journal {
 public:
  // 12 MiB or so for each shard (service/activity_log.h says why).
  static const store::JournalShape kShape;

  // What was left behind is kept and is to be taken over with take_over(); what cannot be read is
  // made anew. `sessions` are the store's; the one of `host` is this service's before. Fails when
  // there is no room.
  static Result<Journal> open(const std::filesystem::path& state, unsigned shards, const std::string& host,
                              const std::vector<store::LedgerSession>& sessions, UnixSeconds now);
  Journal(Journal&&) = default;
  Journal& operator=(Journal&&) = delete;

  // The session that has begun with it, for the ledger.
  const store::LedgerSession& session() const { return session_; }
  service::ActivityLog& of_shard(unsigned shard) { return shards_[shard]->log; }

  // Before a shard writes: calls `see(record, time)` for what was left behind, by a service that
  // had the same monotonic clock; `time` is when it happened. Then gaps() has all that were found.
  template <class See>
  void take_over(See&& see);
  const std::vector<store::LedgerGap>& gaps() const { return gaps_; }
  bool anything_left() const;

  // After all queues were read, at `now`, and everything in them noted for the ledger: `noted` and
  // `written` are its writer's. Frees the places of what is written. Returns gaps, to be noted.
  std::vector<store::LedgerGap> settle(std::uint64_t noted, std::uint64_t written, UnixSeconds now);

  // Whether the ledger has everything.
  bool settled() const;

 private:
  struct Shard {
    explicit Shard(store::JournalFile opened);

    store::JournalFile file;
    service::ActivityLog log;     // in the file
    UnixSeconds began_at = 0;     // nothing that was left behind is older
    UnixSeconds left_at = 0;      // not before the last of what was left behind
    std::uint64_t questions = 0;  // how far they were read when the mark was set
    std::uint64_t downloads = 0;
  };
  // What is to be in the store before places become free.
  struct Mark {
    std::uint64_t noted = 0;
    UnixSeconds time = 0;
  };

  static Millis ended_at(const service::Question& question) { return question.at; }
  static Millis ended_at(const service::Download& download) { return download.ended; }

  Journal() = default;
  UnixSeconds time_of(const Shard& shard, Millis ended) const;
  Result<std::unique_ptr<Shard>> open_shard(const std::filesystem::path& path,
                                            const std::vector<store::LedgerSession>& sessions,
                                            UnixSeconds now);
  Result<std::unique_ptr<Shard>> make_anew(const std::filesystem::path& path,
                                           std::optional<store::LedgerGap> gap);
  store::JournalOwner owner() const;
  void found(UnixSeconds from, UnixSeconds to, std::string why);
  void set_mark(std::uint64_t noted, UnixSeconds now);
  void release_marked();
  void release_for_room(std::uint64_t noted, UnixSeconds now);
  void look_for_lost(std::vector<store::LedgerGap>& gaps, UnixSeconds now);
  void miss_since(Shard& shard, UnixSeconds since);
  void remove_unused();

  store::LedgerSession session_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<std::unique_ptr<Shard>> unused_;  // of shards that there are no longer
  std::vector<store::LedgerGap> gaps_;
  std::optional<Mark> mark_;
  UnixSeconds settled_at_ = 0;  // the ledger has everything that was read then
  UnixSeconds looked_at_ = 0;
  // The heads of the files say that something is missing until the ledger has so many.
  std::optional<std::uint64_t> missing_until_;
  bool missing_ = false;
};

template <class See>
void Journal::take_over(See&& see) {
  for (auto* shards : {&shards_, &unused_}) {
    for (std::unique_ptr<Shard>& shard : *shards) {
      std::size_t damaged = 0;
      auto look_at = [&](const auto& record) {
        if (well_formed(record)) {
          see(record, time_of(*shard, ended_at(record)));
        } else {
          ++damaged;
        }
      };
      shard->log.questions.read(look_at);
      shard->log.downloads.read(look_at);
      if (damaged == 0) continue;
      miss_since(*shard, shard->began_at);
      found(shard->began_at, looked_at_, "records in the service's journal were damaged");
    }
  }
}

}  // namespace anchord::control

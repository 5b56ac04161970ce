#include "ledger/journal.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ranges>
#include <set>

#include "anchord/base/file.h"
#include "anchord/base/log.h"

namespace anchord::control {
namespace {

using service::DownloadLog;
using service::QuestionLog;
using store::LedgerGap;
using store::LedgerSession;

enum LogNumber : std::size_t { kQuestions, kDownloads };

constexpr char kStopped[] = "the machine stopped while the service ran";
constexpr char kGone[] = "the service was killed, and its journal is gone";
constexpr char kDamaged[] = "the service's journal was damaged, or of another version";
constexpr char kFull[] = "the service's journal was full";
constexpr char kLetGo[] = "the service ended before the ledger could be written";

template <class Log>
Log log_in(store::JournalFile& file, LogNumber number) {
  auto* records = reinterpret_cast<typename Log::RecordType*>(file.records(number));
  return Log(file.head().positions[number], std::launder(records));
}

std::string name_of(unsigned shard) {
  return fmt::format("shard-{}", shard);
}

// The session that this one was, as the store knows it.
const LedgerSession* session_of(const store::JournalFile& file, const std::vector<LedgerSession>& sessions) {
  auto found = std::ranges::find(sessions, file.owner().started, &LedgerSession::started);
  return found == sessions.end() ? nullptr : &*found;
}

Status make_journal_folder(const std::filesystem::path& folder) {
  if (::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return fail_errno("cannot make the folder " + quoted(folder), errno);
}

}  // namespace

const store::JournalShape Journal::kShape{store::LogShape{sizeof(service::Question), QuestionLog::kCapacity},
                                          store::LogShape{sizeof(service::Download), DownloadLog::kCapacity}};

Journal::Shard::Shard(store::JournalFile opened)
    : file(std::move(opened)),
      log{.questions = log_in<QuestionLog>(file, kQuestions),
          .downloads = log_in<DownloadLog>(file, kDownloads),
          .guessing = {}} {}

// --- at the start

Result<Journal> Journal::open(const std::filesystem::path& state, unsigned shards, const std::string& host,
                              const std::vector<LedgerSession>& sessions, UnixSeconds now) {
  const std::filesystem::path folder = store::journal_folder(state);
  ANCHORD_TRY(make_journal_folder(folder));
  ANCHORD_TRY_ASSIGN(auto left, store::journals_in(state));

  Journal out;
  out.looked_at_ = out.settled_at_ = now;
  out.session_ = {.host = host, .boot_id = store::boot_id(), .started = now, .written = now, .clean = false};
  // Sessions are told apart by it, whatever the clock does.
  for (const LedgerSession& before : sessions)
    out.session_.started = std::max(out.session_.started, before.started + 1);
  auto before = std::ranges::find(sessions, host, &LedgerSession::host);
  if (left.empty() && before != sessions.end() && !before->clean) out.found(before->written, now, kGone);

  std::set<std::filesystem::path> wanted;
  for (unsigned i = 0; i < shards; ++i) wanted.insert(folder / name_of(i));
  for (unsigned i = 0; i < shards; ++i) {
    ANCHORD_TRY_ASSIGN(auto shard, out.open_shard(folder / name_of(i), sessions, now));
    out.shards_.push_back(std::move(shard));
  }
  for (const std::filesystem::path& path : left) {
    if (wanted.contains(path)) continue;
    ANCHORD_TRY_ASSIGN(auto shard, out.open_shard(path, sessions, now));
    out.unused_.push_back(std::move(shard));
  }
  return out;
}

Result<std::unique_ptr<Journal::Shard>> Journal::open_shard(const std::filesystem::path& path,
                                                            const std::vector<LedgerSession>& sessions,
                                                            UnixSeconds now) {
  std::error_code ignored;
  if (!std::filesystem::exists(std::filesystem::symlink_status(path, ignored)))
    return make_anew(path, std::nullopt);
  auto file = store::JournalFile::open(path, kShape, ANCHORD_VERSION);
  if (!file) {
    bool all_ended = std::ranges::all_of(sessions, &LedgerSession::clean) && !sessions.empty();
    log::warn(
        fmt::format("the journal {} cannot be used, and is made anew: {}", quoted(path), file.error().text));
    if (all_ended) return make_anew(path, std::nullopt);
    UnixSeconds from = sessions.empty() ? 0 : std::ranges::min(sessions, {}, &LedgerSession::written).written;
    return make_anew(path, LedgerGap{from, now, kDamaged});
  }
  const LedgerSession* session = session_of(*file, sessions);
  if (session != nullptr && session->clean) return make_anew(path, std::nullopt);
  const UnixSeconds since = session != nullptr ? session->written : file->owner().started;
  if (file->owner().boot_id != session_.boot_id || session_.boot_id.empty()) {
    // A journal of another host came with a copy of its state: that host knows itself what it delivered.
    if (!session_.host.starts_with(file->owner().host)) return make_anew(path, std::nullopt);
    return make_anew(path, LedgerGap{since, now, kStopped});
  }

  auto shard = std::make_unique<Shard>(std::move(*file));
  store::JournalHead& head = shard->file.head();
  const UnixSeconds alive = head.alive.load(std::memory_order_relaxed);
  shard->left_at = alive <= 0 || alive >= now ? now : alive + 1;
  if (UnixSeconds missing = head.missing_since.load(std::memory_order_relaxed); missing != 0)
    found(missing, shard->left_at, kLetGo);
  for (std::size_t log = 0; log < store::kJournalLogs; ++log)
    if (head.positions[log].lost != head.lost_seen[log]) found(shard->left_at - 2, shard->left_at, kFull);
  shard->began_at = shard->file.owner().started;
  ANCHORD_TRY(shard->file.take_over(owner()));
  return shard;
}

// The head says that there is a gap until the ledger does.
Result<std::unique_ptr<Journal::Shard>> Journal::make_anew(const std::filesystem::path& path,
                                                           std::optional<LedgerGap> gap) {
  if (gap) found(gap->began, gap->ended, gap->why);
  ANCHORD_TRY_ASSIGN(auto file, store::JournalFile::make(path, kShape, owner(),
                                                         gap ? std::max<UnixSeconds>(gap->began, 1) : 0));
  return std::make_unique<Shard>(std::move(file));
}

store::JournalOwner Journal::owner() const {
  return {.host = session_.host,
          .program = ANCHORD_VERSION,
          .boot_id = session_.boot_id,
          .started = session_.started};
}

// A clock may have gone back.
void Journal::found(UnixSeconds from, UnixSeconds to, std::string why) {
  missing_ = true;
  from = std::clamp<UnixSeconds>(from, 1, to);  // 0 would be: before there was a ledger
  for (LedgerGap& known : gaps_) {
    if (known.why != why) continue;
    known.began = std::min(known.began, from);
    known.ended = std::max(known.ended, to);
    return;
  }
  gaps_.push_back({from, to, std::move(why)});
}

// Within the session, whatever the record says.
UnixSeconds Journal::time_of(const Shard& shard, Millis ended) const {
  const Millis now = monotonic_now();
  const auto ago = static_cast<UnixSeconds>((now - std::min(ended, now)) / 1000);
  return std::clamp(looked_at_ - ago, std::min(shard.began_at, shard.left_at), shard.left_at);
}

// --- while it serves

std::vector<LedgerGap> Journal::settle(std::uint64_t noted, std::uint64_t written, UnixSeconds now) {
  std::vector<LedgerGap> gaps;
  if (missing_ && !missing_until_) missing_until_ = noted;
  if (mark_ && written >= mark_->noted) release_marked();
  if (!mark_) set_mark(noted, now);
  if (written >= mark_->noted) release_marked();
  release_for_room(noted, now);
  if (missing_ && written >= *missing_until_) {
    for (auto* shards : {&shards_, &unused_})
      for (std::unique_ptr<Shard>& shard : *shards) shard->file.head().missing_since = 0;
    missing_ = false;
    missing_until_.reset();
  }
  look_for_lost(gaps, now);
  for (std::unique_ptr<Shard>& shard : shards_)
    shard->file.head().alive.store(now, std::memory_order_relaxed);
  looked_at_ = now;
  remove_unused();
  return gaps;
}

void Journal::set_mark(std::uint64_t noted, UnixSeconds now) {
  mark_ = Mark{.noted = noted, .time = now};
  for (auto* shards : {&shards_, &unused_}) {
    for (std::unique_ptr<Shard>& shard : *shards) {
      shard->questions = shard->log.questions.read_until();
      shard->downloads = shard->log.downloads.read_until();
    }
  }
}

void Journal::release_marked() {
  for (auto* shards : {&shards_, &unused_}) {
    for (std::unique_ptr<Shard>& shard : *shards) {
      shard->log.questions.release(shard->questions);
      shard->log.downloads.release(shard->downloads);
    }
  }
  settled_at_ = mark_->time;
  mark_.reset();
}

// The ledger cannot be written, or not as fast: what was read is in memory, and those who come
// next need the places. A kill would now lose something, and the head of the file says so.
void Journal::release_for_room(std::uint64_t noted, UnixSeconds now) {
  for (std::unique_ptr<Shard>& shard : shards_) {
    if (shard->log.questions.used() < QuestionLog::kCapacity / 2 &&
        shard->log.downloads.used() < DownloadLog::kCapacity / 2)
      continue;
    if (!missing_)
      log::warn(log::Peers::ledger_speed,
                "the ledger is not written as fast as phones are given files: a kill would lose some of it");
    miss_since(*shard, std::min(settled_at_, now));
    missing_until_ = noted;
    shard->questions = shard->log.questions.read_until();
    shard->downloads = shard->log.downloads.read_until();
    shard->log.questions.release(shard->questions);
    shard->log.downloads.release(shard->downloads);
  }
}

void Journal::look_for_lost(std::vector<LedgerGap>& gaps, UnixSeconds now) {
  for (std::unique_ptr<Shard>& shard : shards_) {
    store::JournalHead& head = shard->file.head();
    for (std::size_t log = 0; log < store::kJournalLogs; ++log) {
      std::uint64_t lost = head.positions[log].lost.load(std::memory_order_acquire);
      if (lost == head.lost_seen[log].load(std::memory_order_relaxed)) continue;
      miss_since(*shard, looked_at_);
      missing_until_.reset();  // the gap is noted after this
      head.lost_seen[log].store(lost, std::memory_order_release);
      gaps.push_back({std::min(looked_at_, now), now, kFull});
    }
  }
}

void Journal::miss_since(Shard& shard, UnixSeconds since) {
  missing_ = true;
  std::atomic<std::int64_t>& missing = shard.file.head().missing_since;
  UnixSeconds known = missing.load(std::memory_order_relaxed);
  since = std::max<UnixSeconds>(since, 1);
  missing.store(known == 0 ? since : std::min(known, since), std::memory_order_release);
}

void Journal::remove_unused() {
  std::erase_if(unused_, [](const std::unique_ptr<Shard>& shard) {
    return shard->file.settled() && ::unlink(shard->file.path().c_str()) == 0;
  });
}

bool Journal::anything_left() const {
  auto left = [](const std::unique_ptr<Shard>& shard) {
    return shard->log.questions.used() + shard->log.downloads.used() > 0;
  };
  return std::ranges::any_of(shards_, left) || std::ranges::any_of(unused_, left);
}

bool Journal::settled() const {
  return std::ranges::all_of(shards_, [](const auto& shard) { return shard->file.settled(); }) &&
         unused_.empty();
}

}  // namespace anchord::control

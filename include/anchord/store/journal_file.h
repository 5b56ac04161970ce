// A journal: a file in the state directory that is mapped into the service, with the queues
// in which one shard's records wait for the ledger. What a killed service had not yet written
// there lies in it still; what lay in the machine's page cache only is lost when the machine
// stops. docs/formats.md ("journal") describes it byte by byte.
//
// All of the file's room is allocated when it is opened, so that a full disk is an error then,
// and never a signal at a store. Everything that is read from one is checked: it may be
// damaged, of another version, or anybody's.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/base/spsc_queue.h"

namespace anchord::store {

constexpr std::size_t kJournalLogs = 2;
constexpr std::uint32_t kJournalLayout = 1;
// Files in the folder of journals that are looked at: as many as there can be shards.
constexpr std::size_t kMaxJournals = 256;

struct LogShape {
  std::uint32_t record_size = 0;
  std::uint32_t capacity = 0;
  bool operator==(const LogShape&) const = default;
};
using JournalShape = std::array<LogShape, kJournalLogs>;

// Says who writes the journal. When it was begun with another boot id, it is not known what reached the disk.
struct JournalOwner {
  std::string host;     // the cluster's: a state directory may be a copy of another host's
  std::string program;  // its version: records of another may mean something else
  std::string boot_id;
  UnixSeconds started = 0;
};

// The first page of the file. What changes while it is served is not under the checksum.
struct JournalHead {
  std::array<char, 8> magic{};
  std::uint32_t layout = 0;
  std::uint32_t size = 0;  // of this page
  std::array<LogShape, kJournalLogs> logs{};
  std::array<char, 32> program{};  // zero-padded, as the next
  std::array<char, 40> boot_id{};
  std::array<char, 64> host{};
  std::int64_t started = 0;
  std::array<std::uint8_t, 32> checksum{};  // SHA-256 of all before

  // The last time at which the service looked; 0: never.
  alignas(64) std::atomic<std::int64_t> alive{0};
  // Since when there may be records that are neither here nor in the ledger; 0: there are none.
  std::atomic<std::int64_t> missing_since{0};
  // How many of the lost records `missing_since` already covers.
  std::array<std::atomic<std::uint64_t>, kJournalLogs> lost_seen{};
  std::array<SpscPositions, kJournalLogs> positions{};
};
static_assert(sizeof(JournalHead) == 576 && std::atomic<std::int64_t>::is_always_lock_free);

// Bytes of such a file.
std::size_t journal_size(const JournalShape& shape);

class JournalFile {
 public:
  // Maps the file as it is. Its error says what is wrong with it.
  static Result<JournalFile> open(const std::filesystem::path& path, const JournalShape& shape,
                                  std::string_view program);
  // Makes it anew, in place of whatever is there and without needing more room than that had.
  // `missing_since` goes to its head.
  static Result<JournalFile> make(const std::filesystem::path& path, const JournalShape& shape,
                                  const JournalOwner& owner, UnixSeconds missing_since);

  JournalFile(JournalFile&& other) noexcept
      : path_(std::move(other.path_)),
        memory_(std::exchange(other.memory_, nullptr)),
        size_(other.size_),
        shape_(other.shape_) {}
  JournalFile& operator=(JournalFile&&) = delete;
  ~JournalFile();

  const std::filesystem::path& path() const { return path_; }
  JournalHead& head() { return *reinterpret_cast<JournalHead*>(memory_); }
  const JournalHead& head() const { return *reinterpret_cast<const JournalHead*>(memory_); }
  JournalOwner owner() const;
  std::byte* records(std::size_t log);
  // Whether all that was put there is released, and nothing is missing.
  bool settled() const;
  // Another session goes on with it.
  Status take_over(const JournalOwner& owner);

 private:
  JournalFile(std::filesystem::path path, std::byte* memory, std::size_t size, const JournalShape& shape)
      : path_(std::move(path)), memory_(memory), size_(size), shape_(shape) {}

  std::filesystem::path path_;
  std::byte* memory_;
  std::size_t size_;
  JournalShape shape_;
};

// What the head of a file says, whatever it holds.
struct JournalFacts {
  JournalOwner owner;
  bool settled = false;
};
Result<JournalFacts> look_at_journal(const std::filesystem::path& path);

std::filesystem::path journal_folder(const std::filesystem::path& state);
// "shard-0", of those that are there, at most kMaxJournals of them.
Result<std::vector<std::filesystem::path>> journals_in(const std::filesystem::path& state);

// The kernel's, new at each boot; empty when it does not say.
std::string boot_id();

}  // namespace anchord::store

// What a service does, as it tells it: the answer to a StatusRequest. What each field means is in
// docs/formats.md, 'Control socket', under the same names.
//
// Times are seconds since 1970, sizes are bytes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "anchord/base/clock.h"
#include "anchord/base/error.h"

namespace anchord::protocol {

// Addresses with ports, a comma between them; empty when the service is off.
struct Listening {
  std::string tvs;
  std::string tftp;
  std::string http;
  std::string https;
  bool operator==(const Listening&) const = default;
};

struct Snapshot {
  std::uint64_t version = 0;
  UnixSeconds published_at = 0;
  std::int64_t store_change = 0;
  std::uint64_t certificates = 0;
  std::uint64_t files = 0;
  std::string problem;  // empty while the newest state is in service
  std::optional<UnixSeconds> behind_since;
  bool operator==(const Snapshot&) const = default;
};

struct Memory {
  std::uint64_t limit = 0;
  std::string limited_by;
  std::uint64_t for_files = 0;
  std::uint64_t files = 0;
  std::uint64_t superseded = 0;
  std::uint64_t superseded_limit = 0;
  std::uint64_t failures = 0;
  bool operator==(const Memory&) const = default;
};

// What phones get of a file that something is wrong with.
enum class Served : std::uint8_t { nothing, last_good, as_it_is };

struct FileProblem {
  std::string file;
  std::string reason;
  UnixSeconds since = 0;
  Served served = Served::nothing;
  bool operator==(const FileProblem&) const = default;
};

struct FileWarning {
  std::string file;
  std::string reason;
  UnixSeconds since = 0;
  bool operator==(const FileWarning&) const = default;
};

// Files that are looked at together.
struct Making {
  std::uint64_t done = 0;
  std::uint64_t of = 0;
  bool operator==(const Making&) const = default;
};

// What has gone and stays in service since it is much.
struct Held {
  std::uint64_t files = 0;
  std::uint64_t certificates = 0;
  std::optional<UnixSeconds> until;
  bool operator==(const Held&) const = default;
};

struct Provisioning {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t signatures_made = 0;
  std::uint64_t signatures_kept = 0;
  bool watching = false;
  std::string cache_problem;
  Making making;
  std::uint64_t problem_count = 0;  // of all; `problems` are the first
  std::vector<FileProblem> problems;
  std::uint64_t warning_count = 0;
  std::vector<FileWarning> warnings;
  Held held;
  bool operator==(const Provisioning&) const = default;
};

struct Ledger {
  std::uint64_t devices = 0;
  std::uint64_t pending = 0;
  // Who reads `noted`, and later a `written` that is no less, knows that the ledger has all that
  // phones were given before.
  std::uint64_t noted = 0;
  std::uint64_t written = 0;
  std::uint64_t dropped = 0;
  std::optional<UnixSeconds> last_written;
  std::string problem;
  bool operator==(const Ledger&) const = default;
};

struct OwnLists {
  std::uint64_t served = 0;
  std::map<std::string, std::string> withdrawn;  // why, by file: the first of them
  std::uint64_t withdrawn_count = 0;             // all of them
  bool operator==(const OwnLists&) const = default;
};

struct Backup {
  std::optional<UnixSeconds> last;
  bool holds_tftp_key = false;
  std::string problem;  // why the two cannot be said
  bool operator==(const Backup&) const = default;
};

struct ExpiringCertificate {
  std::string certificate;  // "the tvs certificate CN=TVS-one"
  std::string sha256;
  bool own = false;
  UnixSeconds not_before = 0;
  UnixSeconds not_after = 0;
  std::int64_t days_left = 0;
  bool operator==(const ExpiringCertificate&) const = default;
};

struct FetchedFile {
  std::string file;
  std::string version;
  std::uint64_t completed = 0;
  std::uint64_t failed = 0;
  UnixSeconds last = 0;
  std::string protocol;
  std::string from;
  bool operator==(const FetchedFile&) const = default;
};

// To TVS.
enum class Question : std::uint8_t { verify, query };

struct Device {
  std::string device;
  std::uint64_t questions = 0;
  std::optional<UnixSeconds> last_asked;
  std::optional<Question> last_question;
  std::optional<bool> last_answer;  // valid, or found
  std::vector<FetchedFile> files;
  bool operator==(const Device&) const = default;
};

struct Devices {
  std::uint64_t known = 0;
  std::vector<Device> recent;
  std::map<std::string, UnixSeconds> guessing;  // when last, by address
  bool operator==(const Devices&) const = default;
};

// What this host follows of others' changes, where it shares its state with them.
struct Engine {
  bool member = false;
  std::string members;      // where the engine is
  std::int64_t change = 0;  // the last one that is taken over here
  std::int64_t newest = 0;  // the last one that the engine was heard to have
  std::optional<UnixSeconds> heard;
  std::string problem;  // why none is taken over; empty: all are
  bool operator==(const Engine&) const = default;
};

struct Status {
  std::string version;  // of Anchord
  std::int64_t pid = 0;
  std::string host;
  UnixSeconds started_at = 0;
  std::uint64_t shards = 0;
  bool draining = false;
  Listening listening;
  std::string mode;
  bool rollback = false;
  std::string tls_min;
  bool refuse_expired = false;
  Snapshot snapshot;
  Memory memory;
  Provisioning provisioning;
  Ledger ledger;
  OwnLists own_lists;
  Backup backup;
  Engine engine;
  std::vector<ExpiringCertificate> expiry;
  std::map<std::string, std::uint64_t> counters;  // by name, summed over the shards
  Devices devices;
  bool operator==(const Status&) const = default;
};

// The document that `anchorctl status --json` shows of it.
std::string status_document(const Status& status);

}  // namespace anchord::protocol

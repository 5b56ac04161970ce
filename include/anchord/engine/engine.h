// What the hosts of a cluster share: keys with values, whose every change has a number (revision), made by
// comparing and writing at once, and told of in order to whoever watches.
//
// An Engine, and a Watch, is for one thread at a time; several may be open. Every call ends in time
// (EtcdSettings) and says which of five things went wrong (Problem). Keys and values are any bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "anchord/base/clock.h"
#include "anchord/base/error.h"

namespace anchord::engine {

// Moves by one with each transaction that writes, over all keys. 0: none, or the newest one.
using Revision = std::int64_t;
using LeaseId = std::int64_t;  // 0: none
using ClusterId = std::uint64_t;

enum class Problem : std::uint8_t {
  refused,        // the engine has answered that it does not do this: it would say so again
  out_of_reach,   // no member has answered in time, and nothing was made
  unknown,        // a write was sent and not answered: it may have been made, or may be made yet
  compacted,      // a revision that is no longer kept: read the whole range anew
  wrong_cluster,  // what answers is another cluster than the one that was asked before
};

struct Failure : Error {
  Problem problem = Problem::refused;
  Revision oldest = 0;  // compacted: the first revision that is kept, where the engine says so
};

template <class T>
using Outcome = std::expected<T, Failure>;

// The keys from `begin` to before `end`, in the order of their bytes.
struct KeyRange {
  std::string begin;
  std::string end;  // empty: one key; a NUL alone: all from `begin` on

  static KeyRange one(std::string key) { return {std::move(key), {}}; }
  static KeyRange prefix(std::string_view prefix);  // of all keys that begin so; not empty

  bool contains(std::string_view key) const;
  bool operator==(const KeyRange&) const = default;
};

struct KeyValue {
  std::string key;
  std::string value;
  Revision created = 0;   // of the key since it was last put where it was not
  Revision modified = 0;  // of the last put
  LeaseId lease = 0;

  bool operator==(const KeyValue&) const = default;
};

// True when it is for every key in the range. A key that is not there has revisions of 0, and a value that
// compares with none; of a range without keys that is said once.
struct Compare {
  enum class Of : std::uint8_t { modified, created, value };
  enum class Is : std::uint8_t { equal, different, greater, less };

  KeyRange keys;
  Of of = Of::modified;
  Is is = Is::equal;
  Revision revision = 0;
  std::string value;

  static Compare unchanged(std::string key, Revision modified) {
    return {KeyRange::one(std::move(key)), Of::modified, Is::equal, modified, {}};
  }
  static Compare absent(std::string key) {
    return {KeyRange::one(std::move(key)), Of::created, Is::equal, 0, {}};
  }
  static Compare has(std::string key, std::string value) {
    return {KeyRange::one(std::move(key)), Of::value, Is::equal, 0, std::move(value)};
  }
  static Compare none_after(KeyRange keys, Revision revision) {
    return {std::move(keys), Of::modified, Is::less, revision + 1, {}};
  }
};

struct Put {
  std::string key;
  std::string value;
  LeaseId lease = 0;
};
struct Delete {
  KeyRange keys;
};
struct Get {
  KeyRange keys;
  Revision at = 0;        // as of then
  std::size_t limit = 0;  // keys at the most; 0: all
  bool keys_only = false;
};
using Operation = std::variant<Put, Delete, Get>;

struct Txn {
  std::vector<Compare> compares;
  std::vector<Operation> then;       // when all compares are true; no key is put twice
  std::vector<Operation> otherwise;  // when one is not

  bool writes() const;
};

struct Found {
  std::vector<KeyValue> values;  // in the order of their keys
  std::uint64_t count = 0;       // of the keys in the range; those of them that were deleted
  bool more = false;             // the limit has left some out
};

struct RangeAnswer : Found {
  Revision revision = 0;  // the engine's when it answered
};

struct TxnAnswer {
  bool succeeded = false;
  Revision revision = 0;       // of what was written
  std::vector<Found> answers;  // one of each operation, in their order; empty of a put
};

struct Event {
  KeyValue at;  // of a deletion the key and the revision alone
  bool deleted = false;
};

// What has happened, in order. Revisions are whole: all events of one are in one Changes.
struct Changes {
  std::vector<Event> events;
  bool heard = false;  // the engine has said anything; without, nothing came in that time
};

struct MemberStatus {
  std::string url;
  std::string problem;  // why it does not answer; the rest is empty then
  std::string version;
  std::uint64_t size = 0;  // bytes of its database file
  std::uint64_t used = 0;  // of these in use
  bool has_leader = false;
};

// From one revision on. When the connection ends it goes on at another member behind the last event that was
// given out, so none is lost and none comes twice.
class Watch {
 public:
  virtual ~Watch() = default;

  // Waits so long for events, and one try longer where it must connect. out_of_reach: no member took the
  // watch in that time; the next call tries again. After any other failure the watch is over.
  virtual Outcome<Changes> next(Millis wait) = 0;

  // The member says nothing new where there is something (it may be cut off from the others): the next call
  // goes to another one.
  virtual void leave_member() = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;

  // Sees all that was made before it was called (linearizable).
  virtual Outcome<RangeAnswer> range(const Get& get) = 0;
  // Problem::unknown only when it writes: whoever asked must find out whether it was made.
  virtual Outcome<TxnAnswer> txn(const Txn& txn) = 0;

  // `from` is the first revision whose events are given.
  virtual std::unique_ptr<Watch> watch(KeyRange keys, Revision from) = 0;

  // A lease ends after so many seconds without keep_alive(), and its keys with it.
  virtual Outcome<LeaseId> grant(std::int64_t seconds) = 0;
  virtual Outcome<std::int64_t> keep_alive(LeaseId lease) = 0;  // the seconds that it has; 0: it has ended
  virtual Outcome<void> revoke(LeaseId lease) = 0;              // also one that has ended

  // Each member, asked by itself.
  virtual std::vector<MemberStatus> members() = 0;
  // Of the cluster that was asked; 0 before the first answer.
  virtual ClusterId cluster() const = 0;
};

// All of a range at one revision, which is that of the answer, read in parts of `part` keys.
Outcome<RangeAnswer> read_all(Engine& engine, const KeyRange& keys, std::size_t part = 1000);

}  // namespace anchord::engine

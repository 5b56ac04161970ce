// The durable truth of a cluster: an SQLite database (`anchord.db`) and a folder
// of private keys (`keys/`, one PEM file each) in the state directory.
//
// Every change is one transaction and survives the power being cut. A second
// writer waits for five seconds. Readers and writers in other processes do not
// disturb one another. An object is for one thread at a time; processes and
// threads that need the store each open their own.
//
// Errors are one line that names the file or certificate and says what to do.
// Times are seconds since 1970.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "anchord/base/bytes.h"
#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/trust/cluster.h"

namespace anchord::store {

enum class KeyUse { without_keys, with_keys };

struct LoadedCluster {
  trust::Cluster cluster;
  std::int64_t change_counter = 0;  // of the very state that was loaded
};

// A certificate's SHA-256 in lower-case hexadecimal, in one piece with what it is of: there
// may be a hundred thousand to look at.
struct HashText {
  explicit HashText(const crypto::Certificate& certificate);
  std::string_view text() const { return {digits.data(), digits.size()}; }
  auto operator<=>(const HashText&) const = default;

  std::array<char, 2 * crypto::kSha256Size> digits;
};

// A certificate that is not the cluster's own, as the store keeps it.
struct KnownState {
  HashText sha256;
  std::string roles;  // as the store spells them
  std::uint32_t ttl = 0;
  UnixSeconds retired_at = 0;  // 0: it was never the cluster's own
  Buffer der;
  bool operator==(const KnownState&) const = default;
};

KnownState known_state(const trust::KnownCertificate& known);

using KnownStates = std::vector<KnownState>;  // sorted by their SHA-256

// Null when it is not there.
const KnownState* find_state(const KnownStates& states, const HashText& sha256);

// How far somebody has followed the store's changes. The first load has none.
struct ChangeMark {
  std::int64_t number = 0;
  std::int64_t token = 0;
  std::int64_t schema = 0;
  bool operator==(const ChangeMark&) const = default;
};

struct LoadedChanges {
  trust::Cluster cluster;  // `known` has the cluster's own, and of the others what load_changes() says
  std::vector<HashText> gone;
  std::int64_t change_counter = 0;
  ChangeMark mark;  // for the next time
};

struct Session;

// An open store with its state of the cluster. What is kept of each kind is read and changed by functions
// that take a store, in one header for each kind (certificates.h, phones.h, lists.h, issued_lists.h,
// signatures.h, service_status.h, audit.h, ledger.h); what changes the phones' trust is in lifecycle.h, and
// init.h makes a store.
class Store {
 public:
  // Fails when the directory or the database is missing, unreadable, damaged, not
  // ours, or made by a newer version. Reads the whole database to know. One that an
  // older version made is first brought to this one's form; that version refuses it then.
  // Where nothing can be written, as on a read-only file system, it is opened to be read.
  static Result<Store> open(const std::filesystem::path& directory);

  // Whether nothing can be written here: changes fail then, and the error says so.
  bool read_only() const;

  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  // One consistent state. Every certificate must parse and be the one that was
  // put in; with keys, each own certificate's key must be there, readable by its
  // owner alone, and match.
  Result<LoadedCluster> load(KeyUse keys);

  // The same for who has loaded before: of the certificates that are not the cluster's own
  // only those come that are new or not as in `before`, and the names of those that are
  // gone. `before` is what the loads until now have come to, and `mark` the last one's.
  // Rows that have not changed since are not read, nor checked again; but all are, and
  // compared, when there were too many changes, or when `mark` is of another database.
  Result<LoadedChanges> load_changes(KeyUse keys, const KnownStates& before, const ChangeMark& mark);

  // Moves with every change to what load() gives, and with nothing else. One
  // read of one row: made for asking a few times a second.
  Result<std::int64_t> change_counter();

  // Reads the whole database and checks its structure.
  Status check();

  // The connection that those functions use. Its type is complete within this module only.
  Session& session() { return *session_; }

 private:
  explicit Store(std::unique_ptr<Session> session);
  std::unique_ptr<Session> session_;
};

}  // namespace anchord::store

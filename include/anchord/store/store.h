// The durable truth of a cluster: an SQLite database (`anchord.db`) and a folder
// of private keys (`keys/`, one PEM file each) in the state directory.
//
// Every change is one transaction and survives the power being cut. A second
// writer waits up to kBusySeconds. Readers and writers in other processes do not
// disturb one another. An object is for one thread at a time; processes and
// threads that need the store each open their own.
//
// Errors are one line that names the file or certificate and says what to do.
// Times are seconds since 1970.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "anchord/base/bytes.h"
#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/crypto/private_key.h"
#include "anchord/trust/cluster.h"

namespace anchord::store {

constexpr int kBusySeconds = 5;

// A certificate's common name holds 64 characters, of which "ITLRECOVERY_" takes 12.
constexpr std::size_t kMaxHostName = 52;
// Addresses of one host: all of them are in its certificate, for which a trust list has little room.
constexpr std::size_t kMaxHostAddresses = 16;

// The longest lifetime of an own certificate: 20 years, as ITLRecovery has it.
constexpr unsigned kMaxDays = 20 * 365 + 5;

// Keys that phones trust already, of what served them until now.
struct Adopted {
  std::vector<trust::Identity> signers;  // RSA: the TFTP signer, then ITLRecovery
  std::vector<trust::Identity> tvs;      // of the hosts, in their order
  std::optional<trust::Identity> capf = {};
  // The ITL that phones hold now: they must accept the new one, which has the same digest,
  // and with it signer version, and spelling of names, whatever `signing` says. Its other
  // certificates become known ones. Empty: none.
  Buffer itl = {};
};

struct InitRequest {
  std::string cluster_name;
  std::vector<trust::Host> hosts;  // at least one
  std::string organization;        // these three may be empty: left out of the names
  std::string unit;
  std::string country;  // two letters
  // Trust lists and files can only be signed with RSA: with p256 the verification
  // services and CAPF get EC keys, and the signers (TFTP, recovery) rsa2048.
  crypto::KeyKind key = crypto::KeyKind::rsa2048;
  trust::SigningSettings signing;
  // An administrator's choice, over `signing`. Fails where the adopted list has another.
  std::optional<wire::Digest> digest = {};
  UnixSeconds now = calendar_now();  // when the certificates' validity begins
  unsigned days = 0;                 // how long it lasts, up to kMaxDays; 0: see Store::init()
  Adopted adopted = {};              // what is not here is made
};

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

enum class Added { added, replaced };

// A list as it was last built and issued.
struct SavedList {
  Buffer input_digest;  // trust::fields_digest() of what it was built from
  Buffer content;
  UnixSeconds built_at = 0;
};

// What is kept of a signed file's last making, so that it is not signed again.
struct SavedSignature {
  std::string name;     // as it is served: "SEP001122334455.cnf.xml.sgn"
  Buffer input_digest;  // of all that it was made from
  Buffer header;        // the whole signature header
  Buffer content_key;   // of encrypted files: key and IV, 32 bytes; else empty
};

// What a host's service last said of its attempt to take over the store's state.
struct StatusReport {
  std::string host;
  UnixSeconds time = 0;
  std::uint64_t snapshot_version = 0;  // the one in service
  bool ok = false;
  std::string message;  // why the newest state is not in service; empty when ok
  std::string serves;   // trust::state_digest() of what it serves, in hexadecimal
};

struct AuditEntry {
  UnixSeconds time = 0;
  std::string who;
  std::string what;
  bool forced = false;  // with --force
};

class Store {
 public:
  // Makes directory, keys and certificates (recovery is valid for 20 years, the others for 5 or
  // for request.days; to all of them up to a day is added, as the serial number has it, so that
  // they do not end together) and puts the database in place last: until then, even if killed,
  // there is nothing that open() would take for a store. Fails, changing nothing,
  // when there is one already.
  static Result<Store> init(const std::filesystem::path& directory, const InitRequest& request);

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

  // Adds all or none. A certificate that is there already gets the new roles and TTL; one that was the
  // cluster's own is then like any other, and stays. Own certificates are refused: their
  // roles follow from their service. `own` and `retired_from` are ignored. Asks no phone:
  // add_known() (lifecycle.h) does.
  Result<std::vector<Added>> add_certificates(std::span<const trust::KnownCertificate> certificates);
  Result<Added> add_certificate(const trust::KnownCertificate& certificate);

  // By SHA-256 of the DER in hexadecimal (colons and upper case are taken); the
  // first may be given by its first digits if no other begins so. Own
  // certificates are found but cannot be removed, only regenerated. Removing asks no
  // phone: remove_known() (lifecycle.h) does. The whole list is load()'s `known`.
  Result<trust::KnownCertificate> find_certificate(std::string_view sha256_prefix);
  Status remove_certificate(std::string_view sha256);

  // Puts all or none. For a phone that is there already, what the new value has replaces
  // what is kept; a model or certificate that it lacks stays: naming a phone again
  // must not end the encryption of its configuration. Names are phone::device_name()'s.
  Status put_phones(std::span<const trust::Phone> phones);

  // Removes all or none; the error names the first one that is not there. Their certificates in devices/
  // go with them. In the ledger they count no more until they are heard of again; who is only
  // there, or in devices/, can be removed as well.
  Status remove_phones(std::span<const std::string> names);

  // One that is not there is an error that says so.
  Result<trust::Phone> find_phone(std::string_view name);

  // What was kept of signed files, in no order. Only a cache: it moves no counter and
  // is not in the audit; what was damaged is left out, to be made again.
  Result<std::vector<SavedSignature>> saved_signatures();
  // Replaces or adds `put` and drops `forget`, in one transaction.
  Status save_signatures(std::span<const SavedSignature> put, std::span<const std::string> forget);

  Result<std::optional<SavedList>> saved_list(std::string_view name);

  // The saved list if it was built from inputs with this digest; else what
  // `build` gives, saved in the same transaction, so that of two processes one
  // builds and both hand out the same bytes. The timestamp that `build` gets is
  // `now`, or the last one plus one second where the clock has not moved on. `build`
  // runs while the store is held for writing, and must not use it. What was built is
  // kept among the issued lists (ledger.h), too. A read-only store keeps nothing:
  // what is built there is shown, and nobody is given it.
  Result<SavedList> list_for(std::string_view name, Bytes input_digest, UnixSeconds now,
                             const std::function<Result<Buffer>(UnixSeconds timestamp)>& build);

  Status report_status(const StatusReport& report);  // replaces that host's last one
  Result<std::vector<StatusReport>> last_status();   // by host name

  Result<std::vector<AuditEntry>> audit(std::size_t newest);  // newest first

  // Reads the whole database and checks its structure.
  Status check();

 private:
  class Impl;
  friend struct StoreAccess;  // for ledger.h and lifecycle.h
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The cluster's ITL: the saved one while nothing that goes into it has changed
// (restarts hand out identical bytes), else a new one. The cluster needs its TFTP
// key only when a new one is to be built.
Result<SavedList> current_itl(Store& store, const trust::Cluster& cluster, UnixSeconds now);

// The same of its CTL. Only for a cluster that has one (has_ctl).
Result<SavedList> current_ctl(Store& store, const trust::Cluster& cluster, UnixSeconds now);

}  // namespace anchord::store

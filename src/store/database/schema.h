// The database as it is on disk.
#pragma once

namespace anchord::store {

constexpr int kApplicationId = 0x414e4348;  // "ANCH"

// 1: without phones, signatures and the service tftp-ec. 2: without the cluster's id, issued
// lists and the ledger. 3: with a ledger of what was given last, which took that
// for what phones hold. 4: where every whole boot counts, from whatever address. 5: where a name first
// heard of after a gap of the ledger has nothing from it. 6: of a machine that shares its state with no
// other. migrate() brings all of them to 7.
constexpr int kSchemaVersion = 7;

// `lists` has the cluster's, and as "ITLFile.tlv SHA-256" those by a signer whose key is gone (recover.h).
// SHA-256 are lower-case hexadecimal where people may type them, else bytes. What
// the checks here refuse, load() need not expect.
constexpr char kFirstTables[] = R"sql(
CREATE TABLE hosts (
  position INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE COLLATE NOCASE,
  address TEXT NOT NULL
) STRICT;
CREATE TABLE lists (
  name TEXT NOT NULL PRIMARY KEY,
  input_digest BLOB NOT NULL,
  built_at INTEGER NOT NULL,
  content BLOB NOT NULL
) STRICT;
)sql";

// `serves` is trust::state_digest() of what phones get there, in hexadecimal.
constexpr char kServiceStatus[] = R"sql(
DROP TABLE IF EXISTS service_status;
CREATE TABLE service_status (
  host TEXT NOT NULL PRIMARY KEY,
  time INTEGER NOT NULL,
  snapshot_version INTEGER NOT NULL,
  ok INTEGER NOT NULL,
  message TEXT NOT NULL,
  serves TEXT NOT NULL
) STRICT;
)sql";

// Those that version 3 has extended. A certificate that was the cluster's own says for
// what, and until when.
constexpr char kExtendedTables[] = R"sql(
CREATE TABLE cluster (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  cluster_id TEXT NOT NULL CHECK (length(cluster_id) = 32),
  name TEXT NOT NULL,
  mode TEXT NOT NULL CHECK (mode IN ('nonsecure', 'mixed')),
  has_ctl INTEGER NOT NULL CHECK (has_ctl IN (0, 1)),
  rolling_back INTEGER NOT NULL CHECK (rolling_back IN (0, 1)),
  digest TEXT NOT NULL CHECK (digest IN ('sha1', 'sha512')),
  spelling TEXT NOT NULL CHECK (spelling IN ('vendor', 'open')),
  change_counter INTEGER NOT NULL,
  backup_at INTEGER,
  backup_tftp TEXT,
  CHECK (mode = 'nonsecure' OR (has_ctl AND NOT rolling_back)),
  CHECK ((backup_at IS NULL) = (backup_tftp IS NULL))
) STRICT;
CREATE TABLE certificates (
  sha256 TEXT NOT NULL UNIQUE CHECK (length(sha256) = 64),
  roles TEXT NOT NULL,
  ttl INTEGER NOT NULL CHECK (ttl BETWEEN 0 AND 4294967295),
  certificate BLOB NOT NULL,
  retired_from TEXT CHECK (retired_from IN ('tvs', 'tftp', 'tftp-ec', 'capf', 'recovery')),
  retired_at INTEGER,
  CHECK ((retired_from IS NULL) = (retired_at IS NULL))
) STRICT;
CREATE TABLE audit (
  id INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  who TEXT NOT NULL,
  what TEXT NOT NULL,
  forced INTEGER NOT NULL CHECK (forced IN (0, 1))
) STRICT;
)sql";

// For load_changes(): the last 16,384 changes to the certificates above. A token tells apart
// what different copies of a database have under the same number. It is no version of its own,
// since who does not know of it writes it all the same.
constexpr char kChangeLog[] = R"sql(
DROP TRIGGER IF EXISTS certificate_added;
DROP TRIGGER IF EXISTS certificate_altered;
DROP TRIGGER IF EXISTS certificate_removed;
DROP TABLE IF EXISTS certificate_changes;
CREATE TABLE certificate_changes (
  number INTEGER PRIMARY KEY,
  sha256 TEXT NOT NULL,
  token INTEGER NOT NULL DEFAULT (random())
) STRICT;
INSERT INTO certificate_changes (sha256) VALUES ('');
CREATE TRIGGER certificate_changes_forget AFTER INSERT ON certificate_changes BEGIN
  DELETE FROM certificate_changes WHERE number <= new.number - 16384;
END;
CREATE TRIGGER certificate_added AFTER INSERT ON certificates BEGIN
  INSERT INTO certificate_changes (sha256) VALUES (new.sha256);
END;
CREATE TRIGGER certificate_altered AFTER UPDATE ON certificates BEGIN
  INSERT INTO certificate_changes (sha256) SELECT old.sha256 UNION SELECT new.sha256;
END;
CREATE TRIGGER certificate_removed AFTER DELETE ON certificates BEGIN
  INSERT INTO certificate_changes (sha256) VALUES (old.sha256);
END;
)sql";

// An own certificate is here alone: its roles follow from its service, so that no
// two rows can disagree.
constexpr char kIdentityTable[] = R"sql(
CREATE TABLE identities (
  service TEXT NOT NULL CHECK (service IN ('tvs', 'tftp', 'tftp-ec', 'capf', 'recovery')),
  host INTEGER REFERENCES hosts (position),
  sha256 TEXT NOT NULL UNIQUE CHECK (length(sha256) = 64),
  certificate BLOB NOT NULL,
  key_file TEXT NOT NULL UNIQUE,
  CHECK ((service = 'tvs') = (host IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX identity_of_service ON identities (service, ifnull(host, -1));
)sql";

// `whole` is the SHA-256 of all the other columns of its row.
constexpr char kProvisioningTables[] = R"sql(
CREATE TABLE phones (
  name TEXT NOT NULL PRIMARY KEY CHECK (length(name) = 15),
  model TEXT NOT NULL,
  sha256 TEXT CHECK (length(sha256) = 64),
  certificate BLOB,
  CHECK ((sha256 IS NULL) = (certificate IS NULL))
) STRICT;
CREATE TABLE signatures (
  name TEXT NOT NULL PRIMARY KEY,
  input_digest BLOB NOT NULL,
  header BLOB NOT NULL,
  content_key BLOB NOT NULL,
  whole BLOB NOT NULL
) STRICT;
)sql";

// Versions are the file table's 64 bits, 0 for none.
constexpr char kIssuedListsTable[] = R"sql(
CREATE TABLE issued_lists (
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  built_at INTEGER NOT NULL,
  content BLOB NOT NULL,
  PRIMARY KEY (name, version)
) STRICT;
)sql";

// A row of `ledger` is a trust::Belief: versions in `..._may` are 16 hexadecimal digits each,
// sorted, with a blank between; `vouched` has "SHA-256 milliseconds address" a line. Times that
// end in `_ms` are of the monotonic clock, in the machine boot `session`. `..._gap` is the last row of
// `ledger_gaps` when a list was accepted, or the device first heard of: clocks may go back, numbers do not. A
// kind in `ledger_given` is the place of one of `DeliveredKind` in its list. `own_lists` are those of single
// phones that are served now, `recovery_lists` those that `phone recover` has made; their bytes
// are in `issued_lists`.
constexpr char kLedgerTables[] = R"sql(
CREATE TABLE ledger (
  device TEXT NOT NULL PRIMARY KEY CHECK (length(device) = 15),
  model TEXT NOT NULL,
  questions INTEGER NOT NULL,
  last_asked INTEGER NOT NULL,
  created INTEGER NOT NULL,
  seen INTEGER NOT NULL,
  proven INTEGER NOT NULL CHECK (proven IN (0, 1)),
  removed INTEGER NOT NULL CHECK (removed IN (0, 1)),
  session INTEGER NOT NULL,
  address TEXT NOT NULL,
  vouched TEXT NOT NULL,
  itl_may TEXT NOT NULL,
  itl_accepted INTEGER NOT NULL,
  itl_gap INTEGER NOT NULL,
  itl_asked_ms INTEGER NOT NULL,
  itl_given INTEGER NOT NULL,
  itl_given_ms INTEGER NOT NULL,
  itl_acted_ms INTEGER NOT NULL,
  ctl_may TEXT NOT NULL,
  ctl_accepted INTEGER NOT NULL,
  ctl_gap INTEGER NOT NULL,
  ctl_asked_ms INTEGER NOT NULL,
  ctl_given INTEGER NOT NULL,
  ctl_given_ms INTEGER NOT NULL,
  ctl_acted_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX ledger_by_silence ON ledger (proven, seen);
CREATE TABLE ledger_given (
  device TEXT NOT NULL REFERENCES ledger (device) ON DELETE CASCADE,
  kind INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 2),
  file TEXT NOT NULL,
  version INTEGER NOT NULL,
  at INTEGER NOT NULL,
  whole INTEGER NOT NULL CHECK (whole IN (0, 1)),
  protocol TEXT NOT NULL,
  address TEXT NOT NULL,
  PRIMARY KEY (device, kind)
) STRICT, WITHOUT ROWID;
CREATE TABLE ledger_gaps (
  id INTEGER PRIMARY KEY,
  began INTEGER NOT NULL,
  ended INTEGER NOT NULL,
  unkept INTEGER NOT NULL CHECK (unkept IN (0, 1)),
  why TEXT NOT NULL
) STRICT;
CREATE TABLE ledger_session (
  host TEXT NOT NULL PRIMARY KEY,
  boot_id TEXT NOT NULL,
  started INTEGER NOT NULL,
  written INTEGER NOT NULL,
  clean INTEGER NOT NULL CHECK (clean IN (0, 1))
) STRICT;
CREATE TABLE own_lists (
  name TEXT NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL
) STRICT;
CREATE TABLE recovery_lists (
  name TEXT NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL,
  made_at INTEGER NOT NULL
) STRICT;
CREATE TABLE former_keys (
  sha256 TEXT NOT NULL PRIMARY KEY CHECK (length(sha256) = 64),
  certificate BLOB NOT NULL,
  sealed BLOB NOT NULL,
  retired_at INTEGER NOT NULL
) STRICT;
CREATE TABLE clock (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  highest INTEGER NOT NULL
) STRICT;
)sql";

// What version 5 adds to them. `evidence` is an evidence_name(), `home` where a phone was when it last
// accepted a list.
constexpr char kEvidenceColumns[] = R"sql(
ALTER TABLE cluster ADD COLUMN evidence TEXT NOT NULL DEFAULT 'ordinary'
  CHECK (evidence IN ('ordinary', 'strict', 'nothing'));
ALTER TABLE ledger ADD COLUMN home TEXT NOT NULL DEFAULT '';
)sql";

// With a row in `replica` the tables of replica/rows.h are a copy of what the engine has: as of its
// `revision`, when change `number` was made, whose random id is `change`; `guarded` is the number of the last
// guarded one. `engine` is etcd's cluster id in hexadecimal; empty: nothing was taken over yet.
constexpr char kReplicaTable[] = R"sql(
CREATE TABLE replica (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  engine TEXT NOT NULL,
  revision INTEGER NOT NULL,
  number INTEGER NOT NULL,
  change TEXT NOT NULL,
  guarded INTEGER NOT NULL
) STRICT;
)sql";

}  // namespace anchord::store

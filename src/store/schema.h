// The database as it is on disk.
#pragma once

namespace anchord::store {

constexpr int kApplicationId = 0x414e4348;  // "ANCH"

// 1: without phones, signatures and the service tftp-ec. migrate() brings it to 2.
constexpr int kSchemaVersion = 2;

// SHA-256 are lower-case hexadecimal where people may type them, else bytes. What
// the checks here refuse, load() need not expect.
constexpr char kClusterTables[] = R"sql(
CREATE TABLE cluster (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  name TEXT NOT NULL,
  mode TEXT NOT NULL CHECK (mode IN ('nonsecure', 'mixed')),
  digest TEXT NOT NULL CHECK (digest IN ('sha1', 'sha512')),
  spelling TEXT NOT NULL CHECK (spelling IN ('vendor', 'open')),
  change_counter INTEGER NOT NULL
) STRICT;
CREATE TABLE hosts (
  position INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE COLLATE NOCASE,
  address TEXT NOT NULL
) STRICT;
CREATE TABLE certificates (
  sha256 TEXT NOT NULL UNIQUE CHECK (length(sha256) = 64),
  roles TEXT NOT NULL,
  ttl INTEGER NOT NULL CHECK (ttl BETWEEN 0 AND 4294967295),
  certificate BLOB NOT NULL
) STRICT;
CREATE TABLE lists (
  name TEXT NOT NULL PRIMARY KEY,
  input_digest BLOB NOT NULL,
  built_at INTEGER NOT NULL,
  content BLOB NOT NULL
) STRICT;
CREATE TABLE service_status (
  host TEXT NOT NULL PRIMARY KEY,
  time INTEGER NOT NULL,
  snapshot_version INTEGER NOT NULL,
  ok INTEGER NOT NULL,
  message TEXT NOT NULL
) STRICT;
CREATE TABLE audit (
  id INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  who TEXT NOT NULL,
  what TEXT NOT NULL
) STRICT;
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

}  // namespace anchord::store

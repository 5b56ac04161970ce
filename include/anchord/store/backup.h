// One file that holds all of a cluster: database, keys, provisioning and devices'
// folders, settings; encrypted under a passphrase and authenticated. The format is
// described in docs/formats.md ("backup").
//
// Memory stays small whatever the size. Errors are one line that names the file and says
// what to do; a wrong passphrase and a damaged beginning cannot be told apart and say so.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "anchord/base/bytes.h"
#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/store/store.h"

namespace anchord::store {

struct BackupFacts {
  std::string cluster;
  std::string cluster_id;
  UnixSeconds made_at = 0;
  std::size_t files = 0;
  std::uint64_t bytes = 0;  // of all files in it
  std::string tftp_sha256;  // of the TFTP certificate in it
  // Only when it is made: what a backup cannot hold (symbolic links, sockets), how many and
  // the first few.
  std::size_t skipped = 0;
  std::vector<std::string> first_skipped = {};
};

// Bytes done of all, for a progress line; may be empty.
using BackupProgress = std::function<void(std::uint64_t done, std::uint64_t of)>;

// Makes a backup of one consistent state of the store, whatever runs meanwhile. The file is written aside and
// renamed when it is whole and on the disk, mode 0600. The store then knows of it. Symbolic links
// below provisioning/ and devices/ are left out; hard links become files of their own.
Result<BackupFacts> create_backup(const std::filesystem::path& state, const std::filesystem::path& file,
                                  Bytes passphrase, UnixSeconds now, const BackupProgress& progress);

// Reads and checks every byte, opens the store in it, and writes nothing that stays.
Result<BackupFacts> verify_backup(const std::filesystem::path& file, Bytes passphrase,
                                  const BackupProgress& progress);

struct RestoreRequest {
  bool other_cluster = false;  // may take the place of another cluster's state
  bool force = false;          // although phones that the present ledger knows would lock
  // An administrator's word, for a place where nothing is left of the state that came after the
  // backup: that no list has changed since, so that phones hold none that it does not know.
  bool nothing_changed = false;
  // Another, of a cluster of several hosts: that what their ledgers know was taken in.
  bool hosts_agree = false;
  UnixSeconds now = calendar_now();
};
struct Restored {
  BackupFacts facts;
  std::filesystem::path replaced;  // where the state that was there is now; empty: there was none
};
// Made whole beside `state`, checked as a store, and put in its place with one rename
// (exchange): on any failure what was there is there. A service must not be running on `state`.
// What the ledger of now knows goes over: phones hold the lists that they hold. When the
// superuser restores, all is given to the owner of what was there.
Result<Restored> restore_backup(const std::filesystem::path& file, const std::filesystem::path& state,
                                Bytes passphrase, const RestoreRequest& request,
                                const BackupProgress& progress);

}  // namespace anchord::store

// What making and reading backups share.
#pragma once

#include <filesystem>

#include "anchord/crypto/scrypt.h"
#include "anchord/store/backup.h"
#include "anchord/trust/cluster.h"
#include "database/temporary_folder.h"

namespace anchord::store {

// As create_backup(), with a cost of the passphrase that tests can wait for.
Result<BackupFacts> write_backup(const std::filesystem::path& state, const std::filesystem::path& file,
                                 Bytes passphrase, crypto::ScryptCost cost, UnixSeconds now,
                                 const BackupProgress& progress);

// But for files and bytes.
BackupFacts facts_of(const trust::Cluster& cluster, UnixSeconds made_at);

struct FileOwner {
  unsigned user = 0;
  unsigned group = 0;
};

struct Unpacked {
  BackupFacts facts;
  LoadedCluster loaded;
};

// Reads and checks all of `file`, and writes to `folder`, which is there and empty, what is to
// be written: with only_store the database and the keys. Then opens the store there, with its
// keys, and checks the lists that it has saved.
Result<Unpacked> unpack(const std::filesystem::path& file, Bytes passphrase,
                        const std::filesystem::path& folder, bool only_store,
                        const std::optional<FileOwner>& owner, const BackupProgress& progress);

}  // namespace anchord::store

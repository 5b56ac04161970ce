// What making and reading backups share.
#pragma once

#include <filesystem>

#include "anchord/crypto/scrypt.h"
#include "anchord/store/backup.h"
#include "anchord/trust/cluster.h"

namespace anchord::store {

// As create_backup(), with a cost of the passphrase that tests can wait for.
Result<BackupFacts> write_backup(const std::filesystem::path& state, const std::filesystem::path& file,
                                 Bytes passphrase, crypto::ScryptCost cost, UnixSeconds now,
                                 const BackupProgress& progress);

// But for files and bytes.
BackupFacts facts_of(const trust::Cluster& cluster, UnixSeconds made_at);

// A folder that goes away with the object unless kept.
class TemporaryFolder {
 public:
  // `pattern` ends in XXXXXX. Mode 0700.
  static Result<TemporaryFolder> make(const std::filesystem::path& pattern);
  TemporaryFolder(TemporaryFolder&&) = default;
  ~TemporaryFolder();

  const std::filesystem::path& path() const { return path_; }
  void moved_to(std::filesystem::path path) { path_ = std::move(path); }
  void keep() { path_.clear(); }

 private:
  explicit TemporaryFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

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

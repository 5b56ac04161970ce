// One consistent state of a store, database and keys, in a folder aside. It goes away with
// the object.
#pragma once

#include <filesystem>
#include <optional>

#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/base/file_descriptor.h"
#include "anchord/store/store.h"
#include "database/temporary_folder.h"

namespace anchord::store {

class StoreCopy {
 public:
  // In the state directory, so that the secrets in it are as safe there as they were; it
  // also takes away what a killed one left. One at a time.
  static Result<StoreCopy> make(Store& store, const std::filesystem::path& state, UnixSeconds now);

  // A state directory of its own, with nothing but anchord.db and keys/. The store in it says
  // that it is in a backup.
  const std::filesystem::path& folder() const { return folder_->path(); }
  const trust::Cluster& cluster() const { return cluster_->cluster; }

 private:
  explicit StoreCopy(FileDescriptor lock) : lock_(std::move(lock)) {}
  Status copy(const std::filesystem::path& state);
  Status finish(UnixSeconds now);

  FileDescriptor lock_;
  std::optional<TemporaryFolder> folder_;
  std::optional<LoadedCluster> cluster_;
};

// For what is made and what is restored in a state directory: held until closed.
Result<FileDescriptor> lock_state(const std::filesystem::path& state);

}  // namespace anchord::store

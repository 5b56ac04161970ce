#include "backup/store_copy.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <stdlib.h>
#include <sys/file.h>

#include <cerrno>

#include "anchord/base/file.h"
#include "anchord/base/hex.h"
#include "anchord/crypto/secret.h"
#include "anchord/store/leftovers.h"
#include "anchord/store/lifecycle.h"
#include "database/open_database.h"
#include "database/state_folder.h"

namespace anchord::store {
namespace {

// A certificate may be regenerated while its old key is being copied.
constexpr int kTries = 5;

Status copy_database(const std::filesystem::path& from, const std::filesystem::path& to) {
  ANCHORD_TRY_ASSIGN(auto source, Database::open(from, SQLITE_OPEN_READWRITE));
  ANCHORD_TRY_ASSIGN(auto target, Database::open(to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
  sqlite3_backup* copy = sqlite3_backup_init(target.handle(), "main", source.handle(), "main");
  if (copy == nullptr) return target.failure();
  // All pages in one go: the source's state of one moment, whoever writes meanwhile.
  sqlite3_backup_step(copy, -1);
  if (sqlite3_backup_finish(copy) != SQLITE_OK) return target.failure();
  // What is restored is a single machine's state: what was changed since is not in it.
  return target.run("DELETE FROM replica");
}

Status copy_keys(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::error_code problem;
  std::filesystem::create_directory(to, problem);
  if (problem) return fail(fmt::format("cannot make '{}': {}", to.string(), problem.message()));
  ANCHORD_TRY_ASSIGN(auto keys, open_keys(from.parent_path()));
  std::filesystem::directory_iterator files(keys.real(), problem);
  if (problem) return fail(fmt::format("cannot read '{}': {}", from.string(), problem.message()));
  for (const auto& file : files) {
    if (!std::filesystem::is_regular_file(file.symlink_status(problem))) continue;
    ANCHORD_TRY_ASSIGN(auto content, keys.read(file.path().filename().string(), kMaxKeyFile));
    crypto::Secret key(std::move(content));
    ANCHORD_TRY(write_file(to / file.path().filename(), key.bytes(), 0600));
  }
  return {};
}

}  // namespace

Result<FileDescriptor> lock_state(const std::filesystem::path& state) {
  FileDescriptor lock(::open(state.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock) return fail_errno(fmt::format("cannot open the state directory '{}'", state.string()), errno);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
    return fail(
        fmt::format("another anchorctl makes or restores a backup of '{}': wait for it", state.string()));
  return lock;
}

Status StoreCopy::copy(const std::filesystem::path& state) {
  ANCHORD_TRY_ASSIGN(auto made, TemporaryFolder::make(state / (std::string(kCopyPrefix) + "XXXXXX")));
  folder_.emplace(std::move(made));
  // What root makes in another user's directory is that user's, as the directory.
  ANCHORD_TRY(give_to_owner(folder(), state));
  ANCHORD_TRY(copy_database(state / kDatabaseName, folder() / kDatabaseName));
  return copy_keys(key_folder(state), key_folder(folder()));
}

Status StoreCopy::finish(UnixSeconds now) {
  {
    ANCHORD_TRY_ASSIGN(auto store, Store::open(folder()));
    ANCHORD_TRY_ASSIGN(auto loaded, store.load(KeyUse::with_keys));
    std::string tftp = to_hex(loaded.cluster.tftp.certificate.sha256());
    ANCHORD_TRY(note_backup(store, now, tftp));
    cluster_ = std::move(loaded);
  }
  return fold_log(folder());
}

Result<StoreCopy> StoreCopy::make(Store& store, const std::filesystem::path& state, UnixSeconds now) {
  ANCHORD_TRY_ASSIGN(auto lock, lock_state(state));
  remove_leftovers(state);
  for (int attempt = 1;; ++attempt) {
    ANCHORD_TRY_ASSIGN(auto before, store.change_counter());
    StoreCopy copy(FileDescriptor(::dup(lock.get())));
    auto done = copy.copy(state);
    if (done) done = copy.finish(now);
    if (done) return copy;
    auto after = store.change_counter();
    if (!after || *after == before || attempt == kTries) return std::unexpected(done.error());
  }
}

}  // namespace anchord::store

// Reading backups, and verifying them.
#include <fcntl.h>
#include <fmt/core.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "anchord/base/file.h"
#include "anchord/base/hex.h"
#include "anchord/phone/file_kind.h"
#include "anchord/store/backup.h"
#include "anchord/store/lists.h"
#include "anchord/trust/trust_list.h"
#include "backup/archive.h"
#include "backup/backup_impl.h"
#include "backup/sealed_file.h"

namespace anchord::store {
namespace {

constexpr unsigned kFolderBits = 0700;  // without them nothing can be put into a folder
constexpr unsigned kOwnerOnly = 0600;

bool is_of_store(const Entry& entry) {
  return entry.path == "anchord.db" || entry.path == "keys" || entry.path.starts_with("keys/");
}

class Unpacker {
 public:
  Unpacker(std::filesystem::path folder, const std::optional<FileOwner>& owner)
      : folder_(std::move(folder)), owner_(owner) {}

  Status put(const Entry& entry, EntryReader& reader) {
    return entry.kind == EntryKind::folder ? put_folder(entry) : put_file(entry, reader);
  }

 private:
  Status give(const std::filesystem::path& path) const {
    if (owner_ && ::lchown(path.c_str(), owner_->user, owner_->group) != 0)
      return fail_errno(fmt::format("cannot give '{}' to the owner of the state directory", path.string()),
                        errno);
    return {};
  }
  Status put_folder(const Entry& entry) const;
  Status put_file(const Entry& entry, EntryReader& reader) const;

  std::filesystem::path folder_;
  const std::optional<FileOwner>& owner_;
};

Status Unpacker::put_folder(const Entry& entry) const {
  std::filesystem::path path = folder_ / entry.path;
  unsigned mode = entry.path == "keys" ? kFolderBits : entry.mode | kFolderBits;
  if (::mkdir(path.c_str(), kFolderBits) != 0 || ::chmod(path.c_str(), mode) != 0)
    return fail_errno(fmt::format("cannot make '{}'", path.string()), errno);
  return give(path);
}

Status Unpacker::put_file(const Entry& entry, EntryReader& reader) const {
  std::filesystem::path path = folder_ / entry.path;
  auto problem = [&] { return fail_errno(fmt::format("cannot write '{}'", path.string()), errno); };
  // All folders are new and ours: nothing in the way can lead elsewhere.
  FileDescriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kOwnerOnly));
  if (!fd) return problem();
  for (;;) {
    ANCHORD_TRY_ASSIGN(auto piece, reader.content());
    if (piece.empty()) break;
    if (int number = write_all(fd.get(), piece); number != 0)
      return fail_errno(fmt::format("cannot write '{}'", path.string()), number);
  }
  // Before the mode: giving a file away takes bits from it.
  ANCHORD_TRY(give(path));
  std::array<timespec, 2> times{timespec{.tv_sec = 0, .tv_nsec = UTIME_OMIT},
                                timespec{.tv_sec = entry.mtime, .tv_nsec = 0}};
  if (::fchmod(fd.get(), is_of_store(entry) ? kOwnerOnly : entry.mode) != 0 ||
      ::futimens(fd.get(), times.data()) != 0)
    return problem();
  return {};
}

Status check_list(Store& store, const char* name) {
  ANCHORD_TRY_ASSIGN(auto saved, saved_list(store, name));
  if (!saved) return {};
  // By its own signer: after a regeneration the list may not have been built anew yet.
  if (auto good = trust::verify_trust_list(saved->content); !good)
    return std::unexpected(std::move(good.error()).within(fmt::format("its '{}'", name)));
  return {};
}

Result<LoadedCluster> check_store(const std::filesystem::path& folder) {
  ANCHORD_TRY_ASSIGN(auto store, Store::open(folder));
  ANCHORD_TRY_ASSIGN(auto loaded, store.load(KeyUse::with_keys));
  for (const char* name : {phone::kItlFileName, phone::kCtlFileName}) ANCHORD_TRY(check_list(store, name));
  return loaded;
}

}  // namespace

Result<Unpacked> unpack(const std::filesystem::path& file, Bytes passphrase,
                        const std::filesystem::path& folder, bool only_store,
                        const std::optional<FileOwner>& owner, const BackupProgress& progress) {
  ANCHORD_TRY_ASSIGN(auto sealed, SealedReader::open(file, passphrase));
  EntryReader reader([&]() -> Result<Bytes> {
    auto chunk = sealed.next();
    if (progress) progress(sealed.done(), sealed.size());
    return chunk;
  });
  Unpacker unpacker(folder, owner);
  std::size_t files = 0;
  std::uint64_t bytes = 0;
  for (;;) {
    ANCHORD_TRY_ASSIGN(auto entry, reader.next());
    if (!entry) break;
    files += entry->kind == EntryKind::file ? 1 : 0;
    bytes += entry->size;
    if (only_store && !is_of_store(*entry)) continue;
    ANCHORD_TRY(unpacker.put(*entry, reader));
  }
  auto loaded = check_store(folder);
  if (!loaded)
    return std::unexpected(std::move(loaded.error()).within(fmt::format("what is in '{}'", file.string())));
  if (loaded->cluster.id != to_hex(sealed.header().cluster_id))
    return fail(fmt::format("'{}' is not as Anchord makes it (two clusters' ids): use another backup",
                            file.string()));
  Unpacked out{facts_of(loaded->cluster, sealed.header().made_at), std::move(*loaded)};
  out.facts.files = files;
  out.facts.bytes = bytes;
  return out;
}

Result<BackupFacts> verify_backup(const std::filesystem::path& file, Bytes passphrase,
                                  const BackupProgress& progress) {
  std::error_code problem;
  std::filesystem::path temporary = std::filesystem::temp_directory_path(problem);
  if (problem) temporary = file.parent_path();
  ANCHORD_TRY_ASSIGN(auto folder, TemporaryFolder::make(temporary / (std::string(kVerifyPrefix) + "XXXXXX")));
  ANCHORD_TRY_ASSIGN(auto unpacked, unpack(file, passphrase, folder.path(), true, {}, progress));
  return std::move(unpacked.facts);
}

}  // namespace anchord::store

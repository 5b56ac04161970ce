// Making backups.
#include "anchord/store/backup.h"
#include "anchord/base/file.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "anchord/base/hex.h"
#include "anchord/base/trusted_folder.h"
#include "anchord/store/lifecycle.h"
#include "backup/backup_impl.h"
#include "backup/sealed_file.h"
#include "backup/state_tree.h"
#include "backup/store_copy.h"

namespace anchord::store {
namespace {

constexpr std::size_t kPiece = std::size_t{256} << 10;

bool is_store(std::string_view name) {
  return name == "anchord.db" || name == "keys";
}
bool is_beside_store(std::string_view name) {
  return !is_store(name) &&
         (belongs_in_backup(EntryKind::folder, name) || belongs_in_backup(EntryKind::file, name));
}

class Packer {
 public:
  Packer(SealedWriter& out, const BackupProgress& progress, std::uint64_t all)
      : out_(out), progress_(progress), all_(all), piece_(kPiece) {}

  Status add(const std::filesystem::path& directory, const Found& found);
  // One that is in no folder, for its owner alone.
  Status add(const std::string& name, Bytes content, UnixSeconds now) {
    ++entries_;
    ANCHORD_TRY(out_.write(write_entry(
        {.kind = EntryKind::file, .path = name, .mode = 0600, .mtime = now, .size = content.size()})));
    return out_.write(content);
  }
  Status finish() {
    ANCHORD_TRY(out_.write(write_end(entries_)));
    return out_.finish();
  }

  std::size_t files() const { return files_; }
  std::uint64_t bytes() const { return bytes_; }

 private:
  Status add_content(int fd, std::uint64_t size, const std::string& named);

  SealedWriter& out_;
  const BackupProgress& progress_;
  std::uint64_t all_;
  Buffer piece_;
  std::uint64_t entries_ = 0;
  std::size_t files_ = 0;
  std::uint64_t bytes_ = 0;
};

Status Packer::add(const std::filesystem::path& directory, const Found& found) {
  Entry entry = found.entry;
  FileDescriptor fd;
  std::string named = quoted(directory / entry.path);
  if (entry.kind == EntryKind::file) {
    fd = FileDescriptor(::openat(found.folder, found.name.c_str(),
                                 O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
    struct stat info{};
    if (!fd && errno == ENOENT) return {};
    if (!fd || ::fstat(fd.get(), &info) != 0) return fail_errno("cannot read " + named, errno);
    struct stat of_folder{};
    if (::fstatat(found.folder, "", &of_folder, AT_EMPTY_PATH) != 0 ||
        is_link_of_another(info, of_folder.st_uid))
      return fail(fmt::format("{} is another name (a hard link) of a file of {}: put a copy there", named,
                              user_text(info.st_uid)));
    entry.size = static_cast<std::uint64_t>(info.st_size);
    entry.mtime = info.st_mtime;
  }
  if (++entries_ > kMaxEntries)
    return fail(fmt::format("there are more than {} files and folders: a backup holds no more", kMaxEntries));
  if (auto done = out_.write(write_entry(entry)); !done || !fd) return done;
  ++files_;
  return add_content(fd.get(), entry.size, named);
}

Status Packer::add_content(int fd, std::uint64_t size, const std::string& named) {
  for (std::uint64_t left = size; left > 0;) {
    auto room = MutableBytes(piece_).first(static_cast<std::size_t>(std::min<std::uint64_t>(left, kPiece)));
    ssize_t count = read_fully(fd, room);
    if (count < 0) return fail_errno("cannot read " + named, errno);
    if (static_cast<std::size_t>(count) < room.size())
      return fail(named + " became shorter while it was read: try again");
    ANCHORD_TRY(out_.write(room));
    left -= room.size();
    bytes_ += room.size();
    if (progress_) progress_(std::min(bytes_, all_), all_);
  }
  std::uint8_t more = 0;
  if (read_fully(fd, {&more, 1}) != 0) return fail(named + " became longer while it was read: try again");
  return {};
}

Result<std::array<std::uint8_t, 16>> id_bytes(const std::string& id) {
  std::array<std::uint8_t, 16> out{};
  auto bytes = from_hex(id);
  if (!bytes || bytes->size() != out.size()) return fail(fmt::format("'{}' is not a cluster's id", id));
  std::ranges::copy(*bytes, out.begin());
  return out;
}

// A backup that is lost with what it is of.
Status check_outside(const std::filesystem::path& state, const std::filesystem::path& file) {
  std::error_code problem;
  auto folder = std::filesystem::weakly_canonical(std::filesystem::absolute(file).parent_path(), problem);
  auto inside = std::filesystem::weakly_canonical(state, problem);
  if (std::ranges::mismatch(inside, folder).in1 == inside.end())
    return fail(fmt::format(
        "'{}' is in the state directory: a backup there is lost with it; name another place", file.string()));
  return {};
}

}  // namespace

Result<BackupFacts> write_archive(const std::filesystem::path& state, const std::filesystem::path& file,
                                  Bytes passphrase, crypto::ScryptCost cost, UnixSeconds now,
                                  const BackupProgress& progress, Bytes ticket) {
  ANCHORD_TRY(check_outside(state, file));
  ANCHORD_TRY_ASSIGN(auto store, Store::open(state));
  ANCHORD_TRY(store.load(KeyUse::with_keys));
  ANCHORD_TRY_ASSIGN(auto copy, StoreCopy::make(store, state, now));
  const trust::Cluster& cluster = copy.cluster();
  ANCHORD_TRY_ASSIGN(auto id, id_bytes(cluster.id));

  // Twice: first for how much there is.
  Skipped skipped, again;
  std::uint64_t all = 0;
  Visit count = [&](const Found& found) {
    all += found.entry.size;
    return Status{};
  };
  ANCHORD_TRY(walk_state(copy.folder(), is_store, count, again));
  ANCHORD_TRY(walk_state(state, is_beside_store, count, again));

  ANCHORD_TRY_ASSIGN(
      auto out, SealedWriter::create(file, {.cost = cost, .cluster_id = id, .made_at = now}, passphrase));
  Packer packer(out, progress, all);
  auto pack = [&](const std::filesystem::path& folder, const WantedAtTop& wanted) {
    return walk_state(folder, wanted, [&](const Found& found) { return packer.add(folder, found); }, skipped);
  };
  ANCHORD_TRY(pack(copy.folder(), is_store));
  ANCHORD_TRY(pack(state, is_beside_store));
  if (!ticket.empty()) ANCHORD_TRY(packer.add(kTicketName, ticket, now));
  ANCHORD_TRY(packer.finish());

  BackupFacts facts = facts_of(cluster, now);
  facts.files = packer.files();
  facts.bytes = packer.bytes();
  facts.skipped = skipped.count;
  facts.first_skipped = std::move(skipped.first);
  return facts;
}

Result<BackupFacts> write_backup(const std::filesystem::path& state, const std::filesystem::path& file,
                                 Bytes passphrase, crypto::ScryptCost cost, UnixSeconds now,
                                 const BackupProgress& progress) {
  ANCHORD_TRY_ASSIGN(auto facts, write_archive(state, file, passphrase, cost, now, progress, {}));
  ANCHORD_TRY_ASSIGN(auto store, Store::open(state));
  if (auto noted = note_backup(store, now, facts.tftp_sha256); !noted)
    return std::unexpected(
        std::move(noted.error()).within(fmt::format("{} is made, and that cannot be noted", quoted(file))));
  return facts;
}

BackupFacts facts_of(const trust::Cluster& cluster, UnixSeconds made_at) {
  return {.cluster = cluster.name,
          .cluster_id = cluster.id,
          .made_at = made_at,
          .tftp_sha256 = to_hex(cluster.tftp.certificate.sha256())};
}

Result<BackupFacts> create_backup(const std::filesystem::path& state, const std::filesystem::path& file,
                                  Bytes passphrase, UnixSeconds now, const BackupProgress& progress) {
  return write_backup(state, file, passphrase, crypto::kScryptCost, now, progress);
}

}  // namespace anchord::store

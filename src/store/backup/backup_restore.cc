// Putting what is in a backup in a state directory's place.
#include <fcntl.h>
#include <fmt/core.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "anchord/base/calendar.h"
#include "anchord/base/file.h"
#include "anchord/protocol/socket_path.h"
#include "anchord/store/ledger.h"
#include "anchord/store/ledger_session.h"
#include "anchord/store/service_lock.h"
#include "anchord/trust/lifecycle.h"
#include "anchord/trust/trust_list.h"
#include "backup/backup_impl.h"
#include "backup/store_copy.h"
#include "changes/guard.h"
#include "database/no_rights.h"
#include "database/state_folder.h"
#include "tables/audit.h"

namespace anchord::store {
namespace {

// "20261123T053338Z"
std::string time_in_name(UnixSeconds time) {
  std::string text = time_text(time);
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text;
}

// Where the state goes, and what is there now.
struct RestoreTarget {
  std::filesystem::path state;  // absolute, no links in it, no slash at its end
  bool there = false;
  bool empty = true;
  std::optional<FileOwner> owner;  // to give files to

  // An empty folder is filled where it is: its owner need not be able to write beside it.
  bool is_filled() const { return there && empty; }
};

Status check_no_service(const std::filesystem::path& state) {
  if (auto pid = service_of(state))
    return fail(fmt::format("a service runs on {} (pid {}): stop it first", quoted(state), *pid));
  FileDescriptor folder(::open(state.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!folder || !socket) return fail_errno("cannot look at " + quoted(state), errno);
  // By the descriptor: a socket's path must be short, a state directory's need not.
  auto address =
      protocol::socket_address(protocol::socket_path(fmt::format("/proc/self/fd/{}", folder.get())));
  if (!address) return std::unexpected(address.error());
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0 ||
      errno == EAGAIN)
    return fail(fmt::format("a service runs on {}: stop it first", quoted(state)));
  return {};
}

// A folder with something in it must be a state directory, which is exchanged as a whole.
Status check_can_be_replaced(const RestoreTarget& target, bool is_mount_point) {
  std::error_code problem;
  bool has_database = std::filesystem::exists(target.state / kDatabaseName, problem);
  if (!has_database)
    for (const auto& file : std::filesystem::directory_iterator(target.state, problem))
      if (file.path().filename().string().starts_with(kInsidePrefix))
        return fail(fmt::format("a restore into {} was cut short: empty it, and restore again",
                                quoted(target.state)));
  if (is_mount_point)
    return fail(
        fmt::format("{} is a mount point, and cannot be exchanged as a whole: restore into a folder on "
                    "that file system, and name that as the state directory",
                    quoted(target.state)));
  if (!has_database && !std::filesystem::exists(key_folder(target.state), problem))
    return fail(fmt::format("{} is not empty and not a state directory: name another place, or empty it",
                            quoted(target.state)));
  return {};
}

Result<RestoreTarget> look_at(const std::filesystem::path& given) {
  std::error_code problem;
  RestoreTarget target;
  target.state = std::filesystem::weakly_canonical(std::filesystem::absolute(given), problem);
  if (!target.state.has_filename()) target.state = target.state.parent_path();
  if (problem || !target.state.has_filename())
    return fail(fmt::format("{} cannot be a state directory: name another place", quoted(given)));
  struct stat info{}, above{};
  if (::stat(target.state.parent_path().c_str(), &above) != 0)
    return fail_at("cannot look at " + quoted(target.state.parent_path()), errno, target.state.parent_path());
  if (::stat(target.state.c_str(), &info) != 0) {
    if (errno != ENOENT)
      return fail_at("cannot look at " + quoted(target.state), errno, target.state.parent_path());
    ANCHORD_TRY(TrustedFolder::check_above(given));
    return target;
  }
  if (!S_ISDIR(info.st_mode)) return fail(quoted(target.state) + " is not a directory: name another place");
  ANCHORD_TRY(TrustedFolder::open(target.state));
  target.there = true;
  if (::geteuid() == 0) target.owner = FileOwner{info.st_uid, info.st_gid};
  target.empty = std::filesystem::is_empty(target.state, problem);
  if (problem) return fail_at("cannot read " + quoted(target.state), problem.value(), target.state);
  if (!target.empty) ANCHORD_TRY(check_can_be_replaced(target, info.st_dev != above.st_dev));
  ANCHORD_TRY(check_no_service(target.state));
  return target;
}

constexpr char kForceHelps[] = "; --force does it all the same";

Status check_cluster(const trust::Cluster& present, const trust::Cluster& restored,
                     const RestoreRequest& request) {
  if (present.id == restored.id || request.other_cluster) return {};
  return fail(
      fmt::format("the backup is of another cluster ('{}', id {}) than the state is ('{}', id {}): "
                  "--other-cluster puts it in its place all the same",
                  restored.name, restored.id, present.name, present.id));
}

Status check_phones(Store& store, const trust::Cluster& now, const trust::Cluster& restored,
                    const RestoreRequest& request) {
  ANCHORD_TRY_ASSIGN(auto all, holders(store));
  if (all.unknown.count > 0)
    return fail(
        fmt::format("nobody knows whether restoring would lock {}: the lists that they hold are not "
                    "kept; 'anchorctl phone remove' forgets those that are gone{}",
                    trust::phones_text(all.unknown.count, all.unknown.first), kForceHelps));
  if (!all.groups.empty()) {
    auto present = store.load(KeyUse::with_keys);
    if (!present) return fail(present.error().text + kForceHelps);
    ANCHORD_TRY_ASSIGN(auto locked,
                       trust::who_would_lock(present->cluster, restored, all.groups, request.now));
    if (locked)
      return fail(
          fmt::format("restoring would lock {}: {}; use a newer backup, or one of a cluster that knows this "
                      "one's certificates ('anchorctl cert bundle'){}",
                      trust::phones_text(locked->count, locked->first), locked->reason, kForceHelps));
  }
  if (trust::state_digest(now) == trust::state_digest(restored)) return {};
  return require_agreement("restoring", now, all, request.hosts_agree);
}

// What phones were given since the backup they may hold still, and the guards must know it.
Status take_ledger_over(Store& present, const std::filesystem::path& folder) {
  ANCHORD_TRY_ASSIGN(auto restored, Store::open(folder));
  ANCHORD_TRY_ASSIGN(auto entries, ledger(present));
  ANCHORD_TRY_ASSIGN(auto lists, issued_lists(present));
  ANCHORD_TRY_ASSIGN(auto sessions, ledger_sessions(present));
  for (const LedgerSession& session : sessions) ANCHORD_TRY(note_session(restored, session));
  ANCHORD_TRY_ASSIGN(auto gaps, ledger_gaps(present));
  return merge_ledger(restored, entries, lists, gaps, 0);
}

// Without the state that was served since the backup, nobody knows what phones were given.
Status note_lost_time(const std::filesystem::path& folder, const BackupFacts& facts,
                      const RestoreRequest& request) {
  ANCHORD_TRY_ASSIGN(auto restored, Store::open(folder));
  // A service that ran when the backup was made did not end badly here: what it had not written is in
  // the gap.
  ANCHORD_TRY_ASSIGN(auto sessions, ledger_sessions(restored));
  for (LedgerSession session : sessions) {
    session.clean = true;
    ANCHORD_TRY(note_session(restored, session));
  }
  return note_gap(restored, {.began = facts.made_at,
                             .ended = std::max(request.now, facts.made_at),
                             .why = "a backup was restored without the state that came after it",
                             .unkept = !request.nothing_changed});
}

// The journal stays behind with the old state.
Status check_taken_over(Store& present) {
  ANCHORD_TRY_ASSIGN(auto why, not_taken_over(present));
  if (!why) return {};
  return fail(fmt::format("{}: start it, so that it takes over what is left, stop it and restore then{}",
                          *why, kForceHelps));
}

// What the state of now has to say: whether it may be replaced, and what goes over. One
// that cannot be read is perhaps why a backup is wanted, but then nobody can say.
Status check_present(const RestoreTarget& target, const Unpacked& restored,
                     const std::filesystem::path& folder, const RestoreRequest& request) {
  if (target.empty) return note_lost_time(folder, restored.facts, request);
  auto store = Store::open(target.state);
  auto loaded = store ? store->load(KeyUse::without_keys) : std::unexpected(store.error());
  if (!loaded) {
    if (request.force && request.other_cluster) return note_lost_time(folder, restored.facts, request);
    return fail(
        fmt::format("the present state cannot tell which cluster it is and which phones would lock "
                    "({}); --other-cluster --force replaces it all the same",
                    loaded.error().text));
  }
  ANCHORD_TRY(check_cluster(loaded->cluster, restored.loaded.cluster, request));
  if (!request.force) ANCHORD_TRY(check_taken_over(*store));
  if (!request.force) ANCHORD_TRY(check_phones(*store, loaded->cluster, restored.loaded.cluster, request));
  auto taken = take_ledger_over(*store, folder);
  return taken || request.force ? Status{} : taken;
}

Status note_restored(const std::filesystem::path& folder, const BackupFacts& facts,
                     const RestoreRequest& request) {
  ANCHORD_TRY_ASSIGN(auto database, Database::open(folder / kDatabaseName, SQLITE_OPEN_READWRITE));
  return note_audit(database,
                    fmt::format("restored the backup of {}{}", time_text(facts.made_at),
                                request.other_cluster ? " (--other-cluster)" : ""),
                    request.force, request.now);
}

// Writes all of it to the disk before it takes the state's place.
Status sync_all(const std::filesystem::path& folder) {
  FileDescriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::syncfs(fd.get()) != 0) return fail_errno("cannot write " + quoted(folder), errno);
  return {};
}

// A name that nothing has.
std::filesystem::path name_for_old(const std::filesystem::path& state, UnixSeconds now) {
  std::string name = state.string() + ".before-restore-" + time_in_name(now);
  std::string free = name;
  std::error_code ignored;
  for (int i = 2; std::filesystem::exists(std::filesystem::symlink_status(free, ignored)); ++i)
    free = fmt::format("{}-{}", name, i);
  return free;
}

Result<TemporaryFolder> make_folder(const RestoreTarget& target) {
  if (target.is_filled())
    return TemporaryFolder::make(target.state / (std::string(kInsidePrefix) + "XXXXXX"));
  auto folder = TemporaryFolder::make(target.state.string() + std::string(kBesidePrefix) + "XXXXXX");
  if (!folder && target.there)
    return fail(
        fmt::format("{}: what is there is put aside, beside it; restore as root, who leaves all to "
                    "its owner, or move it aside and restore into an empty folder",
                    folder.error().text));
  return folder;
}

// The database goes last: until then there is no cluster, as with init.
Status fill(const RestoreTarget& target, const TemporaryFolder& folder) {
  std::vector<std::filesystem::path> names;
  std::error_code problem;
  for (const auto& file : std::filesystem::directory_iterator(folder.path(), problem))
    names.push_back(file.path().filename());
  if (problem) return fail(fmt::format("cannot read {}: {}", quoted(folder.path()), problem.message()));
  std::ranges::partition(names, [](const auto& name) { return name != kDatabaseName; });
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == kDatabaseName) sync_folder(target.state);
    if (::renameat2(AT_FDCWD, (folder.path() / names[i]).c_str(), AT_FDCWD, (target.state / names[i]).c_str(),
                    RENAME_NOREPLACE) == 0)
      continue;
    int error = errno;
    for (std::size_t k = 0; k < i; ++k) std::filesystem::remove_all(target.state / names[k], problem);
    return fail_at("cannot fill " + quoted(target.state), error, target.state);
  }
  sync_folder(target.state);
  return {};
}

// Exchanges the states and returns where the old one is then. The new one gets the old one's name first, so
// that the exchange is the only step that matters.
Result<std::filesystem::path> put_in_place(const RestoreTarget& target, TemporaryFolder& folder,
                                           UnixSeconds now) {
  auto problem = [&] {
    return fail_at("cannot replace " + quoted(target.state), errno, target.state.parent_path());
  };
  unsigned how = target.there ? RENAME_EXCHANGE : RENAME_NOREPLACE;
  std::filesystem::path old;
  if (target.there) {
    old = name_for_old(target.state, now);
    if (::renameat2(AT_FDCWD, folder.path().c_str(), AT_FDCWD, old.c_str(), RENAME_NOREPLACE) != 0)
      return problem();
    folder.moved_to(old);
  }
  if (::renameat2(AT_FDCWD, folder.path().c_str(), AT_FDCWD, target.state.c_str(), how) != 0) {
    if (errno == EINVAL || errno == ENOSYS)
      return fail(
          fmt::format("the file system of {} cannot exchange two directories: move the present one "
                      "aside, and restore again",
                      quoted(target.state)));
    return problem();
  }
  folder.keep();
  sync_folder(target.state.parent_path());
  return old;
}

}  // namespace

Result<Restored> restore_backup(const std::filesystem::path& file, const std::filesystem::path& state,
                                Bytes passphrase, const RestoreRequest& request,
                                const BackupProgress& progress) {
  ANCHORD_TRY_ASSIGN(auto target, look_at(state));
  FileDescriptor lock;
  if (target.there) {
    ANCHORD_TRY_ASSIGN(auto locked, lock_state(target.state));
    lock = std::move(locked);
  }
  ANCHORD_TRY_ASSIGN(auto folder, make_folder(target));
  if (target.owner && ::chown(folder.path().c_str(), target.owner->user, target.owner->group) != 0)
    return fail_errno("cannot give " + quoted(folder.path()) + " to the state directory's owner", errno);
  ANCHORD_TRY_ASSIGN(auto unpacked, unpack(file, passphrase, folder.path(), false, target.owner, progress));
  if (std::filesystem::exists(folder.path() / kTicketName))
    return fail(fmt::format("{} is a ticket and no backup: 'anchorctl cluster join' takes it", quoted(file)));
  ANCHORD_TRY(check_present(target, unpacked, folder.path(), request));
  ANCHORD_TRY(note_restored(folder.path(), unpacked.facts, request));
  ANCHORD_TRY(sync_all(folder.path()));
  // It may have been started while all was being read.
  if (target.there) ANCHORD_TRY(check_no_service(target.state));
  if (target.is_filled()) {
    ANCHORD_TRY(fill(target, folder));
    return Restored{std::move(unpacked.facts), {}};
  }
  ANCHORD_TRY_ASSIGN(auto old, put_in_place(target, folder, request.now));
  return Restored{std::move(unpacked.facts), std::move(old)};
}

Status make_state(const std::filesystem::path& file, const std::filesystem::path& state, Bytes passphrase,
                  const FinishState& finish, const BackupProgress& progress) {
  ANCHORD_TRY_ASSIGN(auto target, look_at(state));
  if (!target.empty)
    return fail(fmt::format("there is something in {}: name an empty folder, or none", quoted(target.state)));
  FileDescriptor lock;
  if (target.there) {
    ANCHORD_TRY_ASSIGN(lock, lock_state(target.state));
  }
  ANCHORD_TRY_ASSIGN(auto folder, make_folder(target));
  if (target.owner && ::chown(folder.path().c_str(), target.owner->user, target.owner->group) != 0)
    return fail_errno("cannot give " + quoted(folder.path()) + " to the state directory's owner", errno);
  ANCHORD_TRY(unpack(file, passphrase, folder.path(), false, target.owner, progress));
  ANCHORD_TRY(finish(folder.path()));
  ANCHORD_TRY(sync_all(folder.path()));
  if (target.is_filled()) return fill(target, folder);
  ANCHORD_TRY(put_in_place(target, folder, calendar_now()));
  return {};
}

}  // namespace anchord::store

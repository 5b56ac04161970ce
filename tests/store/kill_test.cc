// Every operation is killed before each of its writes: afterwards it has happened wholly
// or not at all, and it can be done again.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <set>

#include "boots.h"
#include "changes/hosts.h"
#include "changes/regenerate.h"
#include "database/schema.h"
#include "fixture.h"

namespace anchord::store {
namespace {

using trust::Mode;
using trust::Service;

// What changes files or makes changes last.
bool is_write(std::uint64_t call) {
  static const std::set<std::uint64_t> writes{
      SYS_write,     SYS_pwrite64,  SYS_writev,   SYS_pwritev,  SYS_fsync,    SYS_fdatasync,
      SYS_ftruncate, SYS_fallocate, SYS_fchmod,   SYS_fchown,   SYS_renameat, SYS_renameat2,
      SYS_unlinkat,  SYS_mkdirat,   SYS_fchmodat, SYS_fchownat,
#ifdef SYS_rename
      SYS_rename,    SYS_unlink,    SYS_mkdir,    SYS_rmdir,    SYS_chmod,    SYS_chown,
#endif
  };
  return writes.contains(call);
}

enum class Killed { no, yes, failed };

// The child stops at every system call, and dies before its `at`-th write.
Killed run_and_kill(const std::function<bool()>& run, int at) {
  pid_t child = ::fork();
  if (child == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(2);
    ::raise(SIGSTOP);
    ::_exit(run() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFSTOPPED(status)) return Killed::failed;
  ::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  for (int writes = 0;;) {
    if (::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr) != 0 || ::waitpid(child, &status, 0) != child)
      return Killed::failed;
    if (WIFEXITED(status)) return WEXITSTATUS(status) == 0 ? Killed::no : Killed::failed;
    if (WIFSIGNALED(status)) return Killed::failed;
    if (WSTOPSIG(status) != (SIGTRAP | 0x80)) continue;
    __ptrace_syscall_info info{};
    ::ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info);
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY || !is_write(info.entry.nr)) continue;
    if (++writes < at) continue;
    ::kill(child, SIGKILL);
    ::waitpid(child, &status, 0);
    return Killed::yes;
  }
}

// In memory where there is such a place: who is killed loses nothing that is written, on a
// disk or not, and hundreds of rounds wait for no disk.
fs::path fast_place() {
  fs::path memory = "/dev/shm";
  return ::access(memory.c_str(), W_OK | X_OK) == 0 ? memory : fs::temp_directory_path();
}

// All that a store says, but for times.
std::string describe_state(const fs::path& dir) {
  auto database = Database::open(dir / "anchord.db", SQLITE_OPEN_READWRITE).value();
  std::string text;
  for (const char* sql :
       {"SELECT cluster_id, mode, has_ctl, rolling_back, change_counter, backup_at, backup_tftp FROM cluster",
        "SELECT position, name, address FROM hosts ORDER BY 1",
        "SELECT service, host, sha256, key_file FROM identities ORDER BY 1, 2",
        "SELECT sha256, roles, ttl, retired_from FROM certificates ORDER BY rowid",
        "SELECT name, model, sha256 FROM phones ORDER BY 1", "SELECT what, forced FROM audit ORDER BY id",
        "SELECT * FROM ledger ORDER BY device", "SELECT * FROM ledger_given ORDER BY device, kind",
        "SELECT name, version FROM issued_lists ORDER BY 1, 2", "SELECT name, input_digest FROM lists"}) {
    Statement row(database, sql);
    while (row.next()) {
      for (int column = 0; column < row.columns(); ++column) text += std::string(row.text(column)) + "|";
      text += "\n";
    }
    if (!row.ok()) throw std::runtime_error(row.failure().error().text);
  }
  return text;
}

class Kill : public StoreTest {
 protected:
  // `start` is the state to start from, which every round copies.
  void kill_everywhere(const std::function<bool(Store&)>& run) {
    fs::path before_dir = dir_;
    {
      Store::open(before_dir).value();
    }  // whole, without a log that is still to be read
    std::string before = describe_state(before_dir);
    fs::path after_dir = rounds_.path / "after";
    fs::copy(before_dir, after_dir, fs::copy_options::recursive);
    {
      Store store = Store::open(after_dir).value();
      ASSERT_TRUE(run(store));
    }
    std::string after = describe_state(after_dir);
    ASSERT_NE(before, after);
    fs::path dir = rounds_.path / "killed";
    int at = 1;
    int happened = 0;
    for (;; ++at) {
      SCOPED_TRACE("killed before write " + std::to_string(at));
      fs::remove_all(dir);
      fs::copy(before_dir, dir, fs::copy_options::recursive);
      Killed killed = run_and_kill(
          [&] {
            auto store = Store::open(dir);
            return store && run(*store);
          },
          at);
      ASSERT_NE(killed, Killed::failed);
      check_killed(dir, before, after, run, happened);
      if (HasFailure() || killed == Killed::no) break;
    }
    EXPECT_GT(at, 5) << "hardly any writes seen";
    EXPECT_GT(happened, 0);
    EXPECT_LT(happened, at);
  }

 private:
  Folder rounds_{fast_place()};

  void check_killed(const fs::path& dir, const std::string& before, const std::string& after,
                    const std::function<bool(Store&)>& run, int& happened) {
    auto store = Store::open(dir);
    ASSERT_TRUE(store) << store.error().text;
    EXPECT_TRUE(store->check());
    auto loaded = store->load(KeyUse::with_keys);
    ASSERT_TRUE(loaded) << loaded.error().text;
    std::string now = describe_state(dir);
    EXPECT_TRUE(now == before || now == after) << now;
    // Nothing is left behind but keys that nobody uses.
    for (const std::string& name : names_in(dir))
      EXPECT_TRUE(name.starts_with("anchord.db") || name == "keys" || name == "devices" ||
                  name == "provisioning")
          << name;
    EXPECT_LE(names_in(dir / "keys").size(), 8U);
    if (now == after) {
      ++happened;
      return;
    }
    ASSERT_TRUE(run(*store));
    EXPECT_EQ(describe_state(dir), after);
    EXPECT_LE(names_in(dir / "keys").size(), 8U);  // the former one, and what former ones are sealed with
  }
};

// Who holds a list makes the guards look at it.
void boot(Store& store, const std::string& phone) {
  ASSERT_TRUE(boot_whole(store, phone));
}

class KillRegenerate : public Kill, public testing::WithParamInterface<Service> {};

// With the key made before: what takes its time writes nothing.
TEST_P(KillRegenerate, HappensWhollyOrNotAtAll) {
  Store store = open();
  boot(store, "SEP001122334455");
  auto prepared = prepare_regeneration(store, GetParam(), "", calendar_now()).value();
  kill_everywhere([&](Store& killed) { return put_in_place(killed, prepared, agreed()).has_value(); });
}

INSTANTIATE_TEST_SUITE_P(Services, KillRegenerate,
                         testing::Values(Service::tvs, Service::tftp, Service::tftp_ec, Service::capf,
                                         Service::recovery),
                         [](const auto& tested) {
                           std::string name{trust::service_name(tested.param)};
                           std::erase(name, '-');
                           return name;
                         });

TEST_F(Kill, AddHost) {
  Store store = open();
  boot(store, "SEP001122334455");
  auto prepared = prepare_host(store, {.host = {"cucm3", {"192.0.2.3"}}}, calendar_now()).value();
  kill_everywhere([&](Store& killed) { return put_beside(killed, prepared, agreed()).has_value(); });
}

TEST_F(Kill, RemoveHost) {
  Store store = open();
  boot(store, "SEP001122334455");
  kill_everywhere([](Store& killed) { return remove_host(killed, "cucm2", agreed()).has_value(); });
}

TEST_F(Kill, RenameHost) {
  Store store = open();
  boot(store, "SEP001122334455");
  kill_everywhere([](Store& killed) { return rename_host(killed, "cucm2", "node2", agreed()).has_value(); });
}

TEST_F(Kill, SetMode) {
  Store store = open();
  boot(store, "SEP001122334455");
  kill_everywhere([](Store& killed) { return set_mode(killed, Mode::mixed, agreed()).value_or(false); });
}

TEST_F(Kill, PrepareRollback) {
  kill_everywhere([](Store& killed) { return prepare_rollback(killed, agreed()).value_or(false); });
}

TEST_F(Kill, CancelRollback) {
  ASSERT_TRUE(prepare_rollback(*std::make_unique<Store>(open()), agreed()).value());
  kill_everywhere([](Store& killed) { return cancel_rollback(killed, agreed()).value_or(false); });
}

TEST_F(Kill, RemoveAndAddCertificates) {
  Store store = open();
  auto other = example_known("other");
  ASSERT_TRUE(add_one(store, other));
  std::string hash = hash_of(other.certificate);
  kill_everywhere([&](Store& killed) { return remove_known(killed, hash, agreed()).has_value(); });
}

TEST_F(Kill, ManyCertificatesAtOnce) {
  std::vector<trust::KnownCertificate> many;
  for (int i = 0; i < 25; ++i) many.push_back(example_known("c" + std::to_string(i)));
  kill_everywhere([&](Store& killed) { return add_known(killed, many, agreed()).has_value(); });
}

TEST_F(Kill, DropUnneeded) {
  Store store = one_host();
  UnixSeconds now = calendar_now();
  ASSERT_TRUE(regenerate(store, Service::capf, "", {.now = now}));
  boot(store, "SEP001122334455");
  kill_everywhere([&](Store& killed) {
    auto dropped = drop_unneeded(killed, now + 100'000);
    return dropped && dropped->size() == 1;
  });
}

TEST_F(Kill, LedgerBatch) {
  std::vector<LedgerChange> batch;
  for (int i = 0; i < 150; ++i) {
    Seen seen("SEP000000000" + std::to_string(100 + i), 1000 + i);
    seen.given(trust::ListKind::ctl, 6).given(trust::ListKind::itl, 5).acted();
    seen.change().model = "8861";
    seen.change().questions = 1;
    batch.push_back(seen.change());
  }
  kill_everywhere([&](Store& killed) { return note_in_ledger(killed, batch, kTestSession).has_value(); });
}

TEST_F(Kill, LedgerIsForgottenWithThePhone) {
  Store store = open();
  std::vector<trust::Phone> phones;
  std::vector<std::string> names;
  for (int i = 0; i < 20; ++i) {
    names.push_back("SEP0000000000" + std::to_string(10 + i));
    phones.push_back({names.back(), "", {}});
    boot(store, names.back());
  }
  ASSERT_TRUE(put_phones(store, phones));
  kill_everywhere([&](Store& killed) { return remove_phones(killed, names).has_value(); });
}

TEST_F(Kill, Lists) {
  auto cluster = open().load(KeyUse::with_keys).value().cluster;
  kill_everywhere([&](Store& killed) { return current_itl(killed, cluster, 1000).has_value(); });
}

TEST_F(Kill, NoteOfABackup) {
  kill_everywhere([](Store& killed) { return note_backup(killed, 1000, "00").has_value(); });
}

// The state before has another form, so that it is compared by its version only.
class KillMigration : public testing::TestWithParam<int> {};

TEST_P(KillMigration, LeavesTheOldVersionOrTheNew) {
  Folder folder{fast_place()};
  fs::path old = folder.path / "old";
  make_version(GetParam(), old);
  {
    Database::open(old / "anchord.db", SQLITE_OPEN_READWRITE).value();
  }
  auto counter = ask_database(old, "SELECT change_counter FROM cluster");
  std::set<std::int64_t> seen;
  fs::path dir = folder.path / "killed";
  for (int at = 1;; ++at) {
    SCOPED_TRACE("killed before write " + std::to_string(at));
    fs::remove_all(dir);
    fs::copy(old, dir, fs::copy_options::recursive);
    Killed killed = run_and_kill([&] { return Store::open(dir).has_value(); }, at);
    ASSERT_NE(killed, Killed::failed);
    auto version = ask_database(dir, "PRAGMA user_version");
    seen.insert(version);
    EXPECT_EQ(ask_database(dir, "SELECT change_counter FROM cluster"),
              version == kSchemaVersion ? counter + 1 : counter);
    EXPECT_EQ(ask_database(dir, "SELECT count(*) FROM sqlite_master WHERE name = 'ledger_gaps'"),
              version == kSchemaVersion);
    auto store = Store::open(dir);
    ASSERT_TRUE(store) << store.error().text;
    EXPECT_TRUE(store->check());
    EXPECT_TRUE(store->load(KeyUse::with_keys));
    EXPECT_EQ(store->change_counter().value(), counter + 1);
    EXPECT_EQ(ask_database(dir, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
    ASSERT_FALSE(HasFailure());
    if (killed == Killed::no) break;
  }
  EXPECT_EQ(seen, (std::set<std::int64_t>{GetParam(), kSchemaVersion}));
}

INSTANTIATE_TEST_SUITE_P(Versions, KillMigration, testing::Values(1, 2, 3));

}  // namespace
}  // namespace anchord::store

// Making, verifying and restoring backups.
#include "anchord/store/backup.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <random>

#include "anchord/base/file.h"
#include "anchord/store/ledger.h"
#include "backup/backup_impl.h"
#include "backup/sealed_file.h"
#include "boots.h"
#include "fixture.h"

namespace anchord::store {
namespace {

const Bytes kPassphrase = as_bytes("a passphrase");
constexpr UnixSeconds kNow = 1800000000;

class Backup : public StoreTest {
 protected:
  Backup() {
    put("provisioning/SEP001122334455.cnf.xml", "<device/>");
    put("provisioning/New_Zealand/g3-tones.xml", "<tones/>");
    put("devices/SEP001122334455.pem", "no certificate");
    put("anchord.conf", "shards = 2");
    put("control.lock", "");
    fs::create_directory(dir_ / "provisioning/empty");
    fs::permissions(dir_ / "provisioning", fs::perms(0750));
    auto store = open();
    auto cluster = store.load(KeyUse::with_keys).value().cluster;
    itl_ = current_itl(store, cluster, calendar_now()).value().content;
  }

  void put(const std::string& path, std::string_view content) {
    fs::create_directories((dir_ / path).parent_path());
    std::ofstream(dir_ / path, std::ios::binary) << content;
  }
  Result<BackupFacts> make(const fs::path& state, const fs::path& file) {
    return write_backup(state, file, kPassphrase, {4, 1, 1}, kNow, {});
  }
  BackupFacts make() {
    auto facts = make(dir_, file_);
    if (!facts) throw std::runtime_error(facts.error().text);
    return *facts;
  }
  std::string create_error(const fs::path& file) {
    auto facts = make(dir_, file);
    return facts ? "" : facts.error().text;
  }
  std::string restore_error(const fs::path& state, RestoreRequest request = {},
                            Bytes passphrase = kPassphrase) {
    auto restored = restore_backup(file_, state, passphrase, request, {});
    return restored ? "" : restored.error().text;
  }
  // Paths and contents; of the database, which differs by what was noted, only that it is there.
  std::map<std::string, std::string> tree(const fs::path& state) {
    std::map<std::string, std::string> out;
    for (const auto& entry : fs::recursive_directory_iterator(state)) {
      std::string path = fs::relative(entry.path(), state);
      if (entry.is_directory()) {
        out[path] = "folder";
      } else if (entry.is_regular_file()) {
        std::ifstream in(entry.path(), std::ios::binary);
        out[path] = path.starts_with("anchord.db") ? "" : std::string(std::istreambuf_iterator<char>(in), {});
      }
    }
    return out;
  }
  std::vector<std::string> beside() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_.path)) names.push_back(entry.path().filename());
    std::ranges::sort(names);
    return names;
  }
  Buffer saved_itl(const fs::path& state) {
    Store store = Store::open(state).value();
    auto saved = saved_list(store, "ITLFile.tlv").value();
    return saved ? saved->content : Buffer();
  }

  fs::path file_ = folder_.path / "backup";
  Buffer itl_;
};

TEST_F(Backup, RestoresTheSame) {
  auto before = tree(dir_);
  BackupFacts facts = make();
  auto cluster = open().load(KeyUse::without_keys).value().cluster;
  EXPECT_EQ(facts.cluster, "Example");
  EXPECT_EQ(facts.cluster_id, cluster.id);
  EXPECT_EQ(facts.made_at, kNow);
  EXPECT_EQ(facts.tftp_sha256, hash_of(cluster.tftp.certificate));
  EXPECT_EQ(facts.files, 11U);  // the database, six keys, and four more
  EXPECT_EQ(facts.skipped, 0U);

  fs::path other = folder_.path / "restored";
  auto restored = restore_backup(file_, other, kPassphrase, {}, {});
  ASSERT_TRUE(restored) << restored.error().text;
  EXPECT_TRUE(restored->replaced.empty());
  EXPECT_EQ(restored->facts.files, facts.files);
  EXPECT_EQ(restored->facts.bytes, facts.bytes);
  before.erase("control.lock");
  EXPECT_EQ(tree(other), before);
  EXPECT_EQ(saved_itl(other), itl_);
  EXPECT_TRUE(Store::open(other).value().load(KeyUse::with_keys));
  struct stat info{};
  ASSERT_EQ(::stat((other / "provisioning").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0750U);
  ASSERT_EQ(::stat(other.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0700U);
  ASSERT_EQ(::stat((other / "anchord.conf").c_str(), &info), 0);
  struct stat was{};
  ASSERT_EQ(::stat((dir_ / "anchord.conf").c_str(), &was), 0);
  EXPECT_EQ(info.st_mtime, was.st_mtime);
}

TEST_F(Backup, BothStoresKnowOfIt) {
  {
    auto store = open();
    EXPECT_FALSE(backup_state(store).value().holds_tftp_key);
  }
  make();
  auto store = open();
  EXPECT_EQ(backup_state(store).value().last, kNow);
  EXPECT_TRUE(backup_state(store).value().holds_tftp_key);
  ASSERT_EQ(restore_error(folder_.path / "restored"), "");
  auto restored = Store::open(folder_.path / "restored").value();
  EXPECT_TRUE(backup_state(restored).value().holds_tftp_key);
}

TEST_F(Backup, LeavesNothingBehind) {
  auto names = tree(dir_);
  make();
  EXPECT_EQ(tree(dir_), names);
  EXPECT_EQ(beside(), (std::vector<std::string>{"backup", "state"}));
  struct stat info{};
  ASSERT_EQ(::stat(file_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
  // What a killed one left is taken away by the next.
  fs::create_directories(dir_ / ".backup-killed/keys");
  make();
  EXPECT_EQ(tree(dir_), names);
}

TEST_F(Backup, LinksAreLeftOutAndNamed) {
  fs::create_symlink("/etc/passwd", dir_ / "provisioning/passwd");
  fs::create_symlink("/etc", dir_ / "provisioning/etc");
  ASSERT_EQ(::mkfifo((dir_ / "provisioning/pipe").c_str(), 0600), 0);
  fs::create_hard_link(dir_ / "provisioning/SEP001122334455.cnf.xml", dir_ / "provisioning/hard");
  BackupFacts facts = make();
  EXPECT_EQ(facts.skipped, 3U);
  EXPECT_EQ(facts.first_skipped,
            (std::vector<std::string>{"provisioning/etc", "provisioning/passwd", "provisioning/pipe"}));
  ASSERT_EQ(restore_error(folder_.path / "restored"), "");
  auto restored = tree(folder_.path / "restored");
  EXPECT_EQ(restored["provisioning/hard"], "<device/>");
  EXPECT_FALSE(restored.contains("provisioning/passwd"));
}

TEST_F(Backup, ProvisioningMayLieElsewhere) {
  fs::rename(dir_ / "provisioning", folder_.path / "elsewhere");
  fs::create_symlink(folder_.path / "elsewhere", dir_ / "provisioning");
  make();
  ASSERT_EQ(restore_error(folder_.path / "restored"), "");
  EXPECT_EQ(tree(folder_.path / "restored")["provisioning/New_Zealand/g3-tones.xml"], "<tones/>");
}

TEST_F(Backup, LargeFilesGoThrough) {
  std::string large(5'000'000, 'x');
  for (std::size_t i = 0; i < large.size(); i += 4099) large[i] = static_cast<char>(i);
  put("provisioning/firmware.loads", large);
  std::uint64_t last = 0, all = 0;
  auto facts =
      write_backup(dir_, file_, kPassphrase, {4, 1, 1}, kNow, [&](std::uint64_t done, std::uint64_t of) {
        EXPECT_LE(last, done);
        EXPECT_LE(done, of);
        last = done;
        all = of;
      });
  ASSERT_TRUE(facts) << facts.error().text;
  EXPECT_EQ(last, all);
  EXPECT_EQ(last, facts->bytes);
  ASSERT_EQ(restore_error(folder_.path / "restored"), "");
  EXPECT_EQ(tree(folder_.path / "restored")["provisioning/firmware.loads"], large);
}

// The other tests take a cost that they can wait for; what operators get is not theirs to lower.
TEST_F(Backup, AnOperatorsPassphraseCostsTheFullCost) {
  ASSERT_TRUE(create_backup(dir_, file_, kPassphrase, kNow, {}));
  Buffer head = read_file(file_, 10'000'000).value();
  head.resize(kSealedHeader);
  EXPECT_EQ(read_sealed_header(head).value().cost, (crypto::ScryptCost{17, 8, 1}));
  EXPECT_TRUE(verify_backup(file_, kPassphrase, {}));
}

TEST_F(Backup, VerifyReadsAllAndLeavesNothing) {
  BackupFacts made = make();
  auto facts = verify_backup(file_, kPassphrase, {});
  ASSERT_TRUE(facts) << facts.error().text;
  EXPECT_EQ(facts->files, made.files);
  EXPECT_EQ(facts->bytes, made.bytes);
  EXPECT_EQ(facts->tftp_sha256, made.tftp_sha256);
  EXPECT_EQ(beside(), (std::vector<std::string>{"backup", "state"}));
}

TEST_F(Backup, DamageAndWrongPassphraseChangeNothing) {
  make();
  auto before = tree(dir_);
  expect_text(restore_error(dir_, {}, as_bytes("another one")), {"passphrase is wrong"});
  auto size = fs::file_size(file_);
  fs::copy_file(file_, folder_.path / "good");
  std::mt19937 random(7);
  for (int i = 0; i < 40; ++i) {
    fs::copy_file(folder_.path / "good", file_, fs::copy_options::overwrite_existing);
    if (i % 2 == 0) {
      fs::resize_file(file_, random() % size);
    } else {
      std::fstream bytes(file_, std::ios::in | std::ios::out | std::ios::binary);
      auto at = static_cast<std::streamoff>(random() % size);
      bytes.seekg(at);
      char was = static_cast<char>(bytes.get());
      bytes.seekp(at);
      bytes.put(static_cast<char>(was ^ 1 << i % 8));
    }
    EXPECT_NE(restore_error(dir_), "") << i;
    EXPECT_FALSE(verify_backup(file_, kPassphrase, {}));
    ASSERT_EQ(tree(dir_), before);
    ASSERT_EQ(beside(), (std::vector<std::string>{"backup", "good", "state"}));
  }
}

TEST_F(Backup, SeveralHostsMustAgreeWhereAnotherStateIsPutInPlace) {
  make();
  auto store = open();
  ASSERT_TRUE(regenerate(store, trust::Service::capf, "", {.now = kNow, .hosts_agree = true}));
  expect_text(restore_error(dir_), {"judged by the 1 phones of this host alone", "2 hosts", "--hosts-agree"});
  EXPECT_EQ(restore_error(dir_, {.hosts_agree = true}), "");
}

TEST_F(Backup, ReplacesAStateAndKeepsIt) {
  make();
  put("provisioning/later.xml", "<later/>");
  {
    Store store = open();
    ASSERT_TRUE(add_one(store, example_known("later")));
  }
  auto restored = restore_backup(file_, dir_, kPassphrase, {.now = kNow}, {});
  ASSERT_TRUE(restored) << restored.error().text;
  EXPECT_EQ(restored->replaced.filename(), "state.before-restore-20270115T080000Z");
  EXPECT_FALSE(tree(dir_).contains("provisioning/later.xml"));
  EXPECT_EQ(tree(restored->replaced)["provisioning/later.xml"], "<later/>");
  EXPECT_EQ(open().load(KeyUse::with_keys).value().cluster.known.size(), 6U);
  EXPECT_EQ(Store::open(restored->replaced).value().load(KeyUse::with_keys).value().cluster.known.size(), 7U);
  Store store = open();
  expect_text(audit_entries(store, 1).value().front().what, {"restored", "2027-01-15T08:00:00Z"});
  // A second one in the same second finds its own name.
  auto again = restore_backup(file_, dir_, kPassphrase, {.now = kNow}, {});
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_NE(again->replaced, restored->replaced);
}

TEST_F(Backup, AnEmptyDirectoryIsTakenOthersAreNot) {
  make();
  fs::create_directory(folder_.path / "empty");
  auto restored = restore_backup(file_, folder_.path / "empty/", kPassphrase, {}, {});
  ASSERT_TRUE(restored) << restored.error().text;
  EXPECT_TRUE(restored->replaced.empty());
  EXPECT_TRUE(Store::open(folder_.path / "empty"));

  fs::create_directory(folder_.path / "home");
  std::ofstream(folder_.path / "home/letter") << "dear";
  expect_text(restore_error(folder_.path / "home"), {"not empty and not a state directory"});
  expect_text(restore_error(folder_.path / "home", {.other_cluster = true, .force = true}), {"not empty"});
  expect_text(restore_error(file_), {"not a directory"});
  expect_text(restore_error(folder_.path / "none/state"), {"none"});
  expect_text(restore_error("/proc"), {"mount point"});
}

TEST_F(Backup, AnEmptyDirectoryIsFilledAndKeepsItsMode) {
  make();
  fs::path empty = folder_.path / "empty";
  fs::create_directory(empty);
  fs::permissions(empty, fs::perms::owner_all | fs::perms::group_read);
  struct stat before{}, after{};
  ASSERT_EQ(::stat(empty.c_str(), &before), 0);
  auto names = beside();
  ASSERT_EQ(restore_error(empty), "");
  ASSERT_EQ(::stat(empty.c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
  EXPECT_EQ(before.st_mode, after.st_mode);
  EXPECT_EQ(beside(), names);
  for (const auto& [name, content] : tree(empty)) EXPECT_FALSE(name.starts_with(".restoring")) << name;
}

TEST_F(Backup, ARestoreThatWasCutShortInAnEmptyDirectoryIsNoState) {
  make();
  fs::path empty = folder_.path / "empty";
  fs::create_directories(empty / ".restoring-abcdef");
  fs::create_directory(empty / "keys");
  expect_text(restore_error(empty), {"cut short", "empty it"});
  expect_text(restore_error(empty, {.other_cluster = true, .force = true}), {"cut short"});
}

TEST_F(Backup, ALinkToAStateIsFollowed) {
  make();
  fs::create_symlink(dir_, folder_.path / "link");
  ASSERT_EQ(restore_error(folder_.path / "link"), "");
  EXPECT_TRUE(fs::is_symlink(folder_.path / "link"));
  EXPECT_FALSE(fs::is_symlink(dir_));
}

TEST_F(Backup, AnotherClustersIsRefusedUnlessTold) {
  make();
  fs::path other = folder_.path / "other";
  InitRequest request = example_request();
  request.cluster_name = "Other";
  ASSERT_TRUE(init_store(other, request));
  expect_text(restore_error(other), {"another cluster", "'Example'", "'Other'", "--other-cluster"});
  EXPECT_EQ(Store::open(other).value().load(KeyUse::with_keys).value().cluster.name, "Other");
  ASSERT_EQ(restore_error(other, {.other_cluster = true, .hosts_agree = true}), "");
  EXPECT_EQ(Store::open(other).value().load(KeyUse::with_keys).value().cluster.name, "Example");
}

TEST_F(Backup, PhonesThatWouldLockAreAReasonToRefuse) {
  make();
  fs::path other = folder_.path / "other";
  {
    Store store = init_store(other, example_request()).value();
    auto cluster = store.load(KeyUse::with_keys).value().cluster;
    ASSERT_TRUE(current_itl(store, cluster, calendar_now()));
    ASSERT_TRUE(boot_whole(store, "SEP001122334455"));
  }
  expect_text(restore_error(other, {.other_cluster = true}), {"lock", "SEP001122334455", "--force"});
  ASSERT_EQ(restore_error(other, {.other_cluster = true, .force = true}), "");
  Store store = Store::open(other).value();
  EXPECT_TRUE(audit_entries(store, 1).value().front().forced);
}

TEST_F(Backup, TheLedgerGoesOver) {
  make();
  std::uint64_t version = 0;
  {
    Store store = open();
    ASSERT_TRUE(boot_whole(store, "SEP001122334455"));
    version = issued_lists(store).value().front().version;
  }
  ASSERT_EQ(restore_error(dir_), "");
  Store store = open();
  auto entry = ledger_entry(store, "SEP001122334455").value();
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->of(DeliveredKind::itl).version, version);
  EXPECT_EQ(entry->may_hold(trust::ListKind::itl), std::vector{version});
  EXPECT_EQ(holders(store).value().unknown.count, 0U);
}

// What came after the backup is lost: phones may hold lists that nobody knows any more.
TEST_F(Backup, WithoutTheStateThatCameAfterItNobodyKnowsWhatPhonesHold) {
  {
    Store store = open();
    ASSERT_TRUE(boot_whole(store, "SEP001122334455"));
  }
  make();
  fs::path other = folder_.path / "elsewhere";
  ASSERT_EQ(restore_error(other), "");
  Store store = Store::open(other).value();
  EXPECT_EQ(holders(store).value().unknown.count, 1U);
  ASSERT_TRUE(boot_whole(store, "SEP001122334455", std::max(kNow, calendar_now()) + 1));
  EXPECT_EQ(holders(store).value().unknown.count, 0U);
}

TEST_F(Backup, APresentStateThatCannotBeReadNeedsForce) {
  make();
  write_database("no database at all");
  expect_text(restore_error(dir_), {"--other-cluster --force"});
  expect_text(restore_error(dir_, {.force = true}), {"--other-cluster --force"});
  ASSERT_EQ(restore_error(dir_, {.other_cluster = true, .force = true}), "");
  EXPECT_EQ(load_error(), "");
}

TEST_F(Backup, ARunningServiceIsAReasonToRefuse) {
  make();
  int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string path = dir_ / "control.sock";
  ASSERT_LT(path.size(), sizeof address.sun_path);
  std::ranges::copy(path, address.sun_path);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  expect_text(restore_error(dir_, {.force = true}), {"service runs", "stop it"});
  ::close(listener);
  // The socket that a killed one left behind is none.
  EXPECT_EQ(restore_error(dir_), "");
}

TEST_F(Backup, WhatCannotBeBackedUpSaysWhy) {
  expect_text(create_error(dir_ / "backup"), {"in the state directory"});
  expect_text(create_error(dir_ / "provisioning/backup"), {"in the state directory"});
  expect_text(create_error(folder_.path / "none/backup"), {"none"});
  fs::remove(key_file("tftp-"));
  expect_text(create_error(file_), {"private key", "keys/tftp"});
  EXPECT_FALSE(fs::exists(file_));
}

TEST_F(Backup, AFullDiskChangesNothing) {
  put("provisioning/large", std::string(3'000'000, 'x'));
  make();
  auto before = tree(dir_);
  auto names = beside();
  for (bool making : {true, false}) {
    pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::signal(SIGXFSZ, SIG_IGN);
      rlimit limit{1'000'000, 1'000'000};
      ::setrlimit(RLIMIT_FSIZE, &limit);
      std::string error = making ? create_error(folder_.path / "second") : restore_error(dir_);
      ::_exit(error.find("cannot write") != error.npos ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0) << making;
    EXPECT_EQ(tree(dir_), before);
    EXPECT_EQ(beside(), names);
  }
}

TEST_F(Backup, KilledAtAnyPointTheStateIsOldOrNewAndWhole) {
  make();
  auto restored = tree(dir_);
  restored.erase("control.lock");
  put("provisioning/later.xml", "<later/>");
  auto old = tree(dir_);
  std::mt19937 random(11);
  Millis began = monotonic_now();
  ASSERT_EQ(restore_error(folder_.path / "timed"), "");
  Millis whole = 1 + monotonic_now() - began;
  int replaced = 0;
  constexpr int kRounds = 24;
  for (int round = 0; round < kRounds; ++round) {
    pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      if (round == 0) ::raise(SIGSTOP);
      ::_exit(restore_error(dir_).empty() ? 0 : 1);
    }
    // How long it takes is the machine's affair: one is killed before it begins, some are left alone.
    if (round > 0) ::usleep(static_cast<useconds_t>(random() % (2000 * whole)));
    if (round % 8 != 7) ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    auto now = tree(dir_);
    std::erase_if(now, [](const auto& file) { return file.first.starts_with("anchord.db-"); });
    ASSERT_TRUE(now == old || now == restored) << round;
    ASSERT_EQ(load_error(), "") << round;
    if (now == restored) {
      ++replaced;
      put("provisioning/later.xml", "<later/>");
      put("control.lock", "");
    }
  }
  EXPECT_GT(replaced, 0);
  EXPECT_LT(replaced, kRounds);
}

TEST_F(Backup, KilledWhileMakingLeavesTheOldFileOrTheNewOne) {
  make();
  std::mt19937 random(13);
  for (int round = 0; round < 30; ++round) {
    pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) ::_exit(create_error(file_).empty() ? 0 : 1);
    ::usleep(static_cast<useconds_t>(random() % 50'000));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    auto facts = verify_backup(file_, kPassphrase, {});
    ASSERT_TRUE(facts) << round << ": " << facts.error().text;
    ASSERT_EQ(load_error(), "");
  }
}

}  // namespace
}  // namespace anchord::store

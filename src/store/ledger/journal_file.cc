#include "anchord/store/journal_file.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "anchord/base/file.h"
#include "anchord/base/file_descriptor.h"
#include "anchord/crypto/digest.h"

namespace anchord::store {
namespace {

constexpr std::array<char, 8> kJournalMagic{'A', 'N', 'C', 'H', 'J', 'R', 'N', 'L'};
constexpr std::size_t kPage = 4096;
constexpr std::size_t kChecked = offsetof(JournalHead, checksum);
constexpr char kPrefix[] = "shard-";

std::size_t whole_pages(std::size_t bytes) {
  return (bytes + kPage - 1) / kPage * kPage;
}

std::size_t size_of(const LogShape& log) {
  return whole_pages(std::size_t{log.record_size} * log.capacity);
}

template <std::size_t kSize>
std::string text_in(const std::array<char, kSize>& field) {
  return {field.data(), ::strnlen(field.data(), kSize)};
}

template <std::size_t kSize>
void put_text(std::array<char, kSize>& field, std::string_view text) {
  field.fill(0);
  text.copy(field.data(), kSize - 1);
}

crypto::Sha256 checksum_of(const JournalHead& head) {
  return crypto::sha256({reinterpret_cast<const std::uint8_t*>(&head), kChecked});
}

void fill_in(JournalHead& head, const JournalShape& shape, const JournalOwner& owner) {
  head.magic = kJournalMagic;
  head.layout = kJournalLayout;
  head.size = kPage;
  head.logs = shape;
  put_text(head.program, owner.program);
  put_text(head.boot_id, owner.boot_id);
  put_text(head.host, owner.host);
  head.started = owner.started;
  head.checksum = checksum_of(head);
}

// Checks that it is the head of a journal at all.
Status check_head(const JournalHead& head) {
  if (head.magic != kJournalMagic) return fail("it is no journal");
  if (head.layout != kJournalLayout || head.size != kPage)
    return fail(fmt::format("it has layout {}, and this program knows {}", head.layout, kJournalLayout));
  if (head.checksum != checksum_of(head)) return fail("its head is damaged");
  for (std::size_t log = 0; log < kJournalLogs; ++log) {
    std::uint64_t first = head.positions[log].head.load(std::memory_order_relaxed);
    std::uint64_t end = head.positions[log].tail.load(std::memory_order_relaxed);
    if (first > end || end - first > head.logs[log].capacity) return fail("its positions are damaged");
  }
  return {};
}

Status check(const JournalHead& head, const JournalShape& shape, std::string_view program) {
  ANCHORD_TRY(check_head(head));
  if (head.logs != shape) return fail("its records are of other sizes than this program's");
  if (text_in(head.program) != program)
    return fail(fmt::format("it was written by version {}", text_in(head.program)));
  return {};
}

JournalOwner owner_in(const JournalHead& head) {
  return {.host = text_in(head.host),
          .program = text_in(head.program),
          .boot_id = text_in(head.boot_id),
          .started = head.started};
}

bool is_settled(const JournalHead& head) {
  if (head.missing_since.load(std::memory_order_relaxed) != 0) return false;
  for (std::size_t log = 0; log < kJournalLogs; ++log) {
    const SpscPositions& positions = head.positions[log];
    if (positions.head.load(std::memory_order_acquire) != positions.tail.load(std::memory_order_acquire) ||
        positions.lost.load(std::memory_order_relaxed) != head.lost_seen[log].load(std::memory_order_relaxed))
      return false;
  }
  return true;
}

// 0600, whatever it was; a link leads nowhere.
Result<FileDescriptor> open_file(const std::filesystem::path& path, int flags) {
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0600));
  if (!file) return fail_errno("cannot open " + quoted(path), errno);
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return fail_errno("cannot stat " + quoted(path), errno);
  if (!S_ISREG(info.st_mode)) return fail(quoted(path) + " is no regular file: remove it");
  if ((info.st_mode & 07777) != 0600 && ::fchmod(file.get(), 0600) != 0)
    return fail_errno("cannot change the mode of " + quoted(path), errno);
  return file;
}

Result<std::byte*> map(int file, std::size_t size, const std::filesystem::path& path) {
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) return fail_errno("cannot map " + quoted(path), errno);
  return static_cast<std::byte*>(memory);
}

Status allocate(int file, std::size_t size, const std::filesystem::path& path) {
  int problem = ::ftruncate(file, static_cast<off_t>(size)) == 0
                    ? ::posix_fallocate(file, 0, static_cast<off_t>(size))
                    : errno;
  if (problem == 0) return {};
  return fail_errno(fmt::format("cannot allocate {} KiB for the journal {} (free some of the disk's room)",
                                size / 1024, quoted(path)),
                    problem);
}

// One call writes it, so that a kill leaves the whole of the old or of the new.
Status write_head(int file, Bytes head, const std::filesystem::path& path) {
  ssize_t n = ::pwrite(file, head.data(), head.size(), 0);
  if (n != static_cast<ssize_t>(head.size()) || ::fsync(file) != 0)
    return fail_errno("cannot write the journal " + quoted(path), n < 0 ? errno : EIO);
  return {};
}

}  // namespace

std::size_t journal_size(const JournalShape& shape) {
  std::size_t size = kPage;
  for (const LogShape& log : shape) size += size_of(log);
  return size;
}

Result<JournalFile> JournalFile::open(const std::filesystem::path& path, const JournalShape& shape,
                                      std::string_view program) {
  ANCHORD_TRY_ASSIGN(auto file, open_file(path, 0));
  struct stat info{};
  const std::size_t size = journal_size(shape);
  if (::fstat(file.get(), &info) != 0) return fail_errno("cannot stat " + quoted(path), errno);
  if (info.st_size != static_cast<off_t>(size))
    return fail(fmt::format("it has {} bytes instead of {}", info.st_size, size));
  // A file with holes could meet a full disk at a store.
  ANCHORD_TRY(allocate(file.get(), size, path));
  ANCHORD_TRY_ASSIGN(auto memory, map(file.get(), size, path));
  JournalFile out(path, memory, size, shape);
  ANCHORD_TRY(check(out.head(), shape, program));
  return out;
}

Result<JournalFile> JournalFile::make(const std::filesystem::path& path, const JournalShape& shape,
                                      const JournalOwner& owner, UnixSeconds missing_since) {
  ANCHORD_TRY_ASSIGN(auto file, open_file(path, O_CREAT));
  const std::size_t size = journal_size(shape);
  ANCHORD_TRY(allocate(file.get(), size, path));
  alignas(JournalHead) std::array<std::uint8_t, kPage> page{};
  JournalHead& head = *new (page.data()) JournalHead;
  fill_in(head, shape, owner);
  head.missing_since = missing_since;
  ANCHORD_TRY(write_head(file.get(), page, path));
  sync_folder(path.parent_path());
  ANCHORD_TRY_ASSIGN(auto memory, map(file.get(), size, path));
  return JournalFile(path, memory, size, shape);
}

JournalFile::~JournalFile() {
  if (memory_ != nullptr) ::munmap(memory_, size_);
}

JournalOwner JournalFile::owner() const {
  return owner_in(head());
}

std::byte* JournalFile::records(std::size_t log) {
  std::size_t at = kPage;
  for (std::size_t before = 0; before < log; ++before) at += size_of(shape_[before]);
  return memory_ + at;
}

bool JournalFile::settled() const {
  return is_settled(head());
}

Status JournalFile::take_over(const JournalOwner& owner) {
  ANCHORD_TRY_ASSIGN(auto file, open_file(path_, 0));
  JournalHead fresh;
  fill_in(fresh, shape_, owner);
  Bytes checked(reinterpret_cast<const std::uint8_t*>(&fresh), kChecked + sizeof(fresh.checksum));
  return write_head(file.get(), checked, path_);
}

Result<JournalFacts> look_at_journal(const std::filesystem::path& path) {
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!file) return fail_errno("cannot open " + quoted(path), errno);
  alignas(JournalHead) std::array<std::uint8_t, sizeof(JournalHead)> page{};
  ssize_t n = read_fully(file.get(), page);
  if (n < 0) return fail_errno("cannot read " + quoted(path), errno);
  const auto& head = *std::launder(reinterpret_cast<const JournalHead*>(page.data()));
  if (Status good = check_head(head); !good)
    return std::unexpected(std::move(good.error()).within("the journal " + quoted(path)));
  return JournalFacts{.owner = owner_in(head), .settled = is_settled(head)};
}

std::filesystem::path journal_folder(const std::filesystem::path& state) {
  return state / "journal";
}

Result<std::vector<std::filesystem::path>> journals_in(const std::filesystem::path& state) {
  std::vector<std::filesystem::path> out;
  std::error_code problem;
  std::filesystem::directory_iterator files(journal_folder(state), problem);
  if (problem == std::errc::no_such_file_or_directory) return out;
  for (; !problem && files != std::filesystem::directory_iterator(); files.increment(problem))
    if (files->path().filename().string().starts_with(kPrefix)) out.push_back(files->path());
  if (problem)
    return fail(fmt::format("cannot read {}: {}", quoted(journal_folder(state)), problem.message()));
  std::ranges::sort(out);
  if (out.size() > kMaxJournals)
    return fail(fmt::format("{} holds {} journals: remove those that no shard writes",
                            quoted(journal_folder(state)), out.size()));
  return out;
}

std::string boot_id() {
  auto text = read_file("/proc/sys/kernel/random/boot_id", 64);
  if (!text) return "";
  std::string out(as_text(*text));
  while (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

}  // namespace anchord::store

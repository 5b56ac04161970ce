#include "backup/sealed_file.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <limits>

#include "anchord/base/file.h"
#include "anchord/base/reader.h"
#include "anchord/base/writer.h"
#include "anchord/crypto/random.h"
#include "database/no_rights.h"
#include "database/temporary_folder.h"

namespace anchord::store {
namespace {

constexpr std::string_view kMagic = "ANCHBKUP";

void copy_to(MutableBytes room, Bytes bytes) {
  assert(room.size() == bytes.size());
  std::ranges::copy(bytes, room.begin());
}

}  // namespace

SealedHeaderBytes write_sealed_header(const SealedHeader& header) {
  SealedHeaderBytes out{};
  Writer writer(out);
  writer.text(kMagic);
  writer.u16(kSealedVersion);
  writer.u8(header.cost.log2_n);
  writer.u8(header.cost.r);
  writer.u8(header.cost.p);
  writer.bytes(header.salt);
  writer.bytes(header.nonce);
  writer.bytes(header.cluster_id);
  auto time = static_cast<std::uint64_t>(header.made_at);
  writer.u32(static_cast<std::uint32_t>(time >> 32));
  writer.u32(static_cast<std::uint32_t>(time));
  assert(writer.ok() && writer.size() == kSealedHeader);
  return out;
}

Result<SealedHeader> read_sealed_header(Bytes bytes) {
  Reader reader(bytes);
  Bytes magic = reader.take(kMagic.size(), "magic");
  if (as_text(magic) != kMagic) return fail("it is not a backup of Anchord");
  std::uint16_t version = reader.u16("version");
  if (reader.ok() && version != kSealedVersion)
    return fail(
        fmt::format("it was made by a newer Anchord (its version is {}, this one knows {}): upgrade "
                    "this Anchord",
                    version, kSealedVersion));
  SealedHeader header;
  header.cost.log2_n = reader.u8("N");
  header.cost.r = reader.u8("r");
  header.cost.p = reader.u8("p");
  Bytes salt = reader.take(header.salt.size(), "salt");
  Bytes nonce = reader.take(header.nonce.size(), "nonce");
  Bytes id = reader.take(header.cluster_id.size(), "cluster id");
  std::uint64_t high = reader.u32("time");
  header.made_at = static_cast<UnixSeconds>(high << 32 | reader.u32("time"));
  if (!reader.ok()) return fail("it is cut off: use another backup");
  copy_to(header.salt, salt);
  copy_to(header.nonce, nonce);
  copy_to(header.cluster_id, id);
  return header;
}

Result<ChunkSeal> ChunkSeal::make(const SealedHeader& header, Bytes passphrase) {
  ANCHORD_TRY_ASSIGN(auto key, crypto::scrypt(passphrase, header.salt, header.cost, crypto::kAeadKey));
  return ChunkSeal{crypto::Aead(key.bytes()), write_sealed_header(header), header.nonce};
}

crypto::AeadNonce ChunkSeal::next_nonce(bool last) {
  crypto::AeadNonce out{};
  Writer writer(out);
  writer.bytes(nonce);
  writer.u32(number++);
  writer.u8(last ? 1 : 0);
  return out;
}

// --- writing

namespace {

constexpr std::string_view kAside = ".new-";

void remove_left_beside(const std::filesystem::path& file) {
  const std::string prefix = file.filename().string() + std::string(kAside);
  std::error_code problem;
  const std::filesystem::path folder = file.parent_path().empty() ? "." : file.parent_path();
  for (std::filesystem::directory_iterator at(folder, problem), end; !problem && at != end;
       at.increment(problem)) {
    struct stat info{};
    if (!is_temporary_name(at->path().filename().string(), prefix)) continue;
    FileDescriptor left(::open(at->path().c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (left && ::fstat(left.get(), &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == ::geteuid() &&
        ::flock(left.get(), LOCK_EX | LOCK_NB) == 0)
      ::unlink(at->path().c_str());
  }
}

}  // namespace

SealedWriter::SealedWriter(std::filesystem::path file, std::string aside, FileDescriptor fd, ChunkSeal seal)
    : file_(std::move(file)), aside_(std::move(aside)), fd_(std::move(fd)), seal_(std::move(seal)) {
  chunk_.reserve(kSealedChunk + crypto::kAeadTag);
}

SealedWriter::~SealedWriter() {
  if (!aside_.empty()) ::unlink(aside_.c_str());
}

Result<SealedWriter> SealedWriter::create(const std::filesystem::path& file, SealedHeader header,
                                          Bytes passphrase) {
  crypto::fill_random(header.salt);
  crypto::fill_random(header.nonce);
  ANCHORD_TRY_ASSIGN(auto seal, ChunkSeal::make(header, passphrase));
  struct stat there{};
  if (::stat(file.c_str(), &there) == 0 && !S_ISREG(there.st_mode))
    return fail("cannot write " + quoted(file) + ": it is no ordinary file; name another place");
  remove_left_beside(file);
  std::string aside = file.string() + std::string(kAside) + "XXXXXX";
  FileDescriptor fd(::mkostemp(aside.data(), O_CLOEXEC));
  // Held while it is written: one that nobody holds was left by a killed command.
  if (!fd || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
    return fail_at("cannot create a file beside " + quoted(file), errno,
                   std::filesystem::absolute(file).parent_path());
  SealedWriter writer(file, std::move(aside), std::move(fd), std::move(seal));
  ANCHORD_TRY(writer.put(writer.seal_.in_the_clear));
  return writer;
}

Status SealedWriter::put(Bytes bytes) {
  if (int problem = write_all(fd_.get(), bytes); problem != 0)
    return fail_errno("cannot write " + quoted(file_), problem);
  return {};
}

Status SealedWriter::put_chunk(bool last) {
  if (seal_.number == std::numeric_limits<std::uint32_t>::max())
    return fail(quoted(file_) + " would be larger than a backup can be");
  chunk_.resize(chunk_.size() + crypto::kAeadTag);
  seal_.aead.seal(seal_.next_nonce(last), seal_.in_the_clear, chunk_);
  auto done = put(chunk_);
  chunk_.clear();
  return done;
}

Status SealedWriter::write(Bytes content) {
  while (!content.empty()) {
    // A full chunk stays until more comes: it may be the last one.
    if (chunk_.size() == kSealedChunk) ANCHORD_TRY(put_chunk(false));
    Bytes part = content.first(std::min(content.size(), kSealedChunk - chunk_.size()));
    chunk_.insert(chunk_.end(), part.begin(), part.end());
    content = content.subspan(part.size());
  }
  return {};
}

Status SealedWriter::finish() {
  ANCHORD_TRY(put_chunk(true));
  if (::fsync(fd_.get()) != 0 || ::rename(aside_.c_str(), file_.c_str()) != 0)
    return fail_errno("cannot write " + quoted(file_), errno);
  aside_.clear();
  sync_folder(file_.parent_path().empty() ? "." : file_.parent_path());
  return {};
}

// --- reading

SealedReader::SealedReader(std::filesystem::path file, FileDescriptor fd, const SealedHeader& header,
                           ChunkSeal seal, std::uint64_t size)
    : file_(std::move(file)), fd_(std::move(fd)), header_(header), seal_(std::move(seal)), size_(size) {}

Result<SealedReader> SealedReader::open(const std::filesystem::path& file, Bytes passphrase) {
  FileDescriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return fail_errno("cannot open " + quoted(file), errno);
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return fail_errno("cannot read " + quoted(file), errno);
  if (!S_ISREG(info.st_mode)) return fail(quoted(file) + " is not a file");
  SealedHeaderBytes bytes;
  ssize_t count = read_fully(fd.get(), bytes);
  if (count < 0) return fail_errno("cannot read " + quoted(file), errno);
  auto header = read_sealed_header(Bytes(bytes).first(static_cast<std::size_t>(count)));
  if (!header) return std::unexpected(std::move(header.error()).within(quoted(file)));
  auto seal = ChunkSeal::make(*header, passphrase);
  if (!seal) return std::unexpected(std::move(seal.error()).within(quoted(file)));
  return SealedReader(file, std::move(fd), *header, std::move(*seal),
                      static_cast<std::uint64_t>(info.st_size));
}

Result<Bytes> SealedReader::next() {
  std::uint64_t left = size_ - std::min(at_, size_);
  bool first = at_ == kSealedHeader;
  if (left == 0 && !first) return Bytes{};
  std::size_t count =
      static_cast<std::size_t>(std::min<std::uint64_t>(left, kSealedChunk + crypto::kAeadTag));
  chunk_.resize(count);
  ssize_t filled = read_fully(fd_.get(), chunk_);
  if (filled < 0) return fail_errno("cannot read " + quoted(file_), errno);
  bool good = static_cast<std::size_t>(filled) == count && count >= crypto::kAeadTag &&
              seal_.aead.open(seal_.next_nonce(left == count), seal_.in_the_clear, chunk_);
  if (!good && first)
    return fail(quoted(file_) + " does not open: the passphrase is wrong, or the file is damaged or cut off");
  if (!good)
    return fail(fmt::format("{} is damaged or cut off in the {} bytes behind byte {}: use another backup",
                            quoted(file_), count, at_));
  at_ += count;
  return Bytes(chunk_).first(count - crypto::kAeadTag);
}

}  // namespace anchord::store

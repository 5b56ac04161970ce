// Sealed files: every change to them is noticed.
#include "backup/sealed_file.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <functional>

#include "fixture.h"

namespace anchord::store {
namespace {

constexpr std::size_t kWholeChunk = kSealedChunk + crypto::kAeadTag;
const Bytes kSealPassphrase = as_bytes("a passphrase");
const SealedHeader kHeader{.cost = {4, 1, 1}, .cluster_id = {1, 2, 3}, .made_at = 1700000000};

// A pattern in which no two chunks are alike.
Buffer content_of(std::size_t size) {
  Buffer out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(i * 7 + i / 1000);
  return out;
}

class SealedFile : public testing::Test {
 protected:
  Buffer seal(const Buffer& content, std::size_t piece = 100'000) {
    auto writer = SealedWriter::create(file_, kHeader, kSealPassphrase).value();
    for (std::size_t at = 0; at < content.size(); at += piece)
      EXPECT_TRUE(writer.write(Bytes(content).subspan(at, std::min(piece, content.size() - at))));
    EXPECT_TRUE(writer.finish());
    std::ifstream in(file_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write(const Buffer& bytes) { std::ofstream(file_, std::ios::binary) << as_text(bytes); }
  Result<Buffer> unseal(Bytes passphrase = kSealPassphrase) {
    auto reader = SealedReader::open(file_, passphrase);
    if (!reader) return std::unexpected(reader.error());
    Buffer out;
    for (;;) {
      auto chunk = reader->next();
      if (!chunk) return std::unexpected(chunk.error());
      if (chunk->empty()) return out;
      out.insert(out.end(), chunk->begin(), chunk->end());
    }
  }
  // Changed like this, nothing must come out of it that ends well.
  void expect_noticed(Buffer bytes, const std::function<void(Buffer&)>& change, const std::string& what) {
    change(bytes);
    write(bytes);
    auto content = unseal();
    ASSERT_FALSE(content) << what;
    expect_text(content.error().text, {"'" + file_.string() + "'"});
  }

  Folder folder_;
  fs::path file_ = folder_.path / "sealed";
};

TEST_F(SealedFile, GivesBackWhatWasPutIn) {
  for (std::size_t size :
       {std::size_t{0}, std::size_t{1}, kSealedChunk - 1, kSealedChunk, kSealedChunk + 1, 3 * kSealedChunk}) {
    Buffer content = content_of(size);
    Buffer sealed = seal(content);
    std::size_t chunks = std::max<std::size_t>(1, (size + kSealedChunk - 1) / kSealedChunk);
    EXPECT_EQ(sealed.size(), kSealedHeader + size + chunks * crypto::kAeadTag);
    auto again = unseal();
    ASSERT_TRUE(again) << again.error().text;
    EXPECT_EQ(*again, content) << size;
  }
}

TEST_F(SealedFile, IsForTheOwnerAlone) {
  seal(content_of(10));
  struct stat info{};
  ASSERT_EQ(::stat(file_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
}

TEST_F(SealedFile, HeaderIsAsDocumented) {
  Buffer sealed = seal(content_of(10));
  EXPECT_EQ(as_text(Bytes(sealed).first(8)), "ANCHBKUP");
  EXPECT_EQ(to_hex(Bytes(sealed).subspan(8, 5)), "0001040101");
  EXPECT_EQ(to_hex(Bytes(sealed).subspan(36, 16)), "01020300000000000000000000000000");
  EXPECT_EQ(to_hex(Bytes(sealed).subspan(52, 8)), "000000006553f100");
  auto header = read_sealed_header(sealed);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->cost, kHeader.cost);
  EXPECT_EQ(header->made_at, kHeader.made_at);
}

TEST_F(SealedFile, TwoOfTheSameContentHaveNothingInCommon) {
  Buffer first = seal(content_of(1000)), second = seal(content_of(1000));
  EXPECT_FALSE(same_bytes(Bytes(first).subspan(13, 23), Bytes(second).subspan(13, 23)));
  EXPECT_FALSE(same_bytes(Bytes(first).subspan(60, 16), Bytes(second).subspan(60, 16)));
}

TEST_F(SealedFile, WrongPassphraseIsSaid) {
  seal(content_of(1000));
  for (std::string_view wrong : {"", "a passphrasE", "a passphrase ", "A passphrase"}) {
    auto content = unseal(as_bytes(wrong));
    ASSERT_FALSE(content);
    expect_text(content.error().text, {"passphrase is wrong"});
  }
}

TEST_F(SealedFile, EveryBitOfTheHeaderCounts) {
  const Buffer sealed = seal(content_of(1000));
  for (std::size_t bit = 0; bit < kSealedHeader * 8; ++bit)
    expect_noticed(
        sealed, [&](Buffer& bytes) { bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8); },
        "bit " + std::to_string(bit));
}

TEST_F(SealedFile, EveryChunkCounts) {
  const Buffer sealed = seal(content_of(2 * kSealedChunk + 1000));
  for (std::size_t chunk = 0; chunk < 3; ++chunk) {
    std::size_t begin = kSealedHeader + chunk * kWholeChunk;
    std::size_t size = std::min(kWholeChunk, sealed.size() - begin);
    for (std::size_t at : {begin, begin + size / 2, begin + size - crypto::kAeadTag, begin + size - 1})
      expect_noticed(sealed, [&](Buffer& bytes) { bytes[at] ^= 0x80; }, "byte " + std::to_string(at));
  }
}

TEST_F(SealedFile, CuttingOffIsNoticedEverywhere) {
  const Buffer sealed = seal(content_of(2 * kSealedChunk + 1000));
  for (std::size_t size : {std::size_t{0}, std::size_t{7}, std::size_t{8}, kSealedHeader - 1, kSealedHeader,
                           kSealedHeader + 1, kSealedHeader + kWholeChunk - 1, kSealedHeader + kWholeChunk,
                           kSealedHeader + kWholeChunk + 1, kSealedHeader + 2 * kWholeChunk,
                           kSealedHeader + 2 * kWholeChunk + crypto::kAeadTag, sealed.size() - 1})
    expect_noticed(sealed, [&](Buffer& bytes) { bytes.resize(size); }, "size " + std::to_string(size));
}

TEST_F(SealedFile, AppendingAndReorderingAreNoticed) {
  const Buffer sealed = seal(content_of(3 * kSealedChunk));
  auto chunk = [&](std::size_t i) {
    return sealed.begin() + static_cast<std::ptrdiff_t>(kSealedHeader + i * kWholeChunk);
  };
  expect_noticed(sealed, [&](Buffer& bytes) { bytes.push_back(0); }, "a byte more");
  expect_noticed(
      sealed, [&](Buffer& bytes) { bytes.insert(bytes.end(), crypto::kAeadTag, 0); }, "a tag more");
  expect_noticed(
      sealed, [&](Buffer& bytes) { bytes.insert(bytes.end(), chunk(2), chunk(3)); }, "the last one twice");
  expect_noticed(
      sealed,
      [&](Buffer& bytes) {
        std::swap_ranges(bytes.begin() + (chunk(0) - sealed.begin()),
                         bytes.begin() + (chunk(1) - sealed.begin()),
                         bytes.begin() + (chunk(1) - sealed.begin()));
      },
      "two exchanged");
  expect_noticed(
      sealed,
      [&](Buffer& bytes) {
        bytes.erase(bytes.begin() + (chunk(1) - sealed.begin()), bytes.begin() + (chunk(2) - sealed.begin()));
      },
      "one left out");
  const Buffer other = seal(content_of(3 * kSealedChunk));
  expect_noticed(
      sealed,
      [&](Buffer& bytes) {
        std::copy_n(other.begin() + static_cast<std::ptrdiff_t>(kSealedHeader), kWholeChunk,
                    bytes.begin() + static_cast<std::ptrdiff_t>(kSealedHeader));
      },
      "another file's chunk");
}

TEST_F(SealedFile, HostileCostsAreRefusedBeforeTheyCost) {
  Buffer sealed = seal(content_of(10));
  for (auto [at, value] :
       {std::pair{10, 31}, std::pair{10, 255}, std::pair{10, 0}, std::pair{11, 0}, std::pair{12, 0}}) {
    Buffer hostile = sealed;
    hostile[static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(value);
    write(hostile);
    auto content = unseal();
    ASSERT_FALSE(content);
    expect_text(content.error().text, {"scrypt"});
  }
}

TEST_F(SealedFile, OtherFilesAreNamedAsSuch) {
  write(to_buffer(as_bytes("SQLite format 3")));
  expect_text(unseal().error().text, {"not a backup"});
  Buffer newer = seal(content_of(10));
  newer[9] = 2;
  write(newer);
  expect_text(unseal().error().text, {"newer Anchord"});
  file_ = folder_.path;
  expect_text(unseal().error().text, {"is not a file"});
  file_ = folder_.path / "none";
  expect_text(unseal().error().text, {"cannot open"});
}

TEST_F(SealedFile, UnfinishedOneLeavesWhatWasThere) {
  Buffer before = seal(content_of(10));
  {
    auto writer = SealedWriter::create(file_, kHeader, kSealPassphrase).value();
    EXPECT_TRUE(writer.write(content_of(2 * kSealedChunk)));
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path), {}), 1);
  EXPECT_EQ(unseal().value(), content_of(10));
}

TEST_F(SealedFile, FullDiskIsSaidAndLeavesNothing) {
  pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{kSealedChunk, kSealedChunk};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    auto writer = SealedWriter::create(file_, kHeader, kSealPassphrase);
    bool failed = writer && (!writer->write(content_of(2 * kSealedChunk)) || !writer->finish());
    writer = fail("");
    ::_exit(failed ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(fs::is_empty(folder_.path));
}

}  // namespace
}  // namespace anchord::store

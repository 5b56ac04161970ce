// A file of any size under a passphrase: a header in the clear, then chunks of AES-256-GCM,
// numbered and with the last one marked, so that no chunk can be changed, left out, moved
// or added unnoticed (the STREAM construction). The format is described in
// docs/formats.md ("backup").
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "anchord/base/bytes.h"
#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/base/file_descriptor.h"
#include "anchord/crypto/aead.h"
#include "anchord/crypto/scrypt.h"

namespace anchord::store {

constexpr std::uint16_t kSealedVersion = 1;
constexpr std::size_t kSealedHeader = 60;
constexpr std::size_t kSealedChunk = std::size_t{1} << 20;  // of content; its tag comes on top

// What anybody can read of the file. Changing it breaks every chunk.
struct SealedHeader {
  crypto::ScryptCost cost = crypto::kScryptCost;
  std::array<std::uint8_t, 16> salt{};
  std::array<std::uint8_t, 7> nonce{};  // the first bytes of each chunk's
  std::array<std::uint8_t, 16> cluster_id{};
  UnixSeconds made_at = 0;
};

using SealedHeaderBytes = std::array<std::uint8_t, kSealedHeader>;
SealedHeaderBytes write_sealed_header(const SealedHeader& header);
// Errors say what the file is instead.
Result<SealedHeader> read_sealed_header(Bytes bytes);

// The key's and the chunks' state, common to both directions.
struct ChunkSeal {
  crypto::Aead aead;
  SealedHeaderBytes in_the_clear;
  std::array<std::uint8_t, 7> nonce;
  std::uint32_t number = 0;

  static Result<ChunkSeal> make(const SealedHeader& header, Bytes passphrase);
  crypto::AeadNonce next_nonce(bool last);
};

// Written aside, mode 0600, and gone again unless finished.
class SealedWriter {
 public:
  // Salt and nonce of `header` are chosen here.
  static Result<SealedWriter> create(const std::filesystem::path& file, SealedHeader header,
                                     Bytes passphrase);
  SealedWriter(SealedWriter&&) = default;
  ~SealedWriter();

  Status write(Bytes content);
  Status finish();  // the file is then in its place, and on the disk

 private:
  SealedWriter(std::filesystem::path file, std::string aside, FileDescriptor fd, ChunkSeal seal);
  Status put(Bytes bytes);
  Status put_chunk(bool last);

  std::filesystem::path file_;
  std::string aside_;  // empty: nothing to take away
  FileDescriptor fd_;
  ChunkSeal seal_;
  Buffer chunk_;  // what is not written yet: at most kSealedChunk bytes
};

class SealedReader {
 public:
  static Result<SealedReader> open(const std::filesystem::path& file, Bytes passphrase);

  const SealedHeader& header() const { return header_; }
  std::uint64_t size() const { return size_; }
  std::uint64_t done() const { return at_; }

  // The next chunk's content, checked; empty at the end. Valid until the next call.
  Result<Bytes> next();

 private:
  SealedReader(std::filesystem::path file, FileDescriptor fd, const SealedHeader& header, ChunkSeal seal,
               std::uint64_t size);

  std::filesystem::path file_;
  FileDescriptor fd_;
  SealedHeader header_;
  ChunkSeal seal_;
  std::uint64_t size_;
  std::uint64_t at_ = kSealedHeader;
  Buffer chunk_;
};

}  // namespace anchord::store

// The memory of certificate records, shared by all indexes of one origin.
//
// Records are laid one behind the other into large chunks and never move. A general
// allocator would round a record of a kilobyte up by a tenth; here it is rounded to
// four bytes. A chunk is a huge page where the kernel has one: among a million records
// a lookup would else wait for where its record's page is, and then for the record.
// A freed record's room is used again for one of just its size; when sizes do not come
// back and free room adds up, scattered() says so, and the index moves to a new pool.
// Chunks are returned when the pool goes.
//
// A record is named by a Reference of 32 bits, half a pointer. at() may be called
// from any thread for a reference that came with an index; the rest takes a lock.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <vector>

#include "anchord/base/bytes.h"
#include "anchord/index/certificate_index.h"

namespace anchord::index {

using Reference = std::uint32_t;

inline Reference reference_of(Entry entry) {
  return Reference{entry.reference_high} << 16 | entry.reference_low;
}

inline Entry make_entry(std::uint16_t tag, Reference reference) {
  return {tag, static_cast<std::uint16_t>(reference), static_cast<std::uint16_t>(reference >> 16)};
}

class RecordPool {
 public:
  RecordPool();
  ~RecordPool();
  RecordPool(const RecordPool&) = delete;
  RecordPool& operator=(const RecordPool&) = delete;

  // A record that nobody holds yet.
  Reference add(const CertificateChange& put, std::uint16_t name_partition, std::uint16_t serial_partition);

  const CertificateRecord& at(Reference reference) const {
    const std::byte* chunk = chunks_.get()[reference >> kOffsetBits];
    const std::size_t offset = (reference & kOffsetMask) * kUnit;
    return *std::launder(reinterpret_cast<const CertificateRecord*>(chunk + offset));
  }

  // Asks for all of a record of about `bytes` at once. It is about to be read from
  // end to end, and is likely to be in no cache: line after line would be slower.
  void prefetch(Reference reference, std::size_t bytes) const {
    const std::byte* record = address(reference);
    bytes = std::min(bytes + CertificateRecord::kHeader, kMaxPrefetch);
    for (std::size_t i = 0; i < bytes; i += 64) __builtin_prefetch(record + i);
  }

  // A partition holds the records that it lists; released by the last one that
  // does, a record is freed.
  void hold(std::span<const Entry> entries);
  void release(std::span<const Entry> entries);

  static std::size_t room_of(const CertificateRecord& record);  // in bytes

  // Bytes that no record uses: what is left of the newest chunk, freed records, and
  // what the pool itself takes.
  std::size_t idle() const;

  // Whether freed records take so much room that laying all anew is worth its cost.
  bool scattered() const;

 private:
  static constexpr std::size_t kUnit = 4;  // records are aligned to and sized in units
  static constexpr unsigned kOffsetBits = 19;
  static constexpr Reference kOffsetMask = (Reference{1} << kOffsetBits) - 1;
  static constexpr std::size_t kChunk = kUnit << kOffsetBits;  // 2 MiB: a huge page
  static constexpr std::size_t kFirstChunk = kChunk / 16;      // a small index stays small
  static constexpr std::size_t kMaxChunks = std::size_t{1} << (32 - kOffsetBits);  // 16 GiB in all
  static constexpr std::size_t kTolerated = 2 * kChunk;  // freed room that is never worth it
  static constexpr std::size_t kMaxPrefetch = 2048;      // what is longer follows by itself
  static constexpr Reference kNone = ~Reference{0};

  struct Free {
    void operator()(std::byte** chunks) const { std::free(chunks); }
  };

  std::byte* address(Reference reference) const {
    return chunks_.get()[reference >> kOffsetBits] + (reference & kOffsetMask) * kUnit;
  }
  Reference take(std::size_t units);
  void give_back(Reference reference);
  void add_chunk(std::size_t bytes);

  // Room for all chunks from the start: readers look into it while chunks are added.
  // From calloc, so that what is not needed stays untouched.
  std::unique_ptr<std::byte*, Free> chunks_;

  mutable std::mutex mutex_;  // over all below
  std::size_t count_ = 0;
  std::size_t chunk_end_ = 0;  // of the newest chunk, in units
  std::size_t chunk_at_ = 0;
  std::size_t reserved_ = 0;
  std::size_t used_ = 0;
  std::size_t freed_ = 0;
  std::vector<Reference> free_;  // by size in units: the first of a list through the free rooms
};

}  // namespace anchord::index

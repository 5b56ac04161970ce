#include "record_pool.h"

#include <sys/mman.h>

#include <cassert>
#include <cstring>
#include <limits>

#if defined(__SANITIZE_ADDRESS__)
#define ANCHORD_POISON_RECORDS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ANCHORD_POISON_RECORDS 1
#endif
#endif

#ifdef ANCHORD_POISON_RECORDS
#include <sanitizer/asan_interface.h>
#endif

namespace anchord::index {
namespace {

// The address sanitizer knows nothing of rooms in a chunk unless it is told.
void poison([[maybe_unused]] const void* room, [[maybe_unused]] std::size_t bytes) {
#ifdef ANCHORD_POISON_RECORDS
  __asan_poison_memory_region(room, bytes);
#endif
}

void unpoison([[maybe_unused]] const void* room, [[maybe_unused]] std::size_t bytes) {
#ifdef ANCHORD_POISON_RECORDS
  __asan_unpoison_memory_region(room, bytes);
#endif
}

void copy(std::uint8_t* to, Bytes from) {
  if (!from.empty()) std::memcpy(to, from.data(), from.size());
}

}  // namespace

RecordPool::RecordPool() : chunks_(static_cast<std::byte**>(std::calloc(kMaxChunks, sizeof(std::byte*)))) {
  if (!chunks_) throw std::bad_alloc();
}

RecordPool::~RecordPool() {
  assert(used_ == 0);
  for (std::size_t i = 0; i < count_; ++i)
    ::operator delete(chunks_.get()[i], std::align_val_t{i == 0 ? kFirstChunk : kChunk});
}

std::size_t RecordPool::room_of(const CertificateRecord& record) {
  const std::size_t bytes = CertificateRecord::kHeader + record.role_count() + record.der_size_;
  return (bytes + kUnit - 1) / kUnit * kUnit;
}

Reference RecordPool::add(const CertificateChange& put, std::uint16_t name_partition,
                          std::uint16_t serial_partition) {
  static_assert(alignof(CertificateRecord) == kUnit);
  static_assert(sizeof(CertificateRecord) == (CertificateRecord::kHeader + kUnit - 1) / kUnit * kUnit);
  assert(put.der.size() <= kMaxDer && put.roles.size() <= kMaxRoles);
  const std::size_t bytes = CertificateRecord::kHeader + put.roles.size() + put.der.size();
  const std::size_t units = (bytes + kUnit - 1) / kUnit;

  std::lock_guard lock(mutex_);
  const Reference reference = take(units);
  auto* record = new (address(reference)) CertificateRecord;
  record->ttl_ = put.ttl;
  record->der_size_ = static_cast<std::uint16_t>(put.der.size());
  record->holders_ = 0;
  record->name_partition_ = name_partition;
  record->serial_partition_ = serial_partition;
  record->role_count_ =
      static_cast<std::uint8_t>(put.roles.size() | (put.ends ? CertificateRecord::kEnds : 0u));
  auto* tail = reinterpret_cast<std::uint8_t*>(record) + CertificateRecord::kHeader;
  copy(tail, put.roles);
  copy(tail + put.roles.size(), put.der);
  return reference;
}

void RecordPool::hold(std::span<const Entry> entries) {
  std::lock_guard lock(mutex_);
  for (Entry entry : entries) {
    auto& record = *reinterpret_cast<CertificateRecord*>(address(reference_of(entry)));
    // As many versions of one partition are never alive: kMaxLiveViews is far less.
    assert(record.holders_ < std::numeric_limits<std::uint16_t>::max());
    ++record.holders_;
  }
}

void RecordPool::release(std::span<const Entry> entries) {
  std::lock_guard lock(mutex_);
  for (Entry entry : entries) {
    auto& record = *reinterpret_cast<CertificateRecord*>(address(reference_of(entry)));
    assert(record.holders_ > 0);
    if (--record.holders_ == 0) give_back(reference_of(entry));
  }
}

std::size_t RecordPool::idle() const {
  std::lock_guard lock(mutex_);
  return reserved_ - used_ + sizeof(*this) + count_ * sizeof(std::byte*) +
         free_.capacity() * sizeof(Reference);
}

bool RecordPool::scattered() const {
  std::lock_guard lock(mutex_);
  return freed_ > kTolerated && freed_ > used_ / 4;
}

Reference RecordPool::take(std::size_t units) {
  // Here and not in give_back(), which must not fail.
  if (free_.size() <= units) free_.resize(units + 1, kNone);
  if (free_[units] == kNone && chunk_end_ - chunk_at_ < units) add_chunk(count_ == 0 ? kFirstChunk : kChunk);

  used_ += units * kUnit;
  if (free_[units] != kNone) {
    const Reference reference = free_[units];
    unpoison(address(reference), units * kUnit);
    std::memcpy(&free_[units], address(reference), sizeof(Reference));
    freed_ -= units * kUnit;
    return reference;
  }
  const auto reference = static_cast<Reference>(((count_ - 1) << kOffsetBits) + chunk_at_);
  chunk_at_ += units;
  unpoison(address(reference), units * kUnit);
  return reference;
}

void RecordPool::give_back(Reference reference) {
  const std::size_t bytes = room_of(at(reference));
  const std::size_t units = bytes / kUnit;
  std::memcpy(address(reference), &free_[units], sizeof(Reference));
  free_[units] = reference;
  used_ -= bytes;
  freed_ += bytes;
  poison(address(reference), bytes);
}

void RecordPool::add_chunk(std::size_t bytes) {
  static_assert(kFirstChunk >= CertificateRecord::kHeader + kMaxRoles + kMaxDer + kUnit);
  if (count_ == kMaxChunks) throw std::bad_alloc();
  auto* chunk = static_cast<std::byte*>(::operator new(bytes, std::align_val_t{bytes}));
  if (bytes == kChunk) ::madvise(chunk, bytes, MADV_HUGEPAGE);  // without one it is only slower
  poison(chunk, bytes);
  chunks_.get()[count_++] = chunk;
  reserved_ += bytes;
  chunk_at_ = 0;
  chunk_end_ = bytes / kUnit;
}

}  // namespace anchord::index

// All certificates that the service vouches for, found by their DER, by name or by serial
// number.
//
// An index never changes: with() makes the next one, which shares with this one
// every partition and every record that the change does not touch. A lookup takes no
// lock, does no atomic read-modify-write and allocates nothing. Copying an index
// costs one reference count; do it where snapshots are made, not where they are read.
//
// Records are valid as long as any index that holds them. Different threads may
// read, copy, change and drop their own indexes, of one origin or not, at any time.
//
// Fails only with std::bad_alloc. A DER or a list of roles over the limits below is
// the caller's bug: certificates are checked when they enter the store.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "anchord/base/bytes.h"

namespace anchord::index {

// The limits of a TVS message (docs/formats.md): what is longer could neither be
// asked for nor be answered with.
constexpr std::size_t kMaxDer = 0xffff;
constexpr std::size_t kMaxRoles = 16;

class CertificateRecord {
 public:
  Bytes der() const { return {tail() + role_count(), der_size_}; }
  Bytes roles() const { return {tail(), role_count()}; }  // as stored, in their order
  std::uint32_t ttl() const { return ttl_; }              // seconds
  // Whether it is vouched for only as long as it is valid by its own dates.
  bool ends() const { return (role_count_ & kEnds) != 0; }

  CertificateRecord(const CertificateRecord&) = delete;
  CertificateRecord& operator=(const CertificateRecord&) = delete;

 private:
  friend class RecordPool;
  friend class CertificateIndex;

  // Fields are as narrow as they can be, and roles and DER begin right behind the
  // last one: with a million certificates every byte here is a megabyte.
  static constexpr std::size_t kHeader = 13;

  static constexpr std::uint8_t kEnds = 0x80;  // in role_count_: of the rest there are kMaxRoles

  CertificateRecord() = default;
  std::size_t role_count() const { return role_count_ & static_cast<std::uint8_t>(~kEnds); }
  const std::uint8_t* tail() const { return reinterpret_cast<const std::uint8_t*>(this) + kHeader; }

  std::uint32_t ttl_;
  std::uint16_t der_size_;
  std::uint16_t holders_;           // partitions that list this record; the pool's
  std::uint16_t name_partition_;    // where the record is listed by name
  std::uint16_t serial_partition_;  // and by serial number
  std::uint8_t role_count_;         // and kEnds
};

// What a table says of a record: 16 bits of the hash that it is found by, and which
// one it is. Six bytes: the record's number is in two halves for that.
struct Entry {
  std::uint16_t tag;
  std::uint16_t reference_low;
  std::uint16_t reference_high;
};

struct CertificateChange {
  enum class Kind { put, remove };

  Kind kind = Kind::put;
  Bytes der;
  // For `put` only; a certificate that is there already is replaced.
  Bytes roles = {};
  std::uint32_t ttl = 0;
  std::uint64_t name_key = 0;
  std::uint64_t serial_key = 0;
  bool ends = false;  // CertificateRecord::ends()
};

// The key of a certificate's name: its normalised issuer and its serial number. Leading
// zero bytes of that are of no account, here and below.
std::uint64_t name_key(std::string_view normal_issuer, Bytes serial);

// The key of a serial number alone.
std::uint64_t serial_key(Bytes serial);

class CertificateIndex {
 public:
  // XXH3 finds, comparing the whole DER decides. nullptr when it is not there.
  const CertificateRecord* find(Bytes der) const;

  // A certificate put under `key` for which is_it(record) holds, or nullptr. is_it
  // compares the whole issuer and serial: it is also asked, rarely, about
  // certificates with another key.
  template <class IsIt>
  const CertificateRecord* find_named(std::uint64_t key, IsIt&& is_it) const {
    for (Entry entry : named(key)) {
      const CertificateRecord& candidate = record(entry);
      if (is_it(candidate)) return &candidate;
    }
    return nullptr;
  }

  // Calls visit(record) for each certificate put under the serial number's key, and rarely
  // for one with another key, until that is false. There may be as many as there are
  // certificates: the caller bounds its work.
  template <class Visit>
  void for_serial(std::uint64_t key, Visit&& visit) const {
    for (Entry entry : with_serial(key)) {
      if (!visit(record(entry))) return;
    }
  }

  // The index after `changes`, applied in their order. Removing what is not there
  // changes nothing. Costs what the touched partitions cost; but when changes have
  // left much room unused, one of them makes the whole index anew.
  CertificateIndex with(std::span<const CertificateChange> changes) const;

  std::size_t size() const;

  // In no particular order.
  template <class Call>
  void for_each(Call&& call) const {
    for (std::size_t i = 0; i < kPartitions; ++i) {
      for (Entry entry : listed(i)) call(record(entry));
    }
  }

  struct Memory {
    std::size_t der = 0;       // the certificates' own bytes
    std::size_t overhead = 0;  // all other memory: headers, tables, what allocators round up, and free room
  };
  Memory memory() const;

  static constexpr std::size_t kPartitions = 1024;  // by DER; as many again by name and by serial

 private:
  struct State;
  explicit CertificateIndex(std::shared_ptr<const State> state) : state_(std::move(state)) {}

  std::span<const Entry> named(std::uint64_t key) const;
  std::span<const Entry> with_serial(std::uint64_t key) const;
  std::span<const Entry> listed(std::size_t partition) const;
  const CertificateRecord& record(Entry entry) const;

  std::shared_ptr<const State> state_;  // null while empty

 public:
  CertificateIndex() = default;
};

}  // namespace anchord::index

#include "anchord/index/certificate_index.h"

#include <xxhash.h>

#include <algorithm>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "anchord/base/serial_number.h"
#include "directory.h"
#include "partition.h"
#include "record_pool.h"

namespace anchord::index {
namespace {

// A hash's top bits, as many as are used: the partition, then the tag.
using HashPrefix = std::uint32_t;
constexpr unsigned kTagBits = 16;
constexpr unsigned kUnusedBits = 64 - kPartitionBits - kTagBits;

HashPrefix prefix_of(std::uint64_t hash) {
  return static_cast<HashPrefix>(hash >> kUnusedBits);
}
HashPrefix prefix_of_der(Bytes der) {
  return prefix_of(XXH3_64bits(der.data(), der.size()));
}
std::uint16_t partition_of(HashPrefix prefix) {
  return static_cast<std::uint16_t>(prefix >> kTagBits);
}
std::uint16_t tag_of(HashPrefix prefix) {
  return static_cast<std::uint16_t>(prefix);
}

struct KeyedChange {
  HashPrefix prefix;
  const CertificateChange* change;  // into the caller's list: addresses are in its order
};

// To one of the two tables that list what the table by DER holds.
struct ListChange {
  HashPrefix prefix;  // when removed: of the partition, with no tag
  Reference reference;
  bool removed;
};

struct ListChanges {
  std::vector<ListChange> by_name;
  std::vector<ListChange> by_serial;
};

Entry entry_of(const ListChange& coming) {
  return make_entry(tag_of(coming.prefix), coming.reference);
}

// Records that no partition holds yet: where there is no memory for one they go.
class FreshRecords {
 public:
  FreshRecords(RecordPool& pool, std::size_t most) : pool_(pool) { entries_.reserve(most); }
  ~FreshRecords() { pool_.release(entries_); }
  FreshRecords(const FreshRecords&) = delete;
  FreshRecords& operator=(const FreshRecords&) = delete;

  // At most as often as was said.
  Reference add(const CertificateChange& put, std::uint16_t name_partition, std::uint16_t serial_partition) {
    const Reference reference = pool_.add(put, name_partition, serial_partition);
    entries_.push_back(make_entry(0, reference));
    pool_.hold(std::span(entries_).last(1));
    return reference;
  }

 private:
  RecordPool& pool_;
  std::vector<Entry> entries_;
};

}  // namespace

std::uint64_t name_key(std::string_view normal_issuer, Bytes serial) {
  serial = significant(serial);
  return XXH3_64bits_withSeed(serial.data(), serial.size(),
                              XXH3_64bits(normal_issuer.data(), normal_issuer.size()));
}

std::uint64_t serial_key(Bytes serial) {
  serial = significant(serial);
  return XXH3_64bits(serial.data(), serial.size());
}

struct CertificateIndex::State {
  static_assert(kPartitions == Directory<Partition>::kSize);

  std::shared_ptr<RecordPool> pool;
  Directory<Partition> by_der;     // holds the records
  Directory<Partition> by_name;    // lists the same ones, and so need not hold them
  Directory<Partition> by_serial;  // does so too
  std::size_t size = 0;
  std::size_t der_bytes = 0;
  std::size_t record_bytes = 0;
  std::size_t partition_bytes = 0;

  const CertificateRecord* find(HashPrefix prefix, Bytes der) const;
  std::vector<CertificateChange> all() const;
  ListChanges change_ders(std::span<const KeyedChange> changes, FreshRecords& fresh);
  void change_partition(std::span<const KeyedChange> changes, std::vector<Entry>& entries, ListChanges& lists,
                        FreshRecords& fresh);
  void change_run(std::span<const KeyedChange> run, std::vector<Entry>& entries, std::size_t run_begin,
                  ListChanges& lists, FreshRecords& fresh);
  void change_list(Directory<Partition>& list, std::vector<ListChange> changes);
  Partition remake(const Partition& old, const std::vector<Entry>& entries,
                   std::shared_ptr<RecordPool> owner);
  void count(const CertificateRecord& record, bool added);
};

const CertificateRecord* CertificateIndex::find(Bytes der) const {
  return state_ ? state_->find(prefix_of_der(der), der) : nullptr;
}

const CertificateRecord* CertificateIndex::State::find(HashPrefix prefix, Bytes der) const {
  for (Entry entry : by_der.at(partition_of(prefix)).with_tag(tag_of(prefix))) {
    pool->prefetch(reference_of(entry), der.size());
    const CertificateRecord& record = pool->at(reference_of(entry));
    if (same_bytes(record.der(), der)) return &record;
  }
  return nullptr;
}

CertificateIndex CertificateIndex::with(std::span<const CertificateChange> changes) const {
  if (state_ && state_->pool->scattered()) return CertificateIndex().with(state_->all()).with(changes);

  std::vector<KeyedChange> placed;
  placed.reserve(changes.size());
  for (const CertificateChange& change : changes) placed.push_back({prefix_of_der(change.der), &change});
  std::sort(placed.begin(), placed.end(), [](const KeyedChange& a, const KeyedChange& b) {
    return std::tie(a.prefix, a.change) < std::tie(b.prefix, b.change);
  });

  auto next = state_ ? std::make_shared<State>(*state_) : std::make_shared<State>();
  if (!next->pool) next->pool = std::make_shared<RecordPool>();
  FreshRecords fresh(*next->pool, changes.size());
  ListChanges lists = next->change_ders(placed, fresh);
  next->change_list(next->by_name, std::move(lists.by_name));
  next->change_list(next->by_serial, std::move(lists.by_serial));
  return CertificateIndex(std::move(next));
}

// What makes this index out of an empty one.
std::vector<CertificateChange> CertificateIndex::State::all() const {
  auto key_of = [](HashPrefix number, Entry entry) {
    return std::uint64_t{number << kTagBits | entry.tag} << kUnusedBits;
  };
  std::unordered_map<Reference, std::uint64_t> serial_keys;
  serial_keys.reserve(size);
  for (HashPrefix number = 0; number < kPartitions; ++number)
    for (Entry entry : by_serial.at(number).entries())
      serial_keys.emplace(reference_of(entry), key_of(number, entry));
  std::vector<CertificateChange> puts;
  puts.reserve(size);
  for (HashPrefix number = 0; number < kPartitions; ++number) {
    for (Entry entry : by_name.at(number).entries()) {
      const CertificateRecord& record = pool->at(reference_of(entry));
      puts.push_back({CertificateChange::Kind::put, record.der(), record.roles(), record.ttl(),
                      key_of(number, entry), serial_keys.at(reference_of(entry)), record.ends()});
    }
  }
  return puts;
}

ListChanges CertificateIndex::State::change_ders(std::span<const KeyedChange> changes, FreshRecords& fresh) {
  ListChanges lists;
  std::vector<Directory<Partition>::Replacement> replacements;
  std::vector<Entry> entries;
  while (!changes.empty()) {
    const std::uint16_t number = partition_of(changes.front().prefix);
    const auto end = std::find_if(changes.begin(), changes.end(),
                                  [&](const KeyedChange& c) { return partition_of(c.prefix) != number; });
    const auto here = static_cast<std::size_t>(end - changes.begin());
    entries.clear();
    change_partition(changes.first(here), entries, lists, fresh);
    replacements.push_back({number, remake(by_der.at(number), entries, pool)});
    changes = changes.subspan(here);
  }
  by_der = by_der.with(std::move(replacements));
  return lists;
}

// Merges what the partition has with the changes to it, tag by tag.
void CertificateIndex::State::change_partition(std::span<const KeyedChange> changes,
                                               std::vector<Entry>& entries, ListChanges& lists,
                                               FreshRecords& fresh) {
  const std::span<const Entry> before = by_der.at(partition_of(changes.front().prefix)).entries();
  auto at = before.begin();
  while (!changes.empty()) {
    const HashPrefix prefix = changes.front().prefix;
    const auto end = std::find_if(changes.begin(), changes.end(),
                                  [&](const KeyedChange& c) { return c.prefix != prefix; });
    const auto here = static_cast<std::size_t>(end - changes.begin());
    while (at != before.end() && at->tag < tag_of(prefix)) entries.push_back(*at++);
    const std::size_t run_begin = entries.size();
    while (at != before.end() && at->tag == tag_of(prefix)) entries.push_back(*at++);
    change_run(changes.first(here), entries, run_begin, lists, fresh);
    changes = changes.subspan(here);
  }
  entries.insert(entries.end(), at, before.end());
}

// All of `run` has one prefix. entries[run_begin..] are those that were there already.
void CertificateIndex::State::change_run(std::span<const KeyedChange> run, std::vector<Entry>& entries,
                                         std::size_t run_begin, ListChanges& lists, FreshRecords& fresh) {
  for (std::size_t i = 0; i < run.size(); ++i) {
    const CertificateChange& change = *run[i].change;
    // The last change to a certificate decides; so none touches what another one of these made.
    const bool superseded =
        std::any_of(run.begin() + static_cast<std::ptrdiff_t>(i) + 1, run.end(),
                    [&](const KeyedChange& later) { return same_bytes(later.change->der, change.der); });
    if (superseded) continue;

    const auto old =
        std::find_if(entries.begin() + static_cast<std::ptrdiff_t>(run_begin), entries.end(),
                     [&](const Entry& e) { return same_bytes(pool->at(reference_of(e)).der(), change.der); });
    if (old != entries.end()) {
      const CertificateRecord& record = pool->at(reference_of(*old));
      lists.by_name.push_back({HashPrefix{record.name_partition_} << kTagBits, reference_of(*old), true});
      lists.by_serial.push_back({HashPrefix{record.serial_partition_} << kTagBits, reference_of(*old), true});
      count(record, false);
      entries.erase(old);
    }
    if (change.kind == CertificateChange::Kind::put) {
      const HashPrefix name = prefix_of(change.name_key);
      const HashPrefix serial = prefix_of(change.serial_key);
      const Reference reference = fresh.add(change, partition_of(name), partition_of(serial));
      lists.by_name.push_back({name, reference, false});
      lists.by_serial.push_back({serial, reference, false});
      count(pool->at(reference), true);
      entries.push_back(make_entry(tag_of(run[i].prefix), reference));
    }
  }
}

void CertificateIndex::State::change_list(Directory<Partition>& list, std::vector<ListChange> changes) {
  // By partition: first what goes, by reference, then what comes, by tag.
  std::sort(changes.begin(), changes.end(), [](const ListChange& a, const ListChange& b) {
    return std::tuple(partition_of(a.prefix), !a.removed, a.prefix, a.reference) <
           std::tuple(partition_of(b.prefix), !b.removed, b.prefix, b.reference);
  });
  std::vector<Directory<Partition>::Replacement> replacements;
  std::vector<Entry> entries;
  for (auto it = changes.begin(); it != changes.end();) {
    const std::uint16_t number = partition_of(it->prefix);
    const auto end = std::find_if(it, changes.end(),
                                  [&](const ListChange& c) { return partition_of(c.prefix) != number; });
    const auto coming = std::find_if(it, end, [](const ListChange& c) { return !c.removed; });
    auto next = coming;
    entries.clear();
    for (Entry entry : list.at(number).entries()) {
      for (; next != end && tag_of(next->prefix) < entry.tag; ++next) entries.push_back(entry_of(*next));
      const bool goes = std::binary_search(
          it, coming, ListChange{0, reference_of(entry), true},
          [](const ListChange& a, const ListChange& b) { return a.reference < b.reference; });
      if (!goes) entries.push_back(entry);
    }
    for (; next != end; ++next) entries.push_back(entry_of(*next));
    replacements.push_back({number, remake(list.at(number), entries, nullptr)});
    it = end;
  }
  list = list.with(std::move(replacements));
}

Partition CertificateIndex::State::remake(const Partition& old, const std::vector<Entry>& entries,
                                          std::shared_ptr<RecordPool> owner) {
  Partition made(entries, std::move(owner));
  partition_bytes += made.memory() - old.memory();
  return made;
}

void CertificateIndex::State::count(const CertificateRecord& record, bool added) {
  const auto sign = added ? std::size_t{1} : ~std::size_t{0};
  size += sign;
  der_bytes += sign * record.der().size();
  record_bytes += sign * RecordPool::room_of(record);
}

std::size_t CertificateIndex::size() const {
  return state_ ? state_->size : 0;
}

CertificateIndex::Memory CertificateIndex::memory() const {
  if (!state_) return {};
  return {state_->der_bytes, state_->record_bytes - state_->der_bytes + state_->partition_bytes +
                                 3 * Directory<Partition>::kMemory + sizeof(State) + state_->pool->idle()};
}

std::span<const Entry> CertificateIndex::named(std::uint64_t key) const {
  if (!state_) return {};
  const HashPrefix prefix = prefix_of(key);
  return state_->by_name.at(partition_of(prefix)).with_tag(tag_of(prefix));
}

std::span<const Entry> CertificateIndex::with_serial(std::uint64_t key) const {
  if (!state_) return {};
  const HashPrefix prefix = prefix_of(key);
  return state_->by_serial.at(partition_of(prefix)).with_tag(tag_of(prefix));
}

std::span<const Entry> CertificateIndex::listed(std::size_t partition) const {
  if (!state_) return {};
  return state_->by_der.at(partition).entries();
}

const CertificateRecord& CertificateIndex::record(Entry entry) const {
  return state_->pool->at(reference_of(entry));
}

}  // namespace anchord::index

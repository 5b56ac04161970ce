// Lists that phones were given, and who may hold which of them.
#include <algorithm>
#include <array>
#include <map>

#include "anchord/index/file_table.h"
#include "guard.h"
#include "impl.h"

namespace anchord::store {
namespace {

// Of each name, whoever holds them: what was given last may not be in the ledger yet.
constexpr int kKeptOfAName = 16;

// Lines that name phones name this many.
constexpr std::size_t kNamed = 3;

// A version is of bytes, whatever their name.
std::uint64_t version_of(Bytes content) {
  return index::version_of({.header = {}, .content = index::Blob(to_buffer(content))});
}

// Not what was just put: with a clock that went back it may not be among the newest.
Status drop_old(Database& database) {
  return execute(database,
                 R"(DELETE FROM handed_out WHERE rowid IN (
                      SELECT rowid FROM (
                        SELECT rowid, row_number() OVER (PARTITION BY name
                                                         ORDER BY built_at DESC, rowid DESC) AS place
                        FROM handed_out)
                      WHERE place > ?)
                    AND rowid <> last_insert_rowid()
                    AND version NOT IN (SELECT version FROM ledger_given UNION SELECT unsure FROM ledger_given))",
                 kKeptOfAName);
}

// What one device may hold of one kind, as versions; 0 is none.
struct MayHold {
  std::array<std::uint64_t, 2> versions{};
  std::size_t count = 0;

  MayHold(std::uint64_t given, std::uint64_t unsure) : versions{given, unsure}, count(unsure != 0 ? 2 : 1) {}
  std::span<const std::uint64_t> all() const { return {versions.data(), count}; }
};

class Grouping {
 public:
  explicit Grouping(std::vector<HandedOut> kept) {
    for (HandedOut& list : kept) contents_.emplace(list.version, std::move(list.content));
    contents_.emplace(0, Buffer());
  }

  void add(std::string_view device, const MayHold& ctl, const MayHold& itl) {
    ++all_.devices;
    bool unknown = false;
    for (std::uint64_t its_ctl : ctl.all())
      for (std::uint64_t its_itl : itl.all()) {
        if (contents_.contains(its_ctl) && contents_.contains(its_itl)) {
          count(groups_[{its_ctl, its_itl}], device);
        } else {
          unknown = true;
        }
      }
    if (unknown) count(all_.unknown, device);
  }

  AllHolders finish() && {
    for (auto& [versions, group] : groups_) {
      group.ctl = contents_.find(versions.first)->second;
      group.itl = contents_.find(versions.second)->second;
      all_.groups.push_back(std::move(group));
    }
    return std::move(all_);
  }

 private:
  template <class Counted>
  static void count(Counted& counted, std::string_view device) {
    ++counted.count;
    if (counted.first.size() < kNamed) counted.first.emplace_back(device);
  }

  std::map<std::uint64_t, Buffer> contents_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, trust::Holders> groups_;
  AllHolders all_;
};

Result<std::vector<HandedOut>> read_handed_out(Database& database) {
  std::vector<HandedOut> lists;
  Statement row(database,
                "SELECT name, version, built_at, content FROM handed_out ORDER BY built_at DESC, rowid DESC");
  while (row.next()) {
    HandedOut list{std::string(row.text(0)), static_cast<std::uint64_t>(row.integer(1)), row.integer(2),
                   to_buffer(row.blob(3))};
    // The database's pages carry no checksums: a list that no phone holds must not be judged.
    if (version_of(list.content) == list.version) lists.push_back(std::move(list));
  }
  if (!row.ok()) return row.failure();
  return lists;
}

}  // namespace

Status keep_handed_out(Database& database, std::string_view name, Bytes content, UnixSeconds built_at) {
  auto done = execute(database, R"(INSERT OR REPLACE INTO handed_out (name, version, built_at, content)
                                   VALUES (?, ?, ?, ?))",
                      name, version_of(content), built_at, content);
  if (done) done = drop_old(database);
  return done;
}

Status keep_list(Store& store, std::string_view name, Bytes content, UnixSeconds now) {
  Database& database = Inside::database(store);
  {
    Statement newest(
        database, "SELECT version FROM handed_out WHERE name = ? ORDER BY built_at DESC, rowid DESC LIMIT 1",
        name);
    if (newest.next() && static_cast<std::uint64_t>(newest.integer(0)) == version_of(content)) return {};
    if (!newest.ok()) return newest.failure();
  }
  auto writing = Transaction::write(database);
  if (!writing) return std::unexpected(writing.error());
  if (auto done = keep_handed_out(database, name, content, now); !done) return done;
  return writing->commit();
}

Result<std::vector<HandedOut>> handed_out_lists(Store& store) {
  return read_handed_out(Inside::database(store));
}

Result<AllHolders> read_holders(Database& database) {
  auto kept = read_handed_out(database);
  if (!kept) return std::unexpected(kept.error());
  Grouping grouping(std::move(*kept));
  Statement row(database, R"(
    SELECT ledger.device, ifnull(ctl.version, 0), ifnull(ctl.unsure, 0), ifnull(itl.version, 0),
      ifnull(itl.unsure, 0)
    FROM ledger
      LEFT JOIN ledger_given AS ctl ON ctl.device = ledger.device AND ctl.kind = ?
      LEFT JOIN ledger_given AS itl ON itl.device = ledger.device AND itl.kind = ?
    ORDER BY ledger.device)",
                static_cast<int>(Given::ctl), static_cast<int>(Given::itl));
  auto number = [&](int column) { return static_cast<std::uint64_t>(row.integer(column)); };
  while (row.next()) grouping.add(row.text(0), {number(1), number(2)}, {number(3), number(4)});
  if (!row.ok()) return row.failure();
  return std::move(grouping).finish();
}

Result<AllHolders> holders(Store& store) {
  Database& database = Inside::database(store);
  auto reading = Transaction::read(database);
  if (!reading) return std::unexpected(reading.error());
  return read_holders(database);
}

}  // namespace anchord::store

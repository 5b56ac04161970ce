// The ledger's rows: between the database and LedgerEntry.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "anchord/store/ledger.h"
#include "database/sqlite.h"

namespace anchord::store {

// "0000000000000000 00f1e2d3c4b5a697", sorted; text that is none gives {kUnkeptList}.
std::string versions_text(const std::vector<trust::ListVersion>& versions);
std::vector<trust::ListVersion> versions_from_text(std::string_view text);

// One device's row, read and written many times in one transaction.
class LedgerRows {
 public:
  explicit LedgerRows(Database& database);

  Result<std::optional<LedgerEntry>> read(std::string_view device);
  Status write(const LedgerEntry& entry);
  Status write_delivered(std::string_view device, DeliveredKind kind, const DeliveredFile& given);

 private:
  Statement read_;
  Statement write_;
  Statement write_given_;
};

// Reads the entry of a device, or of all with an empty name, with what is unrecorded for it.
Result<std::vector<LedgerEntry>> read_entries(Database& database, std::string_view device = {});

// Lists that a phone may hold since records are missing, worked out once for all.
class Gaps {
 public:
  // Those of `without` are left out.
  static Result<Gaps> read(Database& database, std::span<const LedgerGap> without = {});
  trust::Unrecorded of(const LedgerEntry& entry) const;
  std::int64_t last() const { return last_; }  // its number; 0: there is none
  // The number of the last that had ended, as all before it had, before this time.
  std::int64_t last_before(UnixSeconds time) const;

 private:
  struct Gap {
    std::int64_t number = 0;
    LedgerGap gap;
    trust::Unrecorded lists;  // the cluster's that were served in it
  };
  std::vector<Gap> gaps_;
  std::int64_t last_ = 0;
};

// The names of devices that the cluster expects: the phones table and the folders of the state directory.
Result<std::set<std::string>> read_expected(Database& database, const std::filesystem::path& state);

// Makes room for those who are known: unproven names beyond kMaxUnproven go, oldest first.
Status forget_unproven(Database& database, const std::filesystem::path& state);

}  // namespace anchord::store

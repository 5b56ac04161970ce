// The tables that all hosts of a cluster have alike, as the engine has them: a key and a value for each row,
// readable with etcdctl. What a transaction changes in them is recorded by triggers that live as long as it.
//
// A key is "<table>/<primary key>". A value is a JSON object of the columns: numbers, texts and null as they
// are, bytes as {"b":"<base64>"}, texts that are no UTF-8 as {"t":"<base64>"}.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "anchord/base/error.h"
#include "database/sqlite.h"

namespace anchord::store {

// A row as it is from now on; without a value it is gone.
struct SharedRow {
  std::string key;
  std::optional<std::string> value;

  bool is_of(std::string_view table) const {
    return key.size() > table.size() && key.starts_with(table) && key[table.size()] == '/';
  }
  // Behind the table: for `identities` the name of the key's file.
  std::string_view primary_key() const { return std::string_view(key).substr(key.find('/') + 1); }
};

// Records, in the open write transaction, which rows are changed from here on.
Status begin_capture(Database& database);
// The changed rows as they are now, those that are gone first; recording ends.
Result<std::vector<SharedRow>> end_capture(Database& database);

// All rows that there are.
Result<std::vector<SharedRow>> read_shared_rows(Database& database);

// Makes the rows so, in the open write transaction. Fails, and nothing of the transaction may stay then, when
// one is of no table that is known here, or not what such a row can be: somebody else wrote it, or a newer
// version.
Status put_shared_rows(Database& database, const std::vector<SharedRow>& rows);

// What makes the tables from what they are into `rows`, all of them. Lists that were issued only come: a host
// may have kept some of its own, which phones hold.
Result<std::vector<SharedRow>> difference_to(Database& database, std::map<std::string, std::string> rows);

// A text of a row that was read; none: it is no such row.
std::optional<std::string> text_in_row(std::string_view value, std::string_view column);
std::optional<std::string> bytes_in_row(std::string_view value, std::string_view column);

}  // namespace anchord::store

#include "replica/rows.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <ranges>
#include <set>
#include <tuple>

#include "anchord/base/printable.h"
#include "anchord/crypto/base64.h"

namespace anchord::store {
namespace {

using OrderedJson = nlohmann::ordered_json;

struct SharedTable {
  std::string_view name;
  std::string_view key;      // of a row; {0} is where it is
  std::string_view where;    // finds the row by its key, ?1
  std::string_view besides;  // a column that SELECT * does not give
  std::string_view local;    // a column that is every host's own
};

// A certificate's rowid is its place among the others, which is the same on all hosts.
constexpr std::array kTables{
    SharedTable{"cluster", "'1'", "id = ?1", "", "change_counter"},
    SharedTable{"hosts", "{0}position", "position = ?1", "", ""},
    SharedTable{"identities", "{0}key_file", "key_file = ?1", "", ""},
    SharedTable{"certificates", "{0}rowid", "rowid = ?1", "rowid", ""},
    SharedTable{"phones", "{0}name", "name = ?1", "", ""},
    SharedTable{"lists", "{0}name", "name = ?1", "", ""},
    SharedTable{"issued_lists", "{0}version || ':' || {0}name",
                "version = CAST(?1 AS INTEGER) AND name = substr(?1, instr(?1, ':') + 1)", "", ""},
    SharedTable{"recovery_lists", "{0}name", "name = ?1", "", ""},
    SharedTable{"former_keys", "{0}sha256", "sha256 = ?1", "", ""},
    SharedTable{"audit", "{0}id", "id = ?1", "", ""},
};

const SharedTable* find_table(std::string_view key) {
  const std::string_view name = key.substr(0, key.find('/'));
  const auto found = std::ranges::find(kTables, name, &SharedTable::name);
  return found == kTables.end() || name.size() == key.size() ? nullptr : &*found;
}

std::string key_of(const SharedTable& table, std::string_view where) {
  return fmt::format(fmt::runtime(table.key), where);
}

// Those that are shared, in their order.
Result<std::vector<std::string>> columns_of(Database& database, const SharedTable& table) {
  std::vector<std::string> out;
  if (!table.besides.empty()) out.emplace_back(table.besides);
  Statement row(database, "SELECT name FROM pragma_table_info(?) ORDER BY cid", table.name);
  while (row.next())
    if (row.text(0) != table.local) out.emplace_back(row.text(0));
  if (!row.ok()) return row.failure();
  return out;
}

std::string comma_between(const std::vector<std::string>& columns) {
  std::string out;
  for (const std::string& column : columns) out += (out.empty() ? "" : ", ") + column;
  return out;
}

std::string_view text_of(const Buffer& bytes) {
  return as_text(bytes);
}

OrderedJson json_of(const SqlValue& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
  if (const auto* bytes = std::get_if<Buffer>(&value)) return {{"b", crypto::to_base64(text_of(*bytes))}};
  if (const auto* text = std::get_if<std::string>(&value)) {
    // What is no UTF-8 is printed as something else.
    const OrderedJson as_it_is = *text;
    if (OrderedJson::parse(json_text(as_it_is), nullptr, false) == as_it_is) return as_it_is;
    return {{"t", crypto::to_base64(*text)}};
  }
  return nullptr;
}

std::optional<SqlValue> value_of(const OrderedJson& json) {
  if (json.is_null()) return nullptr;
  if (json.is_number_integer()) return json.get<std::int64_t>();
  if (json.is_string()) return json.get<std::string>();
  if (!json.is_object() || json.size() != 1 || !json.begin()->is_string()) return std::nullopt;
  auto bytes = crypto::from_base64(json.begin()->get_ref<const std::string&>());
  if (!bytes) return std::nullopt;
  if (json.begin().key() == "t") return *std::move(bytes);
  if (json.begin().key() != "b") return std::nullopt;
  return Buffer(bytes->begin(), bytes->end());
}

// An object of values; what goes deeper is none.
std::optional<OrderedJson> parse_row(std::string_view value) {
  constexpr int kDepth = 2;
  bool deep = false;
  OrderedJson row = OrderedJson::parse(
      value,
      [&](int depth, OrderedJson::parse_event_t event, const OrderedJson&) {
        if (depth > kDepth && event != OrderedJson::parse_event_t::value) deep = true;
        return !deep;
      },
      false);
  if (deep || !row.is_object()) return std::nullopt;
  return row;
}

std::string row_text(const Statement& row, const std::vector<std::string>& columns) {
  OrderedJson out = OrderedJson::object();
  for (std::size_t i = 0; i < columns.size(); ++i) out[columns[i]] = json_of(row.value(static_cast<int>(i)));
  return json_text(out);
}

std::unexpected<Error> no_such_row(const SharedRow& row, std::string_view why) {
  return fail(
      fmt::format("'{}' in the engine is no row of this version's ({}): upgrade this Anchord where another "
                  "host's is newer",
                  row.key, why));
}

// The statements that read and write one table's rows, made when the first is needed.
class TableWriter {
 public:
  static Result<TableWriter> make(Database& database, const SharedTable& table) {
    ANCHORD_TRY_ASSIGN(auto columns, columns_of(database, table));
    return TableWriter(database, table, std::move(columns));
  }

  Status remove(const SharedRow& row) {
    // The one row of `cluster` is never gone, and is changed where it is.
    if (table_->name == "cluster") return {};
    return execute(*database_, fmt::format("DELETE FROM {} WHERE {}", table_->name, table_->where),
                   row.primary_key());
  }

  Status put(const SharedRow& row) {
    ANCHORD_TRY_ASSIGN(const auto values, values_of(row));
    Statement statement(*database_, sql());
    statement.restart_with(values);
    while (statement.next()) {
    }
    if (!statement.ok()) return no_such_row(row, sqlite3_errmsg(database_->handle()));
    Statement there(
        *database_,
        fmt::format("SELECT {} FROM {} WHERE {}", key_of(*table_, ""), table_->name, table_->where),
        row.primary_key());
    if (!there.next() || there.text(0) != row.primary_key()) return no_such_row(row, "its key is another's");
    return {};
  }

 private:
  TableWriter(Database& database, const SharedTable& table, std::vector<std::string> columns)
      : database_(&database), table_(&table), columns_(std::move(columns)) {}

  std::string sql() const {
    std::string marks;
    for (std::size_t i = 0; i < columns_.size(); ++i) marks += i == 0 ? "?" : ", ?";
    if (table_->name == "cluster")
      return fmt::format("UPDATE cluster SET ({}) = ({})", comma_between(columns_), marks);
    return fmt::format("INSERT INTO {} ({}) VALUES ({})", table_->name, comma_between(columns_), marks);
  }

  Result<std::vector<SqlValue>> values_of(const SharedRow& row) const {
    const auto json = parse_row(*row.value);
    if (!json || json->size() != columns_.size()) return no_such_row(row, "other columns");
    std::vector<SqlValue> out;
    for (const std::string& column : columns_) {
      const auto found = json->find(column);
      auto value = found == json->end() ? std::nullopt : value_of(*found);
      if (!value) return no_such_row(row, "its " + column);
      out.push_back(std::move(*value));
    }
    return out;
  }

  Database* database_;
  const SharedTable* table_;
  std::vector<std::string> columns_;
};

// A phone that an administrator removed is waited for by no host.
Status forget_phone(Database& database, std::string_view device) {
  return execute(database, "UPDATE ledger SET removed = 1 WHERE device = ?", device);
}

// Behind what was recorded on another host no earlier time is right here either.
Status keep_clock(Database& database) {
  return database.run(R"(INSERT INTO clock (id, highest) SELECT 1, max(time) FROM audit WHERE true
                         ON CONFLICT DO UPDATE SET highest = max(highest, excluded.highest))");
}

Status read_rows_of(Database& database, const SharedTable& table, std::vector<SharedRow>& out) {
  ANCHORD_TRY_ASSIGN(const auto columns, columns_of(database, table));
  Statement row(database,
                fmt::format("SELECT {}, {} FROM {}", comma_between(columns), key_of(table, ""), table.name));
  const int key = static_cast<int>(columns.size());
  while (row.next()) out.push_back({fmt::format("{}/{}", table.name, row.text(key)), row_text(row, columns)});
  if (!row.ok()) return row.failure();
  return {};
}

// The changed row as it is now.
Result<SharedRow> read_row(Database& database, const SharedTable& table, const std::string& key) {
  ANCHORD_TRY_ASSIGN(const auto columns, columns_of(database, table));
  SharedRow out{fmt::format("{}/{}", table.name, key), {}};
  Statement row(database,
                fmt::format("SELECT {} FROM {} WHERE {}", comma_between(columns), table.name, table.where),
                key);
  if (row.next()) out.value = row_text(row, columns);
  if (!row.ok()) return row.failure();
  return out;
}

std::string trigger(std::string_view name, std::string_view event, std::string_view table,
                    std::string_view body) {
  return fmt::format("CREATE TEMP TRIGGER capture_{}_{} AFTER {} ON main.{} BEGIN {} END;", table, name,
                     event, table, body);
}

std::string record(const SharedTable& table, std::string_view where) {
  std::string out =
      fmt::format("INSERT INTO changed_rows VALUES ('{}', {});", table.name, key_of(table, where));
  // The bytes may be there already, by what this host alone had kept them for.
  if (table.name == "recovery_lists" && where == "new.")
    out +=
        "INSERT INTO changed_rows SELECT 'issued_lists', version || ':' || name FROM issued_lists "
        "WHERE version = new.version;";
  return out;
}

}  // namespace

Status begin_capture(Database& database) {
  std::string sql = "CREATE TEMP TABLE changed_rows (of TEXT NOT NULL, key TEXT NOT NULL);";
  for (const SharedTable& table : kTables) {
    std::string update = "UPDATE";
    if (!table.local.empty()) {
      ANCHORD_TRY_ASSIGN(const auto columns, columns_of(database, table));
      update += " OF " + comma_between(columns);
    }
    sql += trigger("added", "INSERT", table.name, record(table, "new."));
    sql += trigger("altered", update, table.name, record(table, "old.") + record(table, "new."));
    sql += trigger("removed", "DELETE", table.name, record(table, "old."));
  }
  return database.run(sql);
}

Result<std::vector<SharedRow>> end_capture(Database& database) {
  std::vector<std::pair<std::string, std::string>> changed;
  {
    Statement row(database, "SELECT DISTINCT of, key FROM changed_rows");
    while (row.next()) changed.emplace_back(row.text(0), row.text(1));
    if (!row.ok()) return row.failure();
  }
  std::string sql;
  for (const SharedTable& table : kTables)
    for (const char* name : {"added", "altered", "removed"})
      sql += fmt::format("DROP TRIGGER temp.capture_{}_{};", table.name, name);
  ANCHORD_TRY(database.run(sql + "DROP TABLE temp.changed_rows"));
  std::vector<SharedRow> out;
  for (const auto& [table, key] : changed) {
    ANCHORD_TRY_ASSIGN(auto row, read_row(database, *find_table(table + "/"), key));
    out.push_back(std::move(row));
  }
  std::ranges::partition(out, [](const SharedRow& row) { return !row.value; });
  return out;
}

Result<std::vector<SharedRow>> read_shared_rows(Database& database) {
  std::vector<SharedRow> out;
  for (const SharedTable& table : kTables) ANCHORD_TRY(read_rows_of(database, table, out));
  return out;
}

Status put_shared_rows(Database& database, const std::vector<SharedRow>& rows) {
  ANCHORD_TRY(database.run("PRAGMA defer_foreign_keys = ON"));
  std::map<std::string_view, TableWriter> writers;
  for (const SharedRow& row : rows) {
    const SharedTable* table = find_table(row.key);
    if (table == nullptr) return no_such_row(row, "its table");
    auto writer = writers.find(table->name);
    if (writer == writers.end()) {
      ANCHORD_TRY_ASSIGN(auto made, TableWriter::make(database, *table));
      writer = writers.emplace(table->name, std::move(made)).first;
    }
    ANCHORD_TRY(writer->second.remove(row));
    if (!row.value && table->name == "phones") ANCHORD_TRY(forget_phone(database, row.primary_key()));
  }
  for (const SharedRow& row : rows)
    if (row.value) ANCHORD_TRY(writers.at(find_table(row.key)->name).put(row));
  if (std::ranges::any_of(rows, [](const SharedRow& row) { return row.is_of("audit"); }))
    ANCHORD_TRY(keep_clock(database));
  return {};
}

Result<std::vector<SharedRow>> difference_to(Database& database, std::map<std::string, std::string> rows) {
  ANCHORD_TRY_ASSIGN(const auto present, read_shared_rows(database));
  std::vector<SharedRow> out;
  for (const SharedRow& row : present) {
    const auto wanted = rows.find(row.key);
    if (wanted == rows.end()) {
      if (!row.is_of("issued_lists")) out.push_back({row.key, {}});
    } else if (wanted->second == *row.value) {
      rows.erase(wanted);
    }
  }
  for (auto& [key, value] : rows) out.push_back({key, std::move(value)});
  return out;
}

std::optional<std::string> text_in_row(std::string_view value, std::string_view column) {
  const auto row = parse_row(value);
  if (!row || !row->contains(column) || !(*row)[std::string(column)].is_string()) return std::nullopt;
  return (*row)[std::string(column)].get<std::string>();
}

std::optional<std::string> bytes_in_row(std::string_view value, std::string_view column) {
  const auto row = parse_row(value);
  if (!row || !row->contains(column)) return std::nullopt;
  const auto found = value_of((*row)[std::string(column)]);
  if (!found || !std::holds_alternative<Buffer>(*found)) return std::nullopt;
  const Buffer& bytes = std::get<Buffer>(*found);
  return std::string(bytes.begin(), bytes.end());
}

}  // namespace anchord::store

#include "ledger/ledger_rows.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "anchord/base/hex.h"

namespace anchord::store {
namespace {

using trust::Belief;
using trust::ListKind;
using trust::ListVersion;

constexpr std::size_t kVersionDigits = 16;

constexpr char kColumns[] = R"(device, model, questions, last_asked, created, seen, proven,
  removed, session, address, vouched, itl_may, itl_accepted, itl_gap, itl_asked_ms, itl_given, itl_given_ms,
  itl_acted_ms, ctl_may, ctl_accepted, ctl_gap, ctl_asked_ms, ctl_given, ctl_given_ms, ctl_acted_ms, home)";
constexpr int kFirstOfKind = 11;
constexpr int kColumnsOfKind = 7;
constexpr int kHome = kFirstOfKind + kColumnsOfKind * static_cast<int>(trust::kListKinds);

std::string vouchers_text(const std::vector<Belief::Voucher>& vouchers) {
  std::string out;
  for (const Belief::Voucher& one : vouchers)
    out += fmt::format("{} {} {}\n", to_hex(one.signer), one.at, one.from);
  return out;
}

// A line that is none is left out: without it less is believed.
std::vector<Belief::Voucher> vouchers_from_text(std::string_view text) {
  std::vector<Belief::Voucher> out;
  while (!text.empty() && out.size() < Belief::kMaxVouchers) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    std::size_t first = line.find(' ');
    std::size_t second = first == line.npos ? line.npos : line.find(' ', first + 1);
    if (second == line.npos) continue;
    auto hash = from_hex(line.substr(0, first));
    Belief::Voucher one;
    if (!hash || hash->size() != one.signer.size()) continue;
    std::ranges::copy(*hash, one.signer.begin());
    std::from_chars(line.data() + first + 1, line.data() + second, one.at);
    one.from = line.substr(second + 1);
    out.push_back(std::move(one));
  }
  return out;
}

Belief::Kind kind_of(const Statement& row, int column) {
  return {.may = versions_from_text(row.text(column)),
          .asked = static_cast<Millis>(row.integer(column + 3)),
          .given = static_cast<ListVersion>(row.integer(column + 4)),
          .given_at = static_cast<Millis>(row.integer(column + 5)),
          .acted_at = static_cast<Millis>(row.integer(column + 6)),
          .accepted_at = row.integer(column + 1)};
}

void read_kind(LedgerEntry& entry, const Statement& row, std::size_t kind) {
  int column = kFirstOfKind + static_cast<int>(kind) * kColumnsOfKind;
  entry.belief.kinds[kind] = kind_of(row, column);
  entry.accepted_gap[kind] = row.integer(column + 2);
}

LedgerEntry entry_of(const Statement& row) {
  // Member by member: see Server::Impl::status().
  LedgerEntry entry;
  entry.device = row.text(0);
  entry.model = row.text(1);
  entry.questions = static_cast<std::uint64_t>(row.integer(2));
  entry.last_asked = row.integer(3);
  entry.created = row.integer(4);
  entry.seen = row.integer(5);
  entry.removed = row.integer(7) != 0;
  entry.belief.proven = row.integer(6) != 0;
  entry.belief.session = static_cast<std::uint64_t>(row.integer(8));
  entry.belief.address = row.text(9);
  entry.belief.vouched = vouchers_from_text(row.text(10));
  entry.belief.home = row.text(kHome);
  for (std::size_t kind = 0; kind < trust::kListKinds; ++kind) read_kind(entry, row, kind);
  return entry;
}

void give(LedgerEntry& entry, const Statement& row, int column) {
  auto kind = static_cast<std::size_t>(row.integer(column));
  if (kind >= kDeliveredKinds) return;  // the schema lets there be none
  entry.given[kind] = {.file = std::string(row.text(column + 1)),
                       .version = static_cast<std::uint64_t>(row.integer(column + 2)),
                       .at = row.integer(column + 3),
                       .whole = row.integer(column + 4) != 0,
                       .protocol = std::string(row.text(column + 5)),
                       .address = std::string(row.text(column + 6))};
}

}  // namespace

std::string versions_text(const std::vector<ListVersion>& versions) {
  std::string out;
  for (ListVersion version : versions) out += fmt::format("{}{:016x}", out.empty() ? "" : " ", version);
  return out;
}

std::vector<ListVersion> versions_from_text(std::string_view text) {
  std::vector<ListVersion> out;
  for (std::size_t at = 0; at < text.size(); at += kVersionDigits + 1) {
    std::string_view digits = text.substr(at, kVersionDigits);
    ListVersion version = 0;
    auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), version, 16);
    if (problem != std::errc() || end != digits.data() + kVersionDigits) return {trust::kUnkeptList};
    out.push_back(version);
  }
  std::ranges::sort(out);
  if (out.empty()) return {trust::kUnkeptList};
  return out;
}

LedgerRows::LedgerRows(Database& database)
    : read_(database, fmt::format("SELECT {} FROM ledger WHERE device = ?", kColumns)),
      // The row is updated and not replaced: rows of `ledger_given` refer to it.
      write_(database, fmt::format(R"(INSERT INTO ledger ({})
                                      VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
                                      ON CONFLICT (device) DO UPDATE SET
                                        model = excluded.model, questions = excluded.questions,
                                        last_asked = excluded.last_asked, created = excluded.created,
                                        seen = excluded.seen, proven = excluded.proven,
                                        removed = excluded.removed, session = excluded.session,
                                        address = excluded.address, vouched = excluded.vouched,
                                        itl_may = excluded.itl_may, itl_accepted = excluded.itl_accepted,
                                        itl_gap = excluded.itl_gap,
                                        itl_asked_ms = excluded.itl_asked_ms,
                                        itl_given = excluded.itl_given,
                                        itl_given_ms = excluded.itl_given_ms,
                                        itl_acted_ms = excluded.itl_acted_ms,
                                        ctl_may = excluded.ctl_may, ctl_accepted = excluded.ctl_accepted,
                                        ctl_gap = excluded.ctl_gap,
                                        ctl_asked_ms = excluded.ctl_asked_ms,
                                        ctl_given = excluded.ctl_given,
                                        ctl_given_ms = excluded.ctl_given_ms,
                                        ctl_acted_ms = excluded.ctl_acted_ms, home = excluded.home)",
                                   kColumns)),
      write_given_(database, R"(INSERT OR REPLACE INTO ledger_given
                                  (device, kind, file, version, at, whole, protocol, address)
                                VALUES (?, ?, ?, ?, ?, ?, ?, ?))") {}

Result<std::optional<LedgerEntry>> LedgerRows::read(std::string_view device) {
  read_.restart(device);
  std::optional<LedgerEntry> entry;
  if (read_.next()) entry = entry_of(read_);
  while (read_.next()) {
  }
  if (!read_.ok()) return read_.failure();
  return entry;
}

Status LedgerRows::write(const LedgerEntry& entry) {
  const Belief& belief = entry.belief;
  const Belief::Kind& itl = belief.of(ListKind::itl);
  const Belief::Kind& ctl = belief.of(ListKind::ctl);
  write_.restart(entry.device, entry.model, entry.questions, entry.last_asked, entry.created, entry.seen,
                 belief.proven, entry.removed, belief.session, belief.address, vouchers_text(belief.vouched),
                 versions_text(itl.may), itl.accepted_at, entry.accepted_gap[0], itl.asked, itl.given,
                 itl.given_at, itl.acted_at, versions_text(ctl.may), ctl.accepted_at, entry.accepted_gap[1],
                 ctl.asked, ctl.given, ctl.given_at, ctl.acted_at, belief.home);
  while (write_.next()) {
  }
  return write_.ok() ? Status() : write_.failure();
}

Status LedgerRows::write_delivered(std::string_view device, DeliveredKind kind, const DeliveredFile& given) {
  write_given_.restart(device, static_cast<int>(kind), given.file, given.version, given.at, given.whole,
                       given.protocol, given.address);
  while (write_given_.next()) {
  }
  return write_given_.ok() ? Status() : write_given_.failure();
}

Result<std::vector<LedgerEntry>> read_entries(Database& database, std::string_view device) {
  ANCHORD_TRY_ASSIGN(auto gaps, Gaps::read(database));
  std::vector<LedgerEntry> entries;
  Statement row(database,
                fmt::format("SELECT {} FROM ledger WHERE ?1 IN ('', device) ORDER BY device", kColumns),
                device);
  while (row.next()) {
    entries.push_back(entry_of(row));
    entries.back().unrecorded = gaps.of(entries.back());
  }
  if (!row.ok()) return row.failure();
  Statement given(database, R"(SELECT device, kind, file, version, at, whole, protocol, address
                               FROM ledger_given WHERE ?1 IN ('', device) ORDER BY device)",
                  device);
  auto entry = entries.begin();
  while (given.next()) {
    while (entry != entries.end() && entry->device < given.text(0)) ++entry;
    if (entry == entries.end()) break;
    if (entry->device == given.text(0)) give(*entry, given, 1);
  }
  if (!given.ok()) return given.failure();
  return entries;
}

}  // namespace anchord::store

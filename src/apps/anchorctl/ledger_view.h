// The ledger as commands show it: which phone may hold which list, and whether that is
// what is served now. One consistent reading, made for one command.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "anchord/store/ledger.h"
#include "anchord/trust/cluster.h"
#include "output.h"

namespace anchord::ctl {

enum class Holding {
  none,     // was never given one
  current,  // was given the one that is served now
  behind,   // holds an older one
  unsure,   // was given one in full and began another: holds one of the two
  unknown,  // holds one that is not kept: damaged, or of another service
};
std::string_view holding_name(Holding holding);  // "none", "current", "behind", "unsure", "unknown"

// How many phones, and the names of a few of them.
struct Some {
  static constexpr std::size_t kFirst = 5;

  std::size_t count = 0;
  std::vector<std::string> first;

  void add(const std::string& name);
  std::string text() const;  // "3: SEP…, SEP…, SEP…"; "0"
};
// "NAME": how many, and in "first" a few of their names.
void add_some(Json& out, std::string_view name, const Some& some);

class LedgerView {
 public:
  static Result<LedgerView> read(store::Store& store, const trust::Cluster& cluster);

  const std::vector<store::LedgerEntry>& entries() const { return entries_; }  // by device
  const store::LedgerEntry* find(const std::string& device) const;             // nullptr: never heard of
  const std::vector<store::HandedOut>& lists() const { return lists_; }        // newest first

  // Of the lists; which configuration is served now only the service knows.
  Holding holding(const store::LedgerEntry& entry, store::Given kind) const;
  bool is_current(const store::HandedOut& list) const;
  // Whether an ITL has nothing that phones would check files or services by.
  static bool is_empty_itl(Bytes content);
  // Certain, whatever became of transfers that were not seen to end.
  bool holds_empty_itl(const store::LedgerEntry& entry) const;

  // Of the phones in the ledger, by what they hold of a kind.
  std::map<Holding, Some> by_holding(store::Given kind) const;

 private:
  std::vector<store::LedgerEntry> entries_;
  std::vector<store::HandedOut> lists_;
  std::map<std::string, std::uint64_t> current_;  // versions, by the list's name
  std::set<std::pair<std::string, std::uint64_t>> kept_;
  std::set<std::uint64_t> empty_;  // versions of empty ITLs
};

std::string version_text(std::uint64_t version);  // as HTTP's ETag has it
Json given_json(const store::GivenFile& given);   // null when never

}  // namespace anchord::ctl

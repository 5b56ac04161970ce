// The ledger as it is shown: which phone may hold which list, and whether that is
// what is served now. One consistent reading, made for one document.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "anchord/report/json.h"
#include "anchord/store/ledger.h"
#include "anchord/trust/cluster.h"

namespace anchord::report {

enum class HeldState {
  none,      // holds no list
  accepted,  // is known to have accepted the one that is served now
  given,     // was given that one, and may hold another still
  behind,    // holds an older one
  unknown,   // may hold one that is not kept: damaged, of another service, of a time without records
};
// Whether a file is a list of that kind, the cluster's or a phone's own.
bool is_list_of(std::string_view file, trust::ListKind kind);

// The state's name in JSON: "none", "accepted", "given", "behind", "unknown".
std::string_view held_state_name(HeldState held);
// The state as people read it: "given, not known to be accepted".
std::string_view held_state_text(HeldState held);
// What would settle the state; empty when nothing is open.
std::string_view what_settles(HeldState held);
constexpr HeldState kHeldStates[] = {HeldState::accepted, HeldState::given, HeldState::behind,
                                     HeldState::unknown, HeldState::none};

// A sample of phones: how many there are, and the names of a few of them.
struct NameSample {
  static constexpr std::size_t kFirst = 5;

  std::size_t count = 0;
  std::vector<std::string> first;

  void add(const std::string& name);
  std::string text() const;  // "3: SEP…, SEP…, SEP…"; "0"
};
// Adds a sample to a document: "NAME" has how many there are, and "first" a few of their names.
void add_sample(Json& out, std::string_view name, const NameSample& sample);

class LedgerView {
 public:
  static Result<LedgerView> read(store::Store& store, const trust::Cluster& cluster);

  const std::vector<store::LedgerEntry>& entries() const { return entries_; }  // by device
  const store::LedgerEntry* find(const std::string& device) const;             // nullptr: never heard of
  const std::vector<store::IssuedList>& lists() const { return lists_; }       // newest first
  // Phones, configurations and certificates that the cluster has.
  const std::set<std::string>& expected() const { return expected_; }
  // Whether guards count it; the others are names that anybody may have invented.
  bool is_known(const store::LedgerEntry& entry) const;
  std::size_t unproven() const;
  // Expected, and never heard of.
  NameSample never_seen() const;

  HeldState held_state(const store::LedgerEntry& entry, trust::ListKind kind) const;
  bool is_current(const store::IssuedList& list) const;
  // Whether an ITL has nothing that phones would check files or services by.
  static bool is_empty_itl(Bytes content);
  // Certain, whatever became of transfers that were not seen to end.
  bool holds_empty_itl(const store::LedgerEntry& entry) const;

  // The known phones, by what they hold of a kind.
  std::map<HeldState, NameSample> by_held_state(trust::ListKind kind) const;

 private:
  trust::ListVersion current_for(const std::string& device, trust::ListKind kind) const;

  std::vector<store::LedgerEntry> entries_;
  std::vector<store::IssuedList> lists_;
  std::set<std::string> expected_;
  std::map<std::string, trust::ListVersion> own_;      // of single phones, that are served now
  std::map<std::string, trust::ListVersion> current_;  // the cluster's
  std::set<trust::ListVersion> kept_;
  std::set<trust::ListVersion> empty_;  // empty ITLs
};

// A note that phones are known by this host's ledger alone, and what would bring the rest; empty with one
// host.
std::string one_ledger_note(const trust::Cluster& cluster);

std::string version_text(std::uint64_t version);     // as HTTP's ETag has it
Json given_json(const store::DeliveredFile& given);  // null when never

}  // namespace anchord::report

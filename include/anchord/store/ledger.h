// What phones were given, and what each may hold by that (trust/belief.h): what the guards of
// dangerous changes go by.
//
// Written in batches by the service's control side, never by a shard. A version is the
// file table's (XXH3 of the bytes, index/file_table.h); for lists the bytes themselves are
// kept beside it. Times are seconds since 1970.
//
// Names in requests are claims, and anybody can invent them. A device counts in guards when it
// is *known*: it has booted as phones do (Belief::proven), or the cluster expects it (it is
// among the phones, has a configuration in provisioning/, or a certificate in devices/). The
// others are kept in a place of their own, which they cannot leave.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "anchord/store/issued_lists.h"
#include "anchord/store/store.h"
#include "anchord/trust/belief.h"
#include "anchord/trust/lifecycle.h"

namespace anchord::store {

// Devices that have booted: with more, newcomers count as unproven. No one of them is forgotten
// for another.
constexpr std::size_t kMaxLedgerDevices = 200'000;
// Names that have done nothing but ask. Beyond this, those that were silent longest go.
constexpr std::size_t kMaxUnproven = 50'000;

enum class DeliveredKind : std::uint8_t { itl, ctl, configuration };
constexpr std::size_t kDeliveredKinds = 3;

// What one device was last given of one kind.
struct DeliveredFile {
  std::string file;           // the name of what was served: "ITLFile.tlv"
  std::uint64_t version = 0;  // 0: never
  UnixSeconds at = 0;         // when
  bool whole = false;         // its last byte was acknowledged
  std::string protocol;       // "tftp", "http", "https"
  std::string address;        // whom it was given to
};

struct LedgerEntry {
  std::string device;  // phone::device_name()'s
  std::array<DeliveredFile, kDeliveredKinds> given;
  std::string model;  // as it calls itself to the verification service; may be empty
  std::uint64_t questions = 0;
  UnixSeconds last_asked = 0;
  UnixSeconds created = 0;  // first heard of
  // The last gap (below) that was known when it last accepted a list of each kind.
  std::array<std::int64_t, trust::kListKinds> accepted_gap{};
  UnixSeconds seen = 0;  // last heard of
  bool removed = false;  // by an administrator, and not heard of since
  trust::Belief belief;
  trust::Unrecorded unrecorded;  // from gaps that concern it

  DeliveredFile& of(DeliveredKind kind) { return given[static_cast<std::size_t>(kind)]; }
  const DeliveredFile& of(DeliveredKind kind) const { return given[static_cast<std::size_t>(kind)]; }
  // Versions that it may hold; kNoList among them: perhaps none.
  std::vector<trust::ListVersion> may_hold(trust::ListKind kind) const {
    return trust::may_hold(belief, kind, unrecorded);
  }
};

// What was heard of one device since the last batch. `given` with version 0 says nothing new.
struct LedgerChange {
  std::string device;
  std::array<DeliveredFile, kDeliveredKinds> given;
  std::string model;
  std::uint64_t questions = 0;  // how many more
  UnixSeconds last_asked = 0;
  UnixSeconds heard = 0;  // when the last of all this was; 0: only others were heard of, who may be this one
  std::vector<trust::Observation> seen;

  DeliveredFile& of(DeliveredKind kind) { return given[static_cast<std::size_t>(kind)]; }
};

// One transaction; moves no change counter. Devices whose names are not phones', and models
// that are no short line of text, are left out. `session` names the machine's boot, of whose
// monotonic clock the observations' times are.
Status note_in_ledger(Store& store, std::span<const LedgerChange> changes, std::uint64_t session);

Result<std::vector<LedgerEntry>> ledger(Store& store);  // by device
Result<std::size_t> ledger_size(Store& store);          // devices in it

// Says from which address a device was delivered something, at `since` or later.
struct HeardFrom {
  std::string device;
  std::string address;
  UnixSeconds at = 0;
};
Result<std::vector<HeardFrom>> heard_from(Store& store, UnixSeconds since);  // the latest last

// A time of which records may be missing: until a phone is known to have accepted a list after
// it was noted, it may hold any that was served in it. A boot that goes on across it shows nothing.
struct LedgerGap {
  UnixSeconds began = 0;  // 0: since before there was a ledger, so that names not heard of yet are concerned
  UnixSeconds ended = 0;
  std::string why;      // "the machine lost power"
  bool unkept = false;  // lists that are not kept were served, too

  bool operator==(const LedgerGap&) const = default;
};
Status note_gap(Store& store, const LedgerGap& gap);
Result<std::vector<LedgerGap>> ledger_gaps(Store& store);

// Devices that the cluster expects, whether they were ever heard of or not.
Result<std::set<std::string>> expected_devices(Store& store);

// Known phones by the lists that they may hold, every combination, and by the lists of their own
// that they would be served: what the guards go by. `unknown`: those who may hold a list that is
// not kept (damaged, of another service, or of a time of which nothing is known); they cannot
// be judged. `never_seen`: expected, and never heard of.
struct AllHolders {
  std::vector<trust::Holders> groups;
  std::size_t devices = 0;
  std::size_t unproven = 0;  // names that are not known, and do not count
  trust::Needed unknown;
  trust::Needed never_seen;
};
Result<AllHolders> holders(Store& store);

// What single devices may hold, heard of or not: every combination of a CTL and an ITL, but for those
// with a list that is not kept.
struct HeldPairs {
  using Pair = std::pair<trust::ListVersion, trust::ListVersion>;  // CTL, ITL
  std::map<std::string, std::set<Pair>> by_device;
  std::map<trust::ListVersion, Buffer> lists;  // empty: none is held
};
Result<HeldPairs> held_pairs(Store& store, const std::set<std::string>& devices);

// Takes in what another copy of the ledger knows, without losing anything. Where the copies differ, the
// later one is right only when it is later by more than `clocks_apart`: by how much the clocks
// of the two may differ, 0 when they are one.
Status merge_ledger(Store& store, std::span<const LedgerEntry> entries, std::span<const IssuedList> lists,
                    std::span<const LedgerGap> gaps, UnixSeconds clocks_apart);

}  // namespace anchord::store

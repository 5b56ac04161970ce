// Which phone was last given which lists and configuration, by whom and when: what the
// guards of dangerous changes go by.
//
// Written in batches by the service's control side, never by a shard. A version is the
// file table's (XXH3 of the bytes, index/file_table.h); for lists the bytes themselves are
// kept beside it, as long as a phone may hold them. Times are seconds since 1970.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "anchord/store/store.h"
#include "anchord/trust/lifecycle.h"

namespace anchord::store {

// Names are the peers' claims, so anybody can invent them. Beyond this, those who were
// silent longest and are not among the cluster's phones are forgotten first.
constexpr std::size_t kMaxLedgerDevices = 200'000;

enum class Given : std::uint8_t { itl, ctl, configuration };
constexpr std::size_t kGivenKinds = 3;

// What became of one kind of file for one device.
struct GivenFile {
  std::string file;           // the name of what was served: "ITLFile.tlv"
  std::uint64_t version = 0;  // last given in full; 0: never
  UnixSeconds at = 0;         // when
  std::uint64_t unsure = 0;   // begun after that and not seen to end: it may hold this one; 0: none
  std::string protocol;       // "tftp", "http", "https"
  std::string address;        // whom it was given to
};

struct LedgerEntry {
  std::string device;  // phone_name()'s
  std::array<GivenFile, kGivenKinds> given;
  std::string model;  // as it calls itself to the verification service; may be empty
  std::uint64_t questions = 0;
  UnixSeconds last_asked = 0;

  GivenFile& of(Given kind) { return given[static_cast<std::size_t>(kind)]; }
  const GivenFile& of(Given kind) const { return given[static_cast<std::size_t>(kind)]; }
};

// What has happened since the last batch, for one device. `given` with version 0 and unsure
// 0 says nothing new; one with only `unsure` keeps what was last given in full.
using LedgerChange = LedgerEntry;  // questions: how many more

// One transaction; moves no change counter. Devices whose names are not phones', and models
// that are no short line of text, are left out.
Status note_in_ledger(Store& store, std::span<const LedgerChange> changes);

Result<std::optional<LedgerEntry>> ledger_entry(Store& store, std::string_view device);
Result<std::vector<LedgerEntry>> ledger(Store& store);  // by device
Result<std::size_t> ledger_size(Store& store);          // devices in it
Status forget_in_ledger(Store& store, std::span<const std::string> devices);

// A list that was handed out, kept by version while a phone may hold it.
struct HandedOut {
  std::string name;  // "ITLFile.tlv"
  std::uint64_t version = 0;
  UnixSeconds built_at = 0;
  Buffer content;
};
// A list that one phone has for itself; the cluster's own are kept as list_for() builds them.
Status keep_list(Store& store, std::string_view name, Bytes content, UnixSeconds now);
Result<std::vector<HandedOut>> handed_out_lists(Store& store);  // newest first

// Phones by the lists that they may hold, every combination of what is sure and unsure:
// what the guards go by. `unknown`: those who hold a list that is not kept (damaged, or given by
// another service); they cannot be judged.
struct AllHolders {
  std::vector<trust::Holders> groups;
  std::size_t devices = 0;
  trust::Needed unknown;
};
Result<AllHolders> holders(Store& store);

}  // namespace anchord::store

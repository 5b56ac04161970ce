#include "anchord/report/ledger_view.h"

#include <fmt/core.h>

#include <algorithm>

#include "anchord/base/ascii.h"
#include "anchord/base/calendar.h"
#include "anchord/phone/file_kind.h"
#include "anchord/store/issued_lists.h"
#include "anchord/store/lists.h"
#include "anchord/trust/own_list.h"
#include "anchord/trust/trust_list.h"

namespace anchord::report {
namespace {

using store::DeliveredFile;
using store::IssuedList;
using store::LedgerEntry;

// The version of the cluster's list when what is saved is what would be served.
Status note_current(store::Store& store, const char* name, const trust::TrustListFields& fields,
                    std::span<const IssuedList> lists, std::map<std::string, std::uint64_t>& current) {
  current.erase(name);
  ANCHORD_TRY_ASSIGN(auto saved, saved_list(store, name));
  if (!saved || !same_bytes(saved->input_digest, trust::fields_digest(fields))) return {};
  for (const IssuedList& list : lists) {
    if (list.name == name && same_bytes(list.content, saved->content)) current[name] = list.version;
  }
  return {};
}

}  // namespace

bool is_list_of(std::string_view file, trust::ListKind kind) {
  const auto name = phone::list_name(file);
  return name && name->kind == kind;
}

std::string_view held_state_name(HeldState held) {
  switch (held) {
    case HeldState::none:
      return "none";
    case HeldState::accepted:
      return "accepted";
    case HeldState::given:
      return "given";
    case HeldState::behind:
      return "behind";
    case HeldState::unknown:
      return "unknown";
  }
  return "";
}

std::string_view held_state_text(HeldState held) {
  return held == HeldState::given ? "given, not known to be accepted" : held_state_name(held);
}

std::string_view what_settles(HeldState held) {
  switch (held) {
    case HeldState::given:
      return "a whole boot shows whether they took it: the list, the verification service, the "
             "configuration; "
             "for those that no boot settles, 'anchorctl phone recover --behind'";
    case HeldState::behind:
      return "reset them, so that they fetch the present list; 'anchorctl phone remove' for those that are "
             "gone";
    case HeldState::unknown:
      return "reset them with the verification service in reach; 'anchorctl phone remove' for those that are "
             "gone";
    case HeldState::none:
    case HeldState::accepted:
      return "";
  }
  return "";
}

void NameSample::add(const std::string& name) {
  if (count++ < kFirst) first.push_back(name);
}

std::string NameSample::text() const {
  if (count == 0) return "0";
  return fmt::format("{}: {}{}", count, joined(first, ", "), count > first.size() ? " and more" : "");
}

void add_sample(Json& out, std::string_view name, const NameSample& sample) {
  out[std::string(name)] = sample.count;
  out["first"][std::string(name)] = sample.first;
}

Result<LedgerView> LedgerView::read(store::Store& store, const trust::Cluster& cluster) {
  ANCHORD_TRY_ASSIGN(auto entries, store::ledger(store));
  ANCHORD_TRY_ASSIGN(auto lists, store::issued_lists(store));
  ANCHORD_TRY_ASSIGN(auto expected, store::expected_devices(store));
  ANCHORD_TRY_ASSIGN(auto own, store::own_list_versions(store));
  LedgerView view;
  view.entries_ = std::move(entries);
  view.lists_ = std::move(lists);
  view.expected_ = std::move(expected);
  view.own_ = std::move(own);
  for (const IssuedList& list : view.lists_) {
    view.kept_.insert(list.version);
    if (is_list_of(list.name, trust::ListKind::itl) && is_empty_itl(list.content))
      view.empty_.insert(list.version);
  }
  ANCHORD_TRY(
      note_current(store, phone::kItlFileName, trust::itl_fields(cluster), view.lists_, view.current_));
  if (cluster.has_ctl) {
    ANCHORD_TRY(
        note_current(store, phone::kCtlFileName, trust::ctl_fields(cluster), view.lists_, view.current_));
  }
  return view;
}

bool LedgerView::is_known(const LedgerEntry& entry) const {
  if (expected_.contains(entry.device)) return true;
  return entry.belief.proven && !entry.removed;
}

std::size_t LedgerView::unproven() const {
  return static_cast<std::size_t>(std::ranges::count_if(entries_, [&](const LedgerEntry& entry) {
    return !entry.belief.proven && !expected_.contains(entry.device);
  }));
}

NameSample LedgerView::never_seen() const {
  NameSample sample;
  for (const std::string& device : expected_) {
    const LedgerEntry* entry = find(device);
    if (entry == nullptr || entry->seen == 0) sample.add(device);
  }
  return sample;
}

const LedgerEntry* LedgerView::find(const std::string& device) const {
  auto at = std::ranges::lower_bound(entries_, device, {}, &LedgerEntry::device);
  return at != entries_.end() && at->device == device ? &*at : nullptr;
}

trust::ListVersion LedgerView::current_for(const std::string& device, trust::ListKind kind) const {
  auto own = own_.find(phone::own_list_file({.device = device, .kind = kind}));
  if (own != own_.end()) return own->second;
  auto current = current_.find(phone::list_file_name(kind));
  return current == current_.end() ? trust::kNoList : current->second;
}

HeldState LedgerView::held_state(const LedgerEntry& entry, trust::ListKind kind) const {
  std::vector<trust::ListVersion> may = entry.may_hold(kind);
  for (trust::ListVersion version : may)
    if (version != trust::kNoList && !kept_.contains(version)) return HeldState::unknown;
  if (may.size() == 1 && may.front() == trust::kNoList) return HeldState::none;
  trust::ListVersion current = current_for(entry.device, kind);
  if (current == trust::kNoList || !std::ranges::binary_search(may, current)) return HeldState::behind;
  return may.size() == 1 ? HeldState::accepted : HeldState::given;
}

bool LedgerView::is_current(const IssuedList& list) const {
  auto current = current_.find(list.name);
  if (current != current_.end()) return current->second == list.version;
  auto own = own_.find(list.name);
  return own != own_.end() && own->second == list.version;
}

bool LedgerView::is_empty_itl(Bytes content) {
  auto list = wire::parse_trust_list(content);
  if (!list) return false;
  return std::ranges::none_of(list->records, [](const wire::Record& record) {
    bool anchor = record.role == wire::Role::tftp || record.role == wire::Role::ccm_tftp ||
                  record.role == wire::Role::tvs;
    return anchor && (!record.certificate.empty() || !record.hash.empty());
  });
}

bool LedgerView::holds_empty_itl(const LedgerEntry& entry) const {
  return std::ranges::all_of(entry.may_hold(trust::ListKind::itl),
                             [&](trust::ListVersion version) { return empty_.contains(version); });
}

std::map<HeldState, NameSample> LedgerView::by_held_state(trust::ListKind kind) const {
  std::map<HeldState, NameSample> out;
  for (const LedgerEntry& entry : entries_)
    if (is_known(entry)) out[held_state(entry, kind)].add(entry.device);
  return out;
}

std::string one_ledger_note(const trust::Cluster& cluster) {
  if (cluster.hosts.size() == 1) return {};
  return fmt::format(
      "by the ledger of this host alone, and the cluster has {} hosts: 'anchorctl ledger export' there and "
      "'ledger import' here bring what the others know",
      cluster.hosts.size());
}

std::string version_text(std::uint64_t version) {
  return fmt::format("{:016x}", version);
}

Json given_json(const DeliveredFile& given) {
  if (given.version == 0) return {};
  return {{"file", given.file},         {"version", version_text(given.version)},
          {"at", time_text(given.at)},  {"whole", given.whole},
          {"protocol", given.protocol}, {"address", given.address}};
}

}  // namespace anchord::report

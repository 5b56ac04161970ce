#include "ledger_view.h"

#include <fmt/format.h>

#include <algorithm>

#include "anchord/trust/trust_list.h"
#include "failure.h"

namespace anchord::ctl {
namespace {

using store::Given;
using store::GivenFile;
using store::HandedOut;
using store::LedgerEntry;

bool is_list_of(std::string_view file, std::string_view prefix) {
  return file.starts_with(prefix) && file.ends_with(".tlv");
}

// The version of the cluster's list when what is saved is what would be served.
Status note_current(store::Store& store, const char* name, const trust::TrustListFields& fields,
                    std::span<const HandedOut> lists, std::map<std::string, std::uint64_t>& current) {
  current.erase(name);
  auto saved = store.saved_list(name);
  if (!saved) return failure_of(saved);
  if (!*saved || !same_bytes((*saved)->input_digest, trust::fields_digest(fields))) return {};
  for (const HandedOut& list : lists) {
    if (list.name == name && same_bytes(list.content, (*saved)->content)) current[name] = list.version;
  }
  return {};
}

}  // namespace

std::string_view holding_name(Holding holding) {
  switch (holding) {
    case Holding::none:
      return "none";
    case Holding::current:
      return "current";
    case Holding::behind:
      return "behind";
    case Holding::unsure:
      return "unsure";
    case Holding::unknown:
      return "unknown";
  }
  return "";
}

void Some::add(const std::string& name) {
  if (count++ < kFirst) first.push_back(name);
}

std::string Some::text() const {
  if (count == 0) return "0";
  return fmt::format("{}: {}{}", count, joined(first, ", "), count > first.size() ? " and more" : "");
}

void add_some(Json& out, std::string_view name, const Some& some) {
  out[std::string(name)] = some.count;
  out["first"][std::string(name)] = some.first;
}

Result<LedgerView> LedgerView::read(store::Store& store, const trust::Cluster& cluster) {
  auto entries = store::ledger(store);
  if (!entries) return failure_of(entries);
  auto lists = store::handed_out_lists(store);
  if (!lists) return failure_of(lists);
  LedgerView view;
  view.entries_ = std::move(*entries);
  view.lists_ = std::move(*lists);
  // A list that one phone has for itself: the newest.
  for (const HandedOut& list : view.lists_) {
    view.current_.try_emplace(list.name, list.version);
    view.kept_.emplace(list.name, list.version);
    if (is_list_of(list.name, "ITL") && is_empty_itl(list.content)) view.empty_.insert(list.version);
  }
  Status itl =
      note_current(store, trust::kItlFileName, trust::itl_fields(cluster), view.lists_, view.current_);
  if (!itl) return failure_of(itl);
  if (cluster.has_ctl) {
    Status ctl =
        note_current(store, trust::kCtlFileName, trust::ctl_fields(cluster), view.lists_, view.current_);
    if (!ctl) return failure_of(ctl);
  }
  return view;
}

const LedgerEntry* LedgerView::find(const std::string& device) const {
  auto at = std::ranges::lower_bound(entries_, device, {}, &LedgerEntry::device);
  return at != entries_.end() && at->device == device ? &*at : nullptr;
}

Holding LedgerView::holding(const LedgerEntry& entry, Given kind) const {
  const GivenFile& given = entry.of(kind);
  if (given.version == 0 && given.unsure == 0) return Holding::none;
  if (given.unsure != 0 && given.unsure != given.version) return Holding::unsure;
  if (!kept_.contains({given.file, given.version})) return Holding::unknown;
  auto current = current_.find(given.file);
  return current != current_.end() && current->second == given.version ? Holding::current : Holding::behind;
}

bool LedgerView::is_current(const HandedOut& list) const {
  auto current = current_.find(list.name);
  return current != current_.end() && current->second == list.version;
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
  const GivenFile& given = entry.of(Given::itl);
  return empty_.contains(given.version) && (given.unsure == 0 || empty_.contains(given.unsure));
}

std::map<Holding, Some> LedgerView::by_holding(Given kind) const {
  std::map<Holding, Some> out;
  for (const LedgerEntry& entry : entries_) out[holding(entry, kind)].add(entry.device);
  return out;
}

std::string version_text(std::uint64_t version) {
  return fmt::format("{:016x}", version);
}

Json given_json(const GivenFile& given) {
  if (given.version == 0 && given.unsure == 0) return {};
  return {{"file", given.file},
          {"version", given.version == 0 ? Json() : Json(version_text(given.version))},
          {"at", given.version == 0 ? Json() : Json(time_text(given.at))},
          {"unsure", given.unsure == 0 ? Json() : Json(version_text(given.unsure))},
          {"protocol", given.protocol},
          {"address", given.address}};
}

}  // namespace anchord::ctl

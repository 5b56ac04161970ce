#include "anchord/report/lists.h"

#include <map>

#include "anchord/base/calendar.h"
#include "anchord/wire/trust_list.h"

namespace anchord::report {

using trust::ListKind;

std::string signer_of(const store::IssuedList& list) {
  auto parsed = wire::parse_trust_list(list.content);
  return parsed ? std::string(parsed->header.signer_name) : "damaged";
}

// Every list of a kind that is kept, newest first, with those who may hold it.
std::vector<ListRow> rows_of(const LedgerView& view, ListKind kind) {
  std::vector<ListRow> rows;
  for (const store::IssuedList& list : view.lists()) {
    if (is_list_of(list.name, kind)) rows.push_back({&list, {}});
  }
  std::map<trust::ListVersion, ListRow*> by_version;
  for (ListRow& row : rows) by_version[row.list->version] = &row;
  for (const store::LedgerEntry& entry : view.entries()) {
    if (!view.is_known(entry)) continue;
    for (trust::ListVersion version : entry.may_hold(kind)) {
      auto row = by_version.find(version);
      if (row != by_version.end()) row->second->phones.add(entry.device);
    }
  }
  return rows;
}

namespace {

Json rows_json(const LedgerView& view, const std::vector<ListRow>& rows, ListKind kind) {
  Json out = Json::array();
  for (const ListRow& row : rows) {
    Json json{{"file", row.list->name},
              {"version", version_text(row.list->version)},
              {"built_at", time_text(row.list->built_at)},
              {"signer", signer_of(*row.list)},
              {"current", view.is_current(*row.list)}};
    if (kind == ListKind::itl) json["empty"] = LedgerView::is_empty_itl(row.list->content);
    json["phones"] = row.phones.count;
    json["first"] = row.phones.first;
    out.push_back(std::move(json));
  }
  return out;
}

Json kind_json(const LedgerView& view, ListKind kind) {
  auto by_held_state = view.by_held_state(kind);
  std::size_t known = 0;
  for (const auto& [held, sample] : by_held_state) known += sample.count;
  Json out{{"phones", known}, {"unproven_names", view.unproven()}};
  for (HeldState held : kHeldStates) add_sample(out, held_state_name(held), by_held_state[held]);
  add_sample(out, "never_seen", view.never_seen());
  out["lists"] = rows_json(view, rows_of(view, kind), kind);
  return out;
}

}  // namespace

Json lists_document(const LedgerView& view, const trust::Cluster& cluster) {
  Json out = kind_json(view, ListKind::itl);
  out["hosts"] = cluster.hosts.size();
  out["ctl"] = cluster.has_ctl ? kind_json(view, ListKind::ctl) : Json();
  return out;
}

}  // namespace anchord::report

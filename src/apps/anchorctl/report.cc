#include "report.h"

#include <fmt/format.h>

#include <algorithm>

#include "anchord/trust/trust_list.h"
#include "control_client.h"
#include "describe.h"
#include "failure.h"
#include "known_phones.h"
#include "ledger_view.h"
#include "output.h"

namespace anchord::ctl {
namespace {

using trust::ListKind;

// --- itl

std::string signer_of(const store::IssuedList& list) {
  auto parsed = wire::parse_trust_list(list.content);
  return parsed ? std::string(parsed->header.signer_name) : "damaged";
}

struct ListRow {
  const store::IssuedList* list;
  NameSample phones;
};

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

void print_kind(const LedgerView& view, ListKind kind) {
  std::vector<std::vector<std::string>> table{{"LIST", "VERSION", "BUILT", "STATE", "MAY HOLD IT", "SIGNER"}};
  for (const ListRow& row : rows_of(view, kind)) {
    bool empty = kind == ListKind::itl && LedgerView::is_empty_itl(row.list->content);
    std::string state = view.is_current(*row.list) ? "current" : "older";
    table.push_back({row.list->name, version_text(row.list->version), time_text(row.list->built_at),
                     empty ? state + ", empty" : state, row.phones.text(), signer_of(*row.list)});
  }
  print_table(table);
  auto by_held_state = view.by_held_state(kind);
  std::vector<std::pair<std::string, std::string>> facts;
  for (HeldState held : kHeldStates) {
    facts.emplace_back(held_state_text(held), by_held_state[held].text());
    if (by_held_state[held].count > 0 && !what_settles(held).empty())
      facts.emplace_back("", what_settles(held));
  }
  facts.emplace_back("never seen", view.never_seen().text());
  print_facts(facts);
}

Outcome report_itl(const Session& session) {
  auto store = session.open_store();
  if (!store) return failure_of(store);
  auto loaded = store->load(store::KeyUse::without_keys);
  if (!loaded) return failure_of(loaded);
  auto view = LedgerView::read(*store, loaded->cluster);
  if (!view) return failure_of(view);
  if (session.json) {
    Json out = kind_json(*view, ListKind::itl);
    out["hosts"] = loaded->cluster.hosts.size();
    out["ctl"] = loaded->cluster.has_ctl ? kind_json(*view, ListKind::ctl) : Json();
    print_json(out);
    return Answer::yes;
  }
  print_line(fmt::format("{} devices in the ledger, {} of them names that have only asked",
                         view->entries().size(), view->unproven()));
  if (std::string note = one_ledger_note(loaded->cluster); !note.empty()) print_line(note);
  if (loaded->cluster.evidence != trust::Evidence::ordinary)
    print_line(
        fmt::format("evidence is {}: not every boot settles what a phone holds, see 'anchorctl report "
                    "evidence'",
                    trust::evidence_name(loaded->cluster.evidence)));
  print_kind(*view, ListKind::itl);
  if (loaded->cluster.has_ctl) {
    print_line("");
    print_kind(*view, ListKind::ctl);
  }
  return Answer::yes;
}

// --- expiry

struct Expiring {
  std::string kind;  // "own", "known", "phone"
  std::string name;  // the service, the roles, the phone
  crypto::Certificate certificate;
};

std::vector<Expiring> all_certificates(const trust::Cluster& cluster, const KnownPhones& phones) {
  std::vector<Expiring> out;
  for (const OwnCertificate& own : own_certificates(cluster)) {
    std::string name(trust::service_name(own.service));
    out.push_back({"own", own.host.empty() ? name : name + " of " + own.host, own.certificate});
  }
  for (const trust::KnownCertificate& known : cluster.known) {
    if (!known.own) out.push_back({"known", known_as(known), known.certificate});
  }
  for (const auto& [name, known] : phones) {
    if (known.phone.certificate) out.push_back({"phone", name, *known.phone.certificate});
  }
  std::ranges::sort(out, {},
                    [](const Expiring& one) { return std::pair(one.certificate.not_after(), one.name); });
  return out;
}

// Whether the running service refuses added certificates that have expired; nothing when none answers.
std::optional<bool> refuses_expired(const Session& session) {
  auto status = ask_service(session.state_dir(), protocol::StatusRequest());
  return status ? std::optional(status->refuse_expired) : std::nullopt;
}

Outcome report_expiry(const Session& session) {
  auto cluster = session.load_cluster(store::KeyUse::without_keys);
  if (!cluster) return failure_of(cluster);
  auto phones = provisioned_phones(session.state_dir(), cluster->phones);
  if (!phones) return failure_of(phones);
  UnixSeconds now = calendar_now();
  Json list = Json::array();
  std::vector<std::vector<std::string>> rows{{"LEVEL", "LEFT", "ENDS", "KIND", "OF", "HASH", "SUBJECT"}};
  for (const Expiring& one : all_certificates(*cluster, *phones)) {
    std::string level = expiry_level(one.certificate, now);
    if (session.json) {
      Json json{{"level", level}, {"kind", one.kind}, {"name", one.name}};
      json.update(certificate_json(one.certificate, now));
      list.push_back(std::move(json));
      continue;
    }
    UnixSeconds end = one.certificate.not_after();
    rows.push_back({level, days_left_text(end, now), time_text(end), one.kind, one.name,
                    short_hash(one.certificate), name_text(one.certificate.subject())});
  }
  const std::optional<bool> refuses = refuses_expired(session);
  if (session.json) {
    print_json({{"certificates", list}, {"refuse_expired", refuses ? Json(*refuses) : Json()}});
    return Answer::yes;
  }
  print_table(rows);
  if (auto line = ended_warning(*cluster, refuses, now)) print_line(*line);
  return Answer::yes;
}

}  // namespace

void add_report_commands(CLI::App& app, Session& session) {
  auto& group = *app.add_subcommand(
      "report",
      "Reports: phone models, expiring certificates, lists that phones hold, and by what it is known");
  group.require_subcommand(1);
  add_features_report(group, session);
  add_evidence_report(group, session);
  auto& expiry =
      *group.add_subcommand("expiry", "Every certificate by the time that it has left, soonest first");
  session.add_json_flag(expiry);
  session.on(expiry, [&session] { return report_expiry(session); });
  auto& itl = *group.add_subcommand("itl", "How many phones hold which list, and who is behind");
  session.add_json_flag(itl);
  session.on(itl, [&session] { return report_itl(session); });
}

}  // namespace anchord::ctl


#include <fmt/core.h>

#include <algorithm>

#include "anchord/report/certificates.h"
#include "anchord/report/known_phones.h"
#include "anchord/report/ledger_view.h"
#include "anchord/report/lists.h"
#include "client/control_client.h"
#include "commands/commands.h"
#include "render/output.h"

namespace anchord::ctl {
namespace {

using trust::ListKind;

// --- itl

// Who holds what, and what would settle it, before the lists.
Text kind_text(const LedgerView& view, ListKind kind) {
  Text::Table table{{"LIST", "VERSION", "BUILT", "STATE", "MAY HOLD IT", "SIGNER"}};
  for (const ListRow& row : rows_of(view, kind)) {
    bool empty = kind == ListKind::itl && LedgerView::is_empty_itl(row.list->content);
    std::string state = view.is_current(*row.list) ? "current" : "older";
    table.push_back({row.list->name, version_text(row.list->version), time_text(row.list->built_at),
                     empty ? state + ", empty" : state, row.phones.text(), signer_of(*row.list)});
  }
  auto by_held_state = view.by_held_state(kind);
  Text::Facts facts;
  for (HeldState held : kHeldStates) {
    facts.emplace_back(held_state_text(held), by_held_state[held].text());
    if (by_held_state[held].count > 0 && !what_settles(held).empty())
      facts.emplace_back("", what_settles(held));
  }
  facts.emplace_back("never seen", view.never_seen().text());
  return Text().facts(std::move(facts)).line("").table(std::move(table));
}

Outcome report_itl(const Session& session) {
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  ANCHORD_TRY_ASSIGN(auto loaded, store.load(store::KeyUse::without_keys));
  ANCHORD_TRY_ASSIGN(auto view, LedgerView::read(store, loaded.cluster));
  const trust::Cluster& cluster = loaded.cluster;
  Text text(fmt::format("{} devices in the ledger, {} of them names that have only asked",
                        view.entries().size(), view.unproven()));
  if (std::string note = one_ledger_note(cluster); !note.empty()) text.line(note);
  if (cluster.evidence != trust::Evidence::ordinary)
    text.line(
        fmt::format("evidence is {}: not every boot settles what a phone holds, see 'anchorctl report "
                    "evidence'",
                    trust::evidence_name(cluster.evidence)));
  text.append(kind_text(view, ListKind::itl));
  if (cluster.has_ctl) text.line("").append(kind_text(view, ListKind::ctl));
  return Shown{lists_document(view, cluster), std::move(text)};
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
  ANCHORD_TRY_ASSIGN(auto cluster, session.load_cluster(store::KeyUse::without_keys));
  ANCHORD_TRY_ASSIGN(auto phones, provisioned_phones(session.state_dir(), cluster.phones));
  UnixSeconds now = calendar_now();
  Json list = Json::array();
  Text::Table rows{{"LEVEL", "LEFT", "ENDS", "KIND", "OF", "HASH", "SUBJECT"}};
  for (const Expiring& one : all_certificates(cluster, phones)) {
    std::string level = expiry_level(one.certificate, now);
    Json json{{"level", level}, {"kind", one.kind}, {"name", one.name}};
    json.update(certificate_json(one.certificate, now));
    list.push_back(std::move(json));
    UnixSeconds end = one.certificate.not_after();
    rows.push_back({level, days_left_text(end, now), time_text(end), one.kind, one.name,
                    short_hash(one.certificate), name_text(one.certificate.subject())});
  }
  const std::optional<bool> refuses = refuses_expired(session);
  Text text;
  if (auto line = ended_warning(cluster, refuses, now)) text.line(*line);
  return Shown{{{"certificates", list}, {"refuse_expired", refuses ? Json(*refuses) : Json()}},
               std::move(text.table(std::move(rows)))};
}

}  // namespace

Action expiry_report_command(Session& session) {
  return {{json_option(session)}, [&session] { return report_expiry(session); }};
}

Action itl_report_command(Session& session) {
  return {{json_option(session)}, [&session] { return report_itl(session); }};
}

}  // namespace anchord::ctl

// report evidence: what is believed of phones by what, and who is not believed.
#include <fmt/core.h>

#include "anchord/report/ledger_view.h"
#include "commands/commands.h"
#include "render/evidence_text.h"
#include "render/output.h"

namespace anchord::ctl {

using store::LedgerEntry;
using trust::Evidence;

namespace {

// Known phones, by where they are.
struct Places {
  std::size_t known = 0;
  NameSample at_home;
  NameSample elsewhere;  // given a list at another address since
  NameSample nowhere;    // never known to have accepted a list
};

Places places_of(const LedgerView& view) {
  Places out;
  for (const LedgerEntry& entry : view.entries()) {
    if (!view.is_known(entry)) continue;
    ++out.known;
    const trust::Belief& belief = entry.belief;
    NameSample& which = belief.home.empty()             ? out.nowhere
                        : belief.home == belief.address ? out.at_home
                                                        : out.elsewhere;
    which.add(entry.device);
  }
  return out;
}

Json places_json(const Places& places) {
  Json out{{"known", places.known}};
  add_sample(out, "at_their_address", places.at_home);
  add_sample(out, "at_another", places.elsewhere);
  add_sample(out, "without_one", places.nowhere);
  return out;
}

Outcome report_evidence(const Session& session) {
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  ANCHORD_TRY_ASSIGN(auto loaded, store.load(store::KeyUse::without_keys));
  ANCHORD_TRY_ASSIGN(auto view, LedgerView::read(store, loaded.cluster));
  const Evidence present = loaded.cluster.evidence;
  const Places places = places_of(view);
  Json values = Json::array();
  Text::Table table{{"SET EVIDENCE", "WHAT COUNTS"}};
  for (Evidence one : trust::kEvidence) {
    values.push_back({{"name", trust::evidence_name(one)},
                      {"means", meaning_of(one)},
                      {"left_to_attackers", left_to_attackers(one)}});
    table.push_back({std::string(trust::evidence_name(one)), meaning_of(one)});
  }
  return Shown{
      {{"evidence", trust::evidence_name(present)}, {"values", values}, {"phones", places_json(places)}},
      Text()
          .facts({{"evidence", std::string(trust::evidence_name(present))},
                  {"  means", meaning_of(present)},
                  {"  left to attackers", left_to_attackers(present)},
                  {"  always", "what a phone was given, whole or not, counts as what it may hold"}})
          .line("")
          .facts({{"phones at their address", places.at_home.text()},
                  {"given lists at another since", places.elsewhere.text()},
                  {"never known to accept a list", places.nowhere.text()}})
          .line("")
          .table(std::move(table))};
}

}  // namespace

Action evidence_report_command(Session& session) {
  return {{json_option(session)}, [&session] { return report_evidence(session); }};
}

}  // namespace anchord::ctl

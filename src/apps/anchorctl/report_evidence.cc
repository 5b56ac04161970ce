// report evidence: what is believed of phones by what, and who is not believed.
#include <fmt/format.h>

#include <utility>

#include "evidence_text.h"
#include "failure.h"
#include "ledger_view.h"
#include "output.h"
#include "report.h"

namespace anchord::ctl {

using store::LedgerEntry;
using trust::Evidence;

std::string meaning_of(Evidence evidence) {
  switch (evidence) {
    case Evidence::ordinary:
      return "a whole boot from one address, whichever that is, releases guards";
    case Evidence::strict:
      return "a whole boot releases guards only from the address where the phone was when it last accepted "
             "a list; for one that has another now there is 'anchorctl phone settle SEP...'";
    case Evidence::nothing:
      return "no boot releases guards: that takes 'anchorctl phone settle SEP...', or --force";
  }
  std::unreachable();
}

std::string left_to_attackers(Evidence evidence) {
  switch (evidence) {
    case Evidence::ordinary:
      return "who plays a whole boot in a phone's name makes it seem to have moved on; --allow keeps "
             "networks out";
    case Evidence::strict:
      return "the same, but only from the phone's own address: behind the same NAT, or on the way to it";
    case Evidence::nothing:
      return "to hold guards: what is given in a phone's name counts as what it may hold";
  }
  std::unreachable();
}

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
  auto store = session.open_store();
  if (!store) return failure_of(store);
  auto loaded = store->load(store::KeyUse::without_keys);
  if (!loaded) return failure_of(loaded);
  auto view = LedgerView::read(*store, loaded->cluster);
  if (!view) return failure_of(view);
  const Evidence present = loaded->cluster.evidence;
  const Places places = places_of(*view);
  if (session.json) {
    Json values = Json::array();
    for (Evidence one : trust::kEvidence)
      values.push_back({{"name", trust::evidence_name(one)},
                        {"means", meaning_of(one)},
                        {"left_to_attackers", left_to_attackers(one)}});
    print_json(
        {{"evidence", trust::evidence_name(present)}, {"values", values}, {"phones", places_json(places)}});
    return Answer::yes;
  }
  print_facts({{"evidence", std::string(trust::evidence_name(present))},
               {"  means", meaning_of(present)},
               {"  left to attackers", left_to_attackers(present)},
               {"  always", "what a phone was given, whole or not, counts as what it may hold"}});
  print_line("");
  print_facts({{"phones at their address", places.at_home.text()},
               {"given lists at another since", places.elsewhere.text()},
               {"never known to accept a list", places.nowhere.text()}});
  print_line("");
  std::vector<std::vector<std::string>> table{{"SET EVIDENCE", "WHAT COUNTS"}};
  for (Evidence one : trust::kEvidence)
    table.push_back({std::string(trust::evidence_name(one)), meaning_of(one)});
  print_table(table);
  return Answer::yes;
}

}  // namespace

void add_evidence_report(CLI::App& group, Session& session) {
  auto& command = *group.add_subcommand(
      "evidence", "What a boot must show to release guards, and which phones speak from elsewhere");
  session.add_json_flag(command);
  session.on(command, [&session] { return report_evidence(session); });
}

}  // namespace anchord::ctl

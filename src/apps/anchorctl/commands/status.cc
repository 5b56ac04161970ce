#include <fmt/core.h>

#include <map>
#include <memory>

#include "anchord/report/problems.h"
#include "commands/cluster_facts.h"
#include "commands/commands.h"
#include "commands/rollback_state.h"
#include "render/describe.h"
#include "render/describe_list.h"
#include "render/output.h"

namespace anchord::ctl {
namespace {

std::map<std::string, std::size_t> by_role(const trust::Cluster& cluster) {
  std::map<std::string, std::size_t> out;
  for (const trust::KnownCertificate& known : cluster.known) {
    for (wire::Role role : known.roles) ++out[role_text(role)];
  }
  return out;
}

Json itl_json(const Facts& facts) {
  if (!facts.itl) return {};
  Json out{{"current", itl_is_current(facts)}};
  auto list = wire::parse_trust_list(facts.itl->content);
  if (!list) return {{"current", false}, {"error", list.error().text()}};
  Json all = trust_list_json(*list, facts.itl->content);
  for (const char* field : {"signer_version", "timestamp", "time", "size", "sha256", "digest", "signer"}) {
    out[field] = all[field];
  }
  out["records"] = list->records.size();
  return out;
}

Json rollback_json(const Facts& facts) {
  if (!facts.cluster.rolling_back) return {{"prepared", false}};
  RollbackState state = rollback_state(facts.ledger, facts.cluster);
  return {{"prepared", true},
          {"safe", what_keeps_from_reverting(state, facts.cluster, facts.late, false).empty()},
          {"taken", state.taken.count},
          {"waiting", state.waiting.count + state.never_heard.count}};
}

Json backup_json(const Facts& facts) {
  return {{"last", facts.backup.last ? Json(time_text(*facts.backup.last)) : Json()},
          {"holds_tftp_key", facts.backup.holds_tftp_key}};
}

Json phones_json(const Facts& facts) {
  auto by_held_state = facts.ledger.by_held_state(trust::ListKind::itl);
  Json out{{"provisioned", facts.phones.size()}, {"known", facts.ledger.entries().size()}};
  for (HeldState held : kHeldStates) add_sample(out, held_state_name(held), by_held_state[held]);
  return out;
}

// The service's own document, whatever is in it; null while there is none.
Json service_json(const Facts& facts) {
  return facts.service ? Json::parse(protocol::status_document(*facts.service)) : Json();
}

Json status_json(const Session& session, const Facts& facts) {
  const trust::Cluster& cluster = facts.cluster;
  Json out{{"state", session.state},           {"read_only", facts.read_only},
           {"cluster", cluster.name},          {"mode", trust::mode_name(cluster.mode)},
           {"ctl", cluster.has_ctl},           {"evidence", trust::evidence_name(cluster.evidence)},
           {"rollback", rollback_json(facts)}, {"backup", backup_json(facts)},
           {"hosts", hosts_json(cluster)}};
  out["own_certificates"] = Json::array();
  for (const OwnCertificate& own : own_certificates(cluster)) {
    out["own_certificates"].push_back(own_certificate_json(own, facts.now));
  }
  out["certificates"] = {{"total", cluster.known.size()}, {"by_role", by_role(cluster)}};
  out["itl"] = itl_json(facts);
  out["phones"] = phones_json(facts);
  out["reports"] = Json::array();
  for (const store::StatusReport& report : facts.reports) {
    out["reports"].push_back(report_json(facts.cluster, report));
  }
  out["service"] = {{"running", facts.service.has_value()},
                    {"starting", facts.starting.empty() ? Json() : Json(facts.starting)},
                    {"reason", facts.service ? Json() : Json(facts.not_running)},
                    {"status", service_json(facts)}};
  out["warnings"] = texts_of(problems(facts));
  return out;
}

Text::Facts itl_facts(const Facts& facts) {
  Json itl = itl_json(facts);
  if (itl.is_null()) return {{"itl", "not built yet: the service builds it, or anchorctl itl show"}};
  if (itl.contains("error")) return {{"itl", "the saved one is damaged: " + itl["error"].get<std::string>()}};
  return {
      {"itl", itl["current"].get<bool>() ? "current" : "to be built anew: the store has changed since"},
      {"  made", itl["time"].get<std::string>()},
      {"  size", fmt::format("{} bytes, {} records", itl["size"].get<std::size_t>(),
                             itl["records"].get<std::size_t>())},
      {"  digest", itl["digest"].get<std::string>()},
      {"  signer version", itl["signer_version"].is_null() ? "-" : itl["signer_version"].get<std::string>()},
      {"  signer", itl["signer"]["subject"].get<std::string>()}};
}

// Whatever the service tells, one line for each value: "tvs.answers  12". Lists are for programs, and
// counters that are zero say nothing.
class ServiceFacts {
 public:
  explicit ServiceFacts(bool with_zeros) : with_zeros_(with_zeros) {}

  void add(const std::string& name, const Json& value) {
    if (value.is_object()) {
      for (const auto& [key, part] : value.items()) add(name + (name == "  " ? "" : ".") + key, part);
    } else if (!with_zeros_ && value.is_number() && value == 0) {
      ++zeros_;
    } else if (value.is_string()) {
      lines_.emplace_back(name, value.get<std::string>());
    } else if (value.is_array()) {
      lines_.emplace_back(name, fmt::format("{} entries, see --json", value.size()));
    } else {
      lines_.emplace_back(name, json_text(value));
    }
  }
  const Text::Facts& lines() const { return lines_; }
  std::size_t zeros() const { return zeros_; }

 private:
  bool with_zeros_;
  std::size_t zeros_ = 0;
  Text::Facts lines_;
};

Text::Facts lifecycle_facts(const Facts& facts) {
  const store::BackupState& backup = facts.backup;
  std::string last = backup.last ? "the last one was made at " + time_text(*backup.last) : "none was made";
  std::string rollback = "none is prepared";
  if (facts.cluster.rolling_back) {
    RollbackState state = rollback_state(facts.ledger, facts.cluster);
    rollback = fmt::format("prepared: {} phones hold the empty list, {} do not yet", state.taken.count,
                           state.waiting.count + state.never_heard.count);
  }
  auto by_held_state = facts.ledger.by_held_state(trust::ListKind::itl);
  std::vector<std::string> lists;
  for (HeldState held : kHeldStates) {
    lists.push_back(fmt::format("{} {}", by_held_state[held].count, held_state_text(held)));
  }
  Text::Facts lines{{"backup", last + (backup.holds_tftp_key ? "" : "; the TFTP key is in no backup")},
                    {"rollback", rollback},
                    {"phones", fmt::format("{} provisioned, {} known from what they fetched",
                                           facts.phones.size(), facts.ledger.entries().size())},
                    {"  lists", joined(lists, ", ")},
                    {"  behind", by_held_state[HeldState::behind].text()},
                    {"evidence", std::string(trust::evidence_name(facts.cluster.evidence))}};
  if (std::string note = one_ledger_note(facts.cluster); !note.empty())
    lines.insert(lines.end() - 1, {"", note});
  return lines;
}

// While many files are made anew, how far that is.
std::string signing(const protocol::Making& making) {
  return making.done < making.of ? fmt::format(", signing {} of {} files", making.done, making.of)
                                 : std::string();
}

Text service_text(const Facts& facts, bool with_zeros) {
  Text text;
  for (const store::StatusReport& report : facts.reports) {
    text.line(fmt::format("{} reported {}", report.host, report_text(facts.cluster, report)));
  }
  if (!facts.starting.empty()) return text.line("service: starting: " + facts.starting);
  if (!facts.service)
    return text.line(
        fmt::format("service: {} ({})", facts.silent ? "does not answer" : "not running", facts.not_running));
  text.line("service: running" + signing(facts.service->provisioning.making));
  ServiceFacts told(with_zeros);
  told.add("  ", service_json(facts));
  text.facts(told.lines());
  if (told.zeros() > 0) text.line(fmt::format("  {} values are zero: --all shows them", told.zeros()));
  return text;
}

// What is wrong and what to do about it, before everything else.
Text problems_text(const Facts& facts) {
  const Problems wrong = problems(facts);
  Text text(needs_text(wrong.size()) + (wrong.empty() ? "" : ":"));
  for (const Problem& problem : wrong) text.line("  - " + problem.text);
  const std::vector<std::string> odd = odd_files(facts);
  if (!odd.empty()) text.line("to be known, with nothing to be done at once:");
  for (const std::string& line : odd) text.line("  - " + line);
  return text;
}

Text status_text(const Facts& facts, bool with_zeros) {
  const trust::Cluster& cluster = facts.cluster;
  std::vector<std::string> hosts;
  for (const trust::Host& host : cluster.hosts) {
    hosts.push_back(host.addresses.empty() ? host.name : host.name + "=" + joined(host.addresses, ","));
  }
  std::vector<std::string> roles;
  for (const auto& [role, count] : by_role(cluster)) roles.push_back(fmt::format("{} {}", role, count));
  return problems_text(facts)
      .line("")
      .facts({{"cluster", cluster.name},
              {"mode", std::string(trust::mode_name(cluster.mode))},
              {"hosts", joined(hosts, ", ")},
              {"certificates", fmt::format("{} ({})", cluster.known.size(), joined(roles, ", "))}})
      .line("")
      .table(own_certificates_table(cluster, facts.now))
      .line("")
      .facts(itl_facts(facts))
      .line("")
      .facts(lifecycle_facts(facts))
      .line("")
      .append(service_text(facts, with_zeros));
}

Outcome show_status(const Session& session, bool with_zeros) {
  ANCHORD_TRY_ASSIGN(auto facts, gather_facts(session));
  // Whoever asks from a script wants to know whether to wake somebody.
  return Shown{status_json(session, facts), status_text(facts, with_zeros),
               problems(facts).empty() ? Answer::yes : Answer::no};
}

}  // namespace

Action status_command(Session& session) {
  auto all = std::make_shared<bool>(false);
  return {{{.name = "--all", .help = "Show the counters, too, that are zero", .target = all.get()},
           json_option(session)},
          [&session, all] { return show_status(session, *all); }};
}

}  // namespace anchord::ctl

#include <fmt/core.h>

#include <filesystem>
#include <map>
#include <memory>
#include <set>

#include "anchord/phone/device_name.h"
#include "anchord/phone/file_kind.h"
#include "anchord/report/ledger_view.h"
#include "commands/commands.h"
#include "commands/confirm.h"
#include "commands/flush_ledger.h"
#include "commands/phone_models.h"
#include "commands/rollback_state.h"
#include "commands/steps.h"
#include "render/output.h"

namespace anchord::ctl {

using store::DeliveredKind;
using store::LedgerEntry;
using trust::ListKind;

namespace {

bool model_checks_nothing(const std::string& model) {
  const PhoneModel* known = find_phone_model(model);
  return known != nullptr && known->security_by_default == "no";
}

// A phone that was given a signed configuration checks signatures, so it has a list
// from somewhere.
bool takes_signed_files(const LedgerEntry& entry) {
  return phone::form_of(entry.of(DeliveredKind::configuration).file) != phone::FileForm::plain;
}

// What was seen comes first: what is said of models may be wrong.
void count(RollbackState& state, const LedgerView& view, const LedgerEntry& entry, const std::string& model) {
  if (entry.seen == 0) return state.never_heard.add(entry.device);
  if (view.holds_empty_itl(entry)) return state.taken.add(entry.device);
  if (view.held_state(entry, ListKind::itl) != HeldState::none) return state.waiting.add(entry.device);
  if (takes_signed_files(entry)) return state.waiting.add(entry.device);
  bool fetched = entry.of(DeliveredKind::configuration).version != 0;
  bool unheard = !fetched && !model_checks_nothing(model);
  (unheard ? state.never_heard : state.without).add(entry.device);
}

}  // namespace

RollbackState rollback_state(const LedgerView& view, const trust::Cluster& cluster) {
  RollbackState state;
  std::map<std::string, std::string> models;
  for (const trust::Phone& phone : cluster.phones) models[phone.name] = phone.model;
  // Whatever is said of their models: when they boot, they show it.
  for (const std::string& device : view.expected())
    if (view.find(device) == nullptr) state.never_heard.add(device);
  for (const LedgerEntry& entry : view.entries()) {
    if (!view.is_known(entry)) continue;
    const std::string& model = models[entry.device];
    count(state, view, entry, model.empty() ? entry.model : model);
  }
  return state;
}

std::vector<std::string> what_keeps_from_reverting(const RollbackState& state, const trust::Cluster& cluster,
                                                   const std::optional<std::string>& late_host,
                                                   bool hosts_agree) {
  if (!cluster.rolling_back) return {"no rollback is prepared: see 'anchorctl rollback prepare'"};
  std::vector<std::string> out;
  if (state.waiting.count + state.never_heard.count > 0)
    out.emplace_back(
        "reset the phones that do not hold the empty list; for those that are gone, "
        "'anchorctl phone remove SEP...'");
  // Of an empty ledger nothing follows: it may be that of another cluster, or of a host that no phone asks.
  if (state.judged() == 0)
    out.emplace_back(
        "no phone is known here, so nothing shows that any holds the empty list: is this the right cluster? "
        "Let the phones boot, or give them entries ('anchorctl phone add') or configurations");
  if (late_host)
    out.push_back(fmt::format(
        "the service on {} has not taken over the last change yet, and hands out what it had before; "
        "wait until 'anchorctl status' says that it has",
        *late_host));
  if (cluster.hosts.size() > 1 && !hosts_agree)
    out.push_back(fmt::format(
        "{} phones were judged, by the ledger of this host alone, and the cluster has {} hosts: bring the "
        "others to the present state, take in their ledgers ('anchorctl ledger export', 'ledger import'), "
        "and say so with --hosts-agree",
        state.judged(), cluster.hosts.size()));
  return out;
}

namespace {

using By = Step::By;

struct Read {
  trust::Cluster cluster;
  RollbackState state;
  std::vector<std::string> against;  // going on
};

Result<Read> read_state(store::Store& store, bool hosts_agree) {
  ANCHORD_TRY_ASSIGN(auto loaded, store.load(store::KeyUse::without_keys));
  ANCHORD_TRY_ASSIGN(auto view, LedgerView::read(store, loaded.cluster));
  ANCHORD_TRY_ASSIGN(auto late, store::late_host(store, calendar_now()));
  RollbackState state = rollback_state(view, loaded.cluster);
  auto against = what_keeps_from_reverting(state, loaded.cluster, late, hosts_agree);
  return Read{std::move(loaded.cluster), std::move(state), std::move(against)};
}

// Phones whose configuration is encrypted otherwise: those in the store, and those whose
// certificate lies in the devices folder.
std::size_t with_certificate(const Session& session, const trust::Cluster& cluster) {
  std::set<std::string> names;
  for (const trust::Phone& phone : cluster.phones) {
    if (phone.certificate) names.insert(phone.name);
  }
  std::error_code none;
  for (const auto& file : std::filesystem::directory_iterator(session.state_dir() / "devices", none)) {
    if (auto name = phone::device_name(file.path().stem().string())) names.insert(*name);
  }
  return names.size();
}

std::string phones_with_certificates(std::size_t count) {
  return count == 1 ? "1 phone with a certificate" : fmt::format("{} phones with certificates", count);
}

Json state_json(const Session& session, const Read& read) {
  Json out{{"prepared", read.cluster.rolling_back},
           {"safe", read.against.empty()},
           {"reasons", read.against},
           {"hosts", read.cluster.hosts.size()},
           {"judged", read.state.judged()}};
  add_sample(out, "taken", read.state.taken);
  add_sample(out, "waiting", read.state.waiting);
  add_sample(out, "never_heard", read.state.never_heard);
  add_sample(out, "without_list", read.state.without);
  out["in_the_clear"] = read.cluster.rolling_back ? with_certificate(session, read.cluster) : 0;
  return out;
}

// Whether it is safe, and what to do about it, before who holds what.
Text state_text(const Read& read) {
  Text text;
  const RollbackState& state = read.state;
  for (const std::string& reason : read.against) text.line("NOT safe to go on: " + reason);
  if (read.against.empty()) {
    text.line("safe to go on: every phone that is known holds the empty list");
    if (state.taken.count == 0)
      warn("no phone has been seen to take the empty list: is this the right cluster?");
  }
  return text.facts({{"hold the empty list", state.taken.text()},
                     {"do not yet", state.waiting.text()},
                     {"never heard of", state.never_heard.text()},
                     {"take no list", state.without.text()}});
}

Outcome show_rollback(const Session& session, bool hosts_agree) {
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  ANCHORD_TRY_ASSIGN(auto read, read_state(store, hosts_agree));
  Json json = state_json(session, read);
  if (!read.cluster.rolling_back)
    return Shown{.json = std::move(json), .text = {}, .failure = Error{read.against.front()}};
  return Shown{std::move(json), state_text(read), read.against.empty() ? Answer::yes : Answer::no};
}

std::vector<Step> steps_to_older(const trust::Cluster& cluster) {
  std::vector<Step> steps{
      {By::command, "set 'Prepare Cluster for Rollback' to true", "once for the whole cluster"},
      {By::service, "restart the verification service on all hosts", "it vouches for nothing any more"},
      {By::service, "restart the TFTP service on all hosts",
       "in the same publication: an empty ITL that phones accept, and unsigned files"}};
  add_other_hosts(steps, cluster);
  steps.push_back({By::administrator, "reset the phones", "in the call manager"});
  steps.push_back({By::administrator, "wait until every phone holds the empty list",
                   cluster.hosts.size() == 1
                       ? "'anchorctl rollback status' says when it is safe to go on"
                       : "'anchorctl rollback status --hosts-agree' says when it is safe to go on, once the "
                         "ledgers of the other hosts were taken in"});
  steps.push_back({By::administrator, "revert every server to the previous release", "not Anchord's"});
  steps.push_back({By::administrator,
                   "there: run the CTL client where it is in mixed mode, restart TFTP, reset the phones",
                   "the previous release's"});
  return steps;
}

std::vector<Step> steps_back(const trust::Cluster& cluster) {
  std::vector<Step> steps{
      {By::command, "set 'Prepare Cluster for Rollback' to false", "once for the whole cluster"},
      {By::service, "restart the verification service on all hosts", "it answers as before"},
      {By::service, "restart the TFTP service on all hosts",
       "in the same publication: the full ITL, which phones with the empty one accept, and signed files"}};
  add_other_hosts(steps, cluster);
  steps.push_back(reset_phones(cluster));
  return steps;
}

std::string prepare_consequence(std::size_t secrets, bool force) {
  std::string out =
      "Phones get an empty list and unsigned files; their HTTPS services do not work until "
      "'anchorctl rollback cancel'. Calls do.";
  if (secrets > 0) {
    out += fmt::format(" The configurations of {} go out IN THE CLEAR.", phones_with_certificates(secrets));
  }
  if (force) out += " Phones that cannot follow WILL BE LOCKED and must be visited.";
  return out;
}

using Change = Result<bool> (*)(store::Store&, const store::ChangeRequest&);

// What both directions have in common.
Outcome change_rollback(const Session& session, store::Store& store, Change change,
                        const ChangeOptions& options, bool preparing) {
  ANCHORD_TRY(flush_ledger(session, options.force));
  ANCHORD_TRY_ASSIGN(auto changed, change(store, options.request()));
  ANCHORD_TRY_ASSIGN(auto read, read_state(store, false));
  Reload reload = wait_for_service(session, store);
  auto steps = preparing ? steps_to_older(read.cluster) : steps_back(read.cluster);
  Json out = state_json(session, read);
  out["changed"] = changed;
  out["service"] = reload_json(reload);
  out["steps"] = steps_json(steps, reload);
  std::string_view what = preparing ? "the rollback is prepared" : "no rollback is prepared any more";
  Text text(changed ? fmt::format("{}: {}", what, reload_text(reload))
                    : fmt::format("{}, as before: nothing was changed", what));
  text.line("").table(steps_table(steps, reload));
  if (preparing && changed) {
    warn("HTTPS services of phones do not work until 'anchorctl rollback cancel'");
    if (std::size_t secrets = with_certificate(session, read.cluster); secrets > 0) {
      warn(
          fmt::format("the configurations of {} now go out in the clear", phones_with_certificates(secrets)));
    }
  }
  return Shown{std::move(out), std::move(text)};
}

Outcome prepare(const Session& session, const ChangeOptions& options) {
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  ANCHORD_TRY_ASSIGN(auto loaded, store.load(store::KeyUse::without_keys));
  if (!may_change(options, "preparing a rollback",
                  prepare_consequence(with_certificate(session, loaded.cluster), options.force))) {
    return fail("nothing was changed");
  }
  return change_rollback(session, store, store::prepare_rollback, options, true);
}

Outcome cancel(const Session& session, const ChangeOptions& options) {
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  if (!may_change(options, "cancelling the rollback", "Phones get the full list and signed files again.")) {
    return fail("nothing was changed");
  }
  return change_rollback(session, store, store::cancel_rollback, options, false);
}

Action changing(Session& session, Outcome (*work)(const Session&, const ChangeOptions&)) {
  auto options = std::make_shared<ChangeOptions>();
  return {change_options(*options) + json_option(session),
          [&session, options, work] { return work(session, *options); }};
}

}  // namespace

Action rollback_prepare_command(Session& session) {
  return changing(session, prepare);
}

Action rollback_cancel_command(Session& session) {
  return changing(session, cancel);
}

Action rollback_status_command(Session& session) {
  auto hosts_agree = std::make_shared<bool>(false);
  return {{hosts_agree_option(*hosts_agree), json_option(session)},
          [&session, hosts_agree] { return show_rollback(session, *hosts_agree); }};
}

}  // namespace anchord::ctl

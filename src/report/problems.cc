#include "anchord/report/problems.h"

#include <fmt/core.h>

#include "anchord/base/ascii.h"
#include "anchord/base/calendar.h"
#include "anchord/crypto/expiry.h"
#include "anchord/phone/file_kind.h"
#include "anchord/report/certificates.h"
#include "anchord/trust/trust_list.h"

namespace anchord::report {

Result<Facts> gather_facts(store::Store& store, const std::filesystem::path& state) {
  ANCHORD_TRY_ASSIGN(auto loaded, store.load(store::KeyUse::without_keys));
  ANCHORD_TRY_ASSIGN(auto itl, saved_list(store, phone::kItlFileName));
  ANCHORD_TRY_ASSIGN(auto backup, store::backup_state(store));
  ANCHORD_TRY_ASSIGN(auto ledger, LedgerView::read(store, loaded.cluster));
  ANCHORD_TRY_ASSIGN(auto reports, last_status(store));
  ANCHORD_TRY_ASSIGN(auto late, store::late_host(store, calendar_now()));
  ANCHORD_TRY_ASSIGN(auto phones, provisioned_phones(state, loaded.cluster.phones));
  // What is known of one that is no host any more is from before, unless it still says so.
  std::erase_if(reports, [&](const store::StatusReport& report) {
    return !trust::find_host(loaded.cluster, report.host) &&
           report.time <= calendar_now() - store::kFreshReport;
  });
  return Facts{.read_only = store.read_only(),
               .cluster = std::move(loaded.cluster),
               .itl = std::move(itl),
               .backup = backup,
               .ledger = std::move(ledger),
               .phones = std::move(phones),
               .reports = std::move(reports),
               .late = std::move(late),
               .not_running = "",
               .starting = "",
               .service = {},
               .now = calendar_now()};
}

bool itl_is_current(const Facts& facts) {
  return facts.itl &&
         same_bytes(facts.itl->input_digest, trust::fields_digest(trust::itl_fields(facts.cluster)));
}

std::optional<std::string> backup_warning(const store::BackupState& state) {
  if (state.holds_tftp_key) return std::nullopt;
  return "no backup holds the present TFTP key: make one with 'anchorctl backup create FILE'";
}

namespace {

// What phones suffer from now, or what may lock them unseen, comes to a person at night too.
constexpr bool kUrgent = true;

void add_expiry_warnings(const Facts& facts, Problems& out) {
  auto add = [&](const std::string& what, const crypto::Certificate& certificate) {
    if (auto line = expiry_warning(what, certificate, facts.now))
      out.emplace_back(*line, certificate.not_after() < facts.now);
  };
  for (const OwnCertificate& own : own_certificates(facts.cluster)) {
    add(fmt::format("the {} certificate{}", trust::service_name(own.service),
                    own.host.empty() ? "" : " of " + own.host),
        own.certificate);
  }
  // Who has thousands looks at the report.
  std::size_t others = 0;
  auto count = [&](const crypto::Certificate& certificate) {
    others += expiry_level(certificate, facts.now) != "ok" ? 1 : 0;
  };
  for (const trust::KnownCertificate& known : facts.cluster.known) {
    const bool told = known.certificate.not_after() < facts.now;  // by ended_warning()
    if (!known.own && !known.retired_from && !told) count(known.certificate);
  }
  for (const auto& [name, known] : facts.phones) {
    if (known.phone.certificate) count(*known.phone.certificate);
  }
  const auto refuses = facts.service ? std::optional(facts.service->refuse_expired) : std::nullopt;
  if (auto line = ended_warning(facts.cluster, refuses, facts.now)) out.push_back(*line);
  if (others > 0) {
    out.push_back(
        fmt::format("of the certificates that were added, and phones', {} {} less than {} days left: see "
                    "'anchorctl report expiry'",
                    others, others == 1 ? "has" : "have", crypto::kExpiryDays.front()));
  }
}

// The service that answers here has warnings of its own.
bool is_here(const Facts& facts, const store::StatusReport& report) {
  return facts.service && facts.service->host == report.host;
}

// One that was removed or renamed answers phones by the state before.
void add_former_host_warnings(const Facts& facts, Problems& out) {
  for (const store::StatusReport& report : facts.reports)
    if (!trust::find_host(facts.cluster, report.host) && !is_here(facts, report))
      out.push_back(
          fmt::format("a service served at {} as {}, which is no host of the cluster any more: stop it "
                      "there, or start it "
                      "under the present name",
                      time_text(report.time), report.host));
}

void add_host_warnings(const Facts& facts, Problems& out) {
  add_former_host_warnings(facts, out);
  if (facts.cluster.hosts.size() == 1) return;
  for (const store::StatusReport& report : facts.reports)
    if (report.ok && trust::find_host(facts.cluster, report.host) && !is_current(facts.cluster, report) &&
        !is_here(facts, report))
      out.push_back(fmt::format(
          "the service on {} has not taken over the last change, by what it said at {}: start it, or bring "
          "the state there, and take in its ledger ('anchorctl ledger import')",
          report.host, time_text(report.time)));
}

void add_service_warnings(const Facts& facts, Problems& out) {
  for (const store::StatusReport& report : facts.reports) {
    if (!report.ok) {
      out.push_back(fmt::format("{} does not serve the newest state since {}: {}", report.host,
                                time_text(report.time), report.message));
    }
  }
  if (!facts.service) return;
  const protocol::Provisioning& provisioning = facts.service->provisioning;
  for (const protocol::FileProblem& problem : provisioning.problems) {
    const bool is_served = problem.served == protocol::Served::last_good;
    out.push_back(fmt::format("'{}' {}{} (since {})", problem.file, problem.reason,
                              is_served ? "; its last good version is served" : "",
                              time_text(problem.since)));
  }
  if (const std::size_t shown = provisioning.problems.size(); provisioning.problem_count > shown)
    out.push_back(
        fmt::format("{} more files are refused than are shown", provisioning.problem_count - shown));
  if (const protocol::Held& held = provisioning.held; held.until) {
    out.push_back(
        fmt::format("{} files and {} phones' certificates have gone at once, and stay in service "
                    "until {}: put them back, or let them go with 'anchorctl confirm'",
                    held.files, held.certificates, time_text(*held.until)));
  }
  if (!provisioning.cache_problem.empty()) out.push_back(provisioning.cache_problem);
}

// Phones that the next change may lock, or that are locked already.
void add_phone_warnings(const Facts& facts, Problems& out) {
  auto by_held_state = facts.ledger.by_held_state(trust::ListKind::itl);
  for (HeldState held : {HeldState::behind, HeldState::given, HeldState::unknown}) {
    const NameSample& sample = by_held_state[held];
    if (sample.count == 0) continue;
    out.push_back(fmt::format("{} phones: {} ({}); {}", sample.count, held_state_text(held),
                              joined(sample.first, ", "), what_settles(held)));
  }
}

void add_live_warnings(const Facts& facts, Problems& out) {
  if (!facts.starting.empty()) {
    out.emplace_back("the service is starting, and phones get no answers yet: " + facts.starting, kUrgent);
    return;
  }
  if (!facts.service) {
    out.emplace_back(facts.silent
                         ? "the service does not answer (" + facts.not_running + ")"
                         : "no service runs on this state: phones get no answers (" + facts.not_running + ")",
                     kUrgent);
    return;
  }
  const protocol::Status& service = *facts.service;
  if (const std::string& problem = service.ledger.problem; !problem.empty())
    out.emplace_back(
        "the ledger cannot be written, so guards of changes do not know what phones were given: " + problem,
        kUrgent);
  if (const protocol::Engine& engine = service.engine; !engine.problem.empty()) {
    out.push_back(
        fmt::format("changes of the cluster's other hosts are not taken over, and none can be made here: {}",
                    engine.problem));
  }
  if (const protocol::Engine& engine = service.engine; engine.newest > engine.change) {
    out.push_back(fmt::format("this host is {} changes behind the others", engine.newest - engine.change));
  }
  if (const protocol::Snapshot& snapshot = service.snapshot; !snapshot.problem.empty()) {
    out.push_back(fmt::format("the newest state is not in service{}: {}",
                              snapshot.behind_since ? " since " + time_text(*snapshot.behind_since) : "",
                              snapshot.problem));
  }
  for (const auto& [file, why] : service.own_lists.withdrawn)
    out.push_back(fmt::format("'{}' is not served: {}", file, why));
  if (const auto& lists = service.own_lists; lists.withdrawn_count > lists.withdrawn.size())
    out.push_back(fmt::format(
        "{} more lists of phones' own are not served than are shown: look at the log, which names them",
        lists.withdrawn_count - lists.withdrawn.size()));
  if (const std::size_t guessing = service.devices.guessing.size(); guessing == 1)
    out.emplace_back("1 address is answered slowly, since it asks for many devices that do not exist");
  else if (guessing > 1)
    out.push_back(fmt::format(
        "{} addresses are answered slowly, since they ask for many devices that do not exist", guessing));
}

}  // namespace

std::vector<std::string> odd_files(const Facts& facts) {
  std::vector<std::string> out;
  if (!facts.service) return out;
  const protocol::Provisioning& provisioning = facts.service->provisioning;
  for (const protocol::FileWarning& warning : provisioning.warnings) {
    out.push_back(fmt::format("'{}' {}{} (since {})", warning.file, warning.reason,
                              warning.file.starts_with("devices/") ? "" : "; it is served as it is",
                              time_text(warning.since)));
  }
  if (provisioning.warning_count > out.size())
    out.push_back(
        fmt::format("{} more files are odd than are shown", provisioning.warning_count - out.size()));
  return out;
}

Problems problems(const Facts& facts) {
  Problems out;
  add_live_warnings(facts, out);
  add_phone_warnings(facts, out);
  add_expiry_warnings(facts, out);
  if (facts.cluster.rolling_back) {
    out.emplace_back(
        "a rollback is prepared: lists are empty, files are not signed, HTTPS services of phones do not "
        "work; see 'anchorctl rollback status'");
  }
  add_host_warnings(facts, out);
  add_service_warnings(facts, out);
  if (auto line = backup_warning(facts.backup)) out.emplace_back(*line);
  return out;
}

std::string needs_text(std::size_t count) {
  if (count == 0) return "nothing needs a person";
  return count == 1 ? "1 thing needs a person" : fmt::format("{} things need a person", count);
}

std::vector<std::string> texts_of(const Problems& problems) {
  std::vector<std::string> out;
  for (const Problem& problem : problems) out.push_back(problem.text);
  return out;
}

}  // namespace anchord::report

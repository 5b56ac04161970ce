// doctor: why one phone does not take its list or its configuration, by all that is known of it: the ledger,
// the lists, its files, what the service has heard of it, and what it was refused.
#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "anchord/phone/file_kind.h"
#include "anchord/report/certificates.h"
#include "client/control_client.h"
#include "commands/cluster_facts.h"
#include "commands/commands.h"
#include "commands/phone.h"
#include "render/output.h"

namespace anchord::ctl {
namespace {

namespace fs = std::filesystem;
using store::DeliveredFile;
using store::DeliveredKind;
using store::LedgerEntry;
using trust::ListKind;

struct Finding {
  std::string what;
  std::string next;  // the step to take
};

// What is known of the phone, and what was found so far.
struct Patient {
  std::string name;
  const Facts& facts;
  const KnownPhone* known = nullptr;  // null: never heard of, and not provisioned
  std::vector<protocol::TraceEvent> heard;
  std::vector<Finding> findings;

  const LedgerEntry* entry() const { return facts.ledger.find(name); }
  void find(std::string what, std::string next) { findings.push_back({std::move(what), std::move(next)}); }
};

void look_at_service(Patient& patient) {
  const Facts& facts = patient.facts;
  if (!facts.starting.empty())
    patient.find("the service is starting: " + facts.starting,
                 "wait until 'anchorctl status' says that it runs");
  else if (!facts.service)
    patient.find("no service answers: " + facts.not_running,
                 "start it ('systemctl start anchord'); its last line in the log says what keeps it");
  else if (const std::string& problem = facts.service->snapshot.problem; !problem.empty())
    patient.find("the newest state is not in service: " + problem,
                 "mend that first: phones get what was before");
  if (facts.cluster.rolling_back)
    patient.find("a rollback is prepared: lists are empty, and files are not signed",
                 "'anchorctl rollback cancel' when it is not wanted any more");
  for (const OwnCertificate& own : own_certificates(facts.cluster))
    if (own.certificate.not_after() < facts.now)
      patient.find(fmt::format("the {} certificate{} has expired", trust::service_name(own.service),
                               own.host.empty() ? "" : " of " + own.host),
                   fmt::format("'anchorctl cert regenerate {}'", trust::service_name(own.service)));
}

void look_at_certificate(Patient& patient) {
  if (patient.known == nullptr) return;
  const KnownPhone& known = *patient.known;
  const std::string own =
      "give it the phone's own (LSC or MIC): 'anchorctl phone add " + patient.name + " --certificate FILE'";
  if (!known.problem.empty())
    patient.find(fmt::format("its configuration is not served: '{}' {}", known.file, known.problem), own);
  if (!known.phone.certificate) return;
  if (!can_encrypt(known.phone))
    patient.find("its configuration cannot be encrypted: its certificate's key is " +
                     key_text(*known.phone.certificate),
                 "give it a certificate with an RSA key: 'anchorctl phone add " + patient.name +
                     " --certificate FILE'");
  if (std::string other = sharing(patient.facts.phones, patient.name, *known.phone.certificate);
      !other.empty())
    patient.find("its certificate is that of " + other + ", too", own);
}

// The phone's configuration as it lies in the folder; else the one for all others. Nothing where there is
// none, or where the folder cannot be read.
std::optional<fs::path> configuration_of(const Patient& patient, const fs::path& folder) {
  std::optional<fs::path> for_all;
  std::error_code problem;
  for (fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, problem),
       end;
       !problem && at != end; at.increment(problem)) {
    const std::string file = at->path().filename().string();
    if (phone::configured_device(file) == patient.name) return at->path();
    if (phone::is_default_configuration(file)) for_all = at->path();
  }
  return for_all;
}

bool concerns(const Patient& patient, const std::string& file) {
  const std::string last = fs::path(file).filename().string();
  return (patient.known != nullptr && file == patient.known->file) ||
         phone::configured_device(last) == patient.name || phone::is_default_configuration(last);
}

void look_at_files(Patient& patient, const fs::path& state) {
  if (const auto& service = patient.facts.service) {
    for (const protocol::FileProblem& problem : service->provisioning.problems) {
      if (!concerns(patient, problem.file)) continue;
      const bool is_served = problem.served == protocol::Served::last_good;
      patient.find(fmt::format("'{}' {}{}", problem.file, problem.reason,
                               is_served ? "; its last good version is served" : ""),
                   "mend the file; it is looked at again by itself");
    }
    for (const auto& [file, why] : service->own_lists.withdrawn)
      if (phone::device_in_file_name(file) == patient.name)
        patient.find(fmt::format("its own list '{}' is not served: {}", file, why),
                     "'anchorctl phone recover " + patient.name + "' makes another");
  }
  const fs::path folder = state / "provisioning";
  std::error_code problem;
  if (fs::is_directory(folder, problem) && !configuration_of(patient, folder))
    patient.find("there is no configuration for it, nor one for all phones",
                 fmt::format("put {} or {} into provisioning/",
                             phone::file_name(phone::FileKind::configuration, patient.name),
                             phone::file_name(phone::FileKind::default_configuration)));
}

void look_at_delivery(Patient& patient, const DeliveredFile& given) {
  if (given.version == 0 || given.whole) return;
  patient.find(fmt::format("{} was sent to {} by {} at {}, and is not known to have arrived whole",
                           given.file, given.address, given.protocol, time_text(given.at)),
               "look at the network on the way: lost packets, a firewall that lets in port 69 alone");
}

void look_at_list(Patient& patient, const LedgerEntry& entry, ListKind kind) {
  const char* name = kind == ListKind::itl ? "initial trust list (ITL)" : "certificate trust list (CTL)";
  const HeldState held = patient.facts.ledger.held_state(entry, kind);
  if (held == HeldState::none)
    patient.find(
        fmt::format("it was never given the {}", name),
        "restart it, and watch 'anchorctl phone trace " + patient.name + " --seconds 300' meanwhile");
  else if (!what_settles(held).empty())
    patient.find(fmt::format("the {}: {}", name, held_state_text(held)), std::string(what_settles(held)));
}

// A change of the file that the phone has not fetched since.
void look_at_configuration(Patient& patient, const LedgerEntry& entry, const fs::path& state) {
  const DeliveredFile& given = entry.of(DeliveredKind::configuration);
  if (given.version == 0) {
    patient.find("it was never given a configuration",
                 "see that it accepts its list first: phones ask for it then");
    return;
  }
  look_at_delivery(patient, given);
  const auto file = configuration_of(patient, state / "provisioning");
  struct stat info{};
  if (file && ::stat(file->c_str(), &info) == 0 && info.st_mtime > given.at)
    patient.find(fmt::format("'{}' has changed at {}, and it fetched its configuration last at {}",
                             file->filename().string(), time_text(info.st_mtime), time_text(given.at)),
                 "restart or reset the phone");
}

void look_at_ledger(Patient& patient, const fs::path& state) {
  const LedgerEntry* entry = patient.entry();
  if (entry == nullptr || entry->seen == 0) {
    patient.find(
        patient.known == nullptr ? "it is not known here: it was not added, and was never heard of"
                                 : "it was never heard of",
        "compare its name, see that DHCP's option 150 leads it here, and watch 'anchorctl phone trace " +
            patient.name + " --seconds 300' while it starts");
    return;
  }
  look_at_delivery(patient, entry->of(DeliveredKind::itl));
  look_at_list(patient, *entry, ListKind::itl);
  if (patient.facts.cluster.has_ctl) look_at_list(patient, *entry, ListKind::ctl);
  look_at_configuration(patient, *entry, state);
  const auto& service = patient.facts.service;
  if (service && service->devices.guessing.contains(entry->belief.address))
    patient.find(
        fmt::format("its address {} is answered slowly, since it asks for many devices that do not exist",
                    entry->belief.address),
        "look who else is behind that address; it ends by itself");
}

// What helps against what the phone was refused or has refused; empty where that is nothing to mend.
std::string help_against(const std::string& outcome, const std::string& name) {
  const auto says = [&](std::string_view words) { return outcome.find(words) != std::string::npos; };
  if (says("does not trust this host's TVS"))
    return "'anchorctl phone recover " + name +
           "' makes it a list that it accepts, where there is a key that it trusts";
  if (says("does not trust this host's HTTPS")) return "it asks TVS next: look what was answered there";
  if (says("compare its clock")) return "set the phone's clock: its configuration names an NTP server";
  if (says("no version or cipher")) return "give the service a lower --tls-min, or other --tls-ciphers";
  if (says("handshake")) return "look at the network on the way, and at the phone's own log";
  if (says("throttled")) return "wait: whoever asks for many devices is answered slowly";
  if (says("busy")) return "raise --max-transfers or --max-connections";
  if (says("signs lists") || says("given:") || says("found")) return "";
  return says("not known to have arrived") ? "look at the network on the way" : "";
}

// Each trouble once, the newest last: what came well since is no trouble any more.
void look_at_trace(Patient& patient) {
  for (auto event = patient.heard.begin(); event != patient.heard.end(); ++event) {
    const std::string next = help_against(event->outcome, patient.name);
    const bool is_over = std::any_of(std::next(event), patient.heard.end(), [&](const auto& later) {
      return later.protocol == event->protocol && later.what == event->what;
    });
    if (next.empty() || is_over) continue;
    patient.find(fmt::format("{} {}: {}: {}", time_text(event->at / 1000), event->protocol, event->what,
                             event->outcome),
                 next);
  }
}

Shown shown(const Patient& patient) {
  Json list = Json::array();
  Text text(patient.findings.empty()
                ? patient.name + ": nothing is found that keeps it from its list or its configuration"
                : fmt::format("{}: {} found", patient.name,
                              patient.findings.size() == 1
                                  ? "1 thing is"
                                  : fmt::format("{} things are", patient.findings.size())));
  for (const Finding& finding : patient.findings) {
    list.push_back({{"what", finding.what}, {"next", finding.next}});
    text.line("  - " + finding.what).line("    next: " + finding.next);
  }
  if (std::string note = one_ledger_note(patient.facts.cluster); !note.empty()) text.line(note);
  return {{{"device", patient.name}, {"findings", std::move(list)}},
          std::move(text),
          patient.findings.empty() ? Answer::yes : Answer::no};
}

Outcome examine(const Session& session, const std::string& given) {
  const std::string name = name_from_text(given);
  ANCHORD_TRY_ASSIGN(auto facts, gather_facts(session));
  Patient patient{.name = name, .facts = facts, .heard = {}, .findings = {}};
  if (auto found = facts.phones.find(name); found != facts.phones.end()) patient.known = &found->second;
  if (facts.service)
    if (auto trace = ask_service(session.state_dir(), protocol::TraceRequest{.device = name}))
      patient.heard = std::move(trace->events);
  look_at_service(patient);
  look_at_certificate(patient);
  look_at_files(patient, session.state_dir());
  look_at_ledger(patient, session.state_dir());
  look_at_trace(patient);
  return shown(patient);
}

}  // namespace

Action doctor_command(Session& session) {
  auto name = std::make_shared<std::string>();
  return {{phone_option(name.get(), true), json_option(session)},
          [&session, name] { return examine(session, *name); }};
}

}  // namespace anchord::ctl

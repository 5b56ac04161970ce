#include <fmt/format.h>

#include <limits>
#include <memory>

#include "../number_range.h"
#include "confirm.h"
#include "describe.h"
#include "failure.h"
#include "files.h"
#include "flush_ledger.h"
#include "known.h"
#include "output.h"
#include "session.h"
#include "transfer.h"

namespace anchord::ctl {
namespace {

using trust::KnownCertificate;

// --- add

struct CertAddOptions {
  std::string file;
  std::string roles;
  std::uint32_t ttl = trust::kDefaultTtl;
  ChangeOptions change;  // where roles are taken from a certificate that is there
};

Outcome add_certificates(const Session& session, const CertAddOptions& options) {
  auto roles = roles_from_option(options.roles);
  session.state_dir();
  auto certificates = read_certificates(options.file);
  if (!certificates) return failure_of(certificates);
  std::vector<KnownCertificate> known;
  for (const auto& certificate : *certificates) known.push_back({certificate, roles, options.ttl, {}});

  auto store = session.open_store();
  if (!store) return failure_of(store);
  auto added = add_known(session, *store, known, options.change.request());
  if (!added) return failure_of(added, quoted(options.file));
  session.tell_changed();
  print_added(session, known, *added);
  return Answer::yes;
}

// --- list and show

Outcome list_certificates(const Session& session) {
  auto cluster = session.load_cluster(store::KeyUse::without_keys);
  if (!cluster) return failure_of(cluster);
  UnixSeconds now = calendar_now();
  if (session.json) {
    Json list = Json::array();
    for (const KnownCertificate& known : cluster->known) list.push_back(known_json(known, now));
    print_json({{"certificates", list}});
    return Answer::yes;
  }
  std::vector<std::vector<std::string>> rows{{"HASH", "ROLES", "TTL", "DAYS LEFT", "SUBJECT"}};
  for (const KnownCertificate& known : cluster->known) {
    rows.push_back(
        {short_hash(known.certificate), roles_text(known.roles), std::to_string(known.ttl),
         days_left_text(known.certificate.not_after(), now),
         name_text(known.certificate.subject()) + (known.retired_from ? " (" + known_as(known) + ")" : "")});
  }
  print_table(rows);
  return Answer::yes;
}

Outcome show_certificate(const Session& session, const std::string& prefix) {
  auto store = session.open_store();
  if (!store) return failure_of(store);
  auto known = store->find_certificate(prefix);
  if (!known) return failure_of(known);
  UnixSeconds now = calendar_now();
  if (session.json) {
    print_json(known_json(*known, now));
    return Answer::yes;
  }
  const crypto::Certificate& certificate = known->certificate;
  Json facts = known_json(*known, now);
  print_facts({{"sha256", hash_text(certificate)},
               {"subject", name_text(certificate.subject())},
               {"issuer", name_text(certificate.issuer())},
               {"serial", facts["serial"].get<std::string>()},
               {"key", key_text(certificate)},
               {"valid", time_text(certificate.not_before()) + " to " + time_text(certificate.not_after())},
               {"left", days_left_text(certificate.not_after(), now)},
               {"roles", roles_text(known->roles)},
               {"ttl", fmt::format("{} s", known->ttl)},
               {"own", known->own            ? fmt::format("yes, of {}", trust::service_name(*known->own))
                       : known->retired_from ? known_as(*known)
                                             : "no"}});
  return Answer::yes;
}

// --- remove

struct CertRemoveOptions {
  std::string prefix;
  ChangeOptions change;
};

Outcome remove_certificate(const Session& session, const CertRemoveOptions& options) {
  auto store = session.open_store();
  if (!store) return failure_of(store);
  auto known = store->find_certificate(options.prefix);
  if (!known) return failure_of(known);
  std::string what = known_line(*known);
  if (!may_remove(options.change.yes, what,
                  fmt::format("Phones that ask for {} will be told that it is invalid.{}", what,
                              options.change.force ? " Those that need it WILL BE LOCKED." : ""))) {
    return fail("nothing was removed");
  }
  if (auto flushed = flush_ledger(session, options.change.force); !flushed) return failure_of(flushed);
  Status removed = store::remove_known(*store, hash_text(known->certificate), options.change.request());
  if (!removed) return failure_of(removed);
  session.tell_changed();
  if (session.json) {
    print_json({{"removed", known_json(*known, calendar_now())}});
  } else {
    print_line("removed " + what + ": phones that ask for it are now told that it is invalid");
  }
  return Answer::yes;
}

// --- export

struct ExportOptions {
  std::string service;
  std::string host;
};

Outcome export_certificate(const Session& session, const ExportOptions& options) {
  auto service = trust::service_from_name(options.service);
  if (!service) {
    wrong_usage(fmt::format("no own certificate '{}': use {}", options.service, trust::service_choice()));
  }
  if (!options.host.empty() && service != trust::Service::tvs) {
    wrong_usage(
        fmt::format("--host: the {} certificate is the whole cluster's, not a host's", options.service));
  }
  auto cluster = session.load_cluster(store::KeyUse::without_keys);
  if (!cluster) return failure_of(cluster);
  std::vector<std::string> known_hosts;
  for (const OwnCertificate& own : own_certificates(*cluster)) {
    if (own.service == service && (options.host.empty() || own.host == options.host)) {
      print(own.certificate.to_pem());
      return Answer::yes;
    }
    if (!own.host.empty()) known_hosts.push_back(own.host);
  }
  return fail(
      fmt::format("no host '{}' in this cluster: use one of {}", options.host, joined(known_hosts, ", ")));
}

// --- command line

void add_cert_add(CLI::App& group, Session& session) {
  auto& command = *group.add_subcommand("add", "Add certificates that phones are told to trust");
  auto options = std::make_shared<CertAddOptions>();
  command
      .add_option("FILE", options->file,
                  "Certificate, PEM or DER; of a PEM with several all are added or none")
      ->required()
      ->type_name("");
  command
      .add_option("--role", options->roles,
                  "What it is trusted for: sast ccm ccm+tftp tftp capf app-server tvs")
      ->required()
      ->type_name("ROLE[,ROLE]");
  command.add_option("--ttl", options->ttl, "How long a phone may keep the answer (default 86400)")
      ->check(
          app::in_range(std::uint32_t{0}, std::numeric_limits<std::uint32_t>::max(), "a number of seconds"))
      ->type_name("SECONDS");
  add_change_options(command, options->change);
  session.add_json_flag(command);
  session.on(command, [&session, options] { return add_certificates(session, *options); });
}

void add_list_and_show(CLI::App& group, Session& session) {
  auto& list = *group.add_subcommand("list", "List the certificates that phones are told to trust");
  session.add_json_flag(list);
  session.on(list, [&session] { return list_certificates(session); });

  auto& show = *group.add_subcommand("show", "Show one certificate");
  auto prefix = std::make_shared<std::string>();
  show.add_option("HASH-PREFIX", *prefix, "First digits of the certificate's SHA-256")
      ->required()
      ->type_name("");
  session.add_json_flag(show);
  session.on(show, [&session, prefix] { return show_certificate(session, *prefix); });
}

void add_cert_remove(CLI::App& group, Session& session) {
  auto& command =
      *group.add_subcommand("remove", "Remove a certificate: phones will be told that it is invalid");
  auto options = std::make_shared<CertRemoveOptions>();
  command.add_option("HASH-PREFIX", options->prefix, "First digits of the certificate's SHA-256")
      ->required()
      ->type_name("");
  add_change_options(command, options->change);
  session.add_json_flag(command);
  session.on(command, [&session, options] { return remove_certificate(session, *options); });
}

void add_cert_export(CLI::App& group, Session& session) {
  auto& command = *group.add_subcommand("export", "Print one of the cluster's own certificates as PEM");
  auto options = std::make_shared<ExportOptions>();
  command.add_option("SERVICE", options->service, trust::service_choice())->required()->type_name("");
  command.add_option("--host", options->host, "Whose tvs certificate (default: the first host's)")
      ->type_name("NAME");
  session.on(command, [&session, options] { return export_certificate(session, *options); });
}

}  // namespace

void add_cert_commands(CLI::App& app, Session& session) {
  auto& group = *app.add_subcommand("cert", "Certificates that the verification service answers for");
  group.require_subcommand(1);
  add_cert_add(group, session);
  add_list_and_show(group, session);
  add_cert_remove(group, session);
  add_cert_export(group, session);
  add_regenerate_command(group, session);
  add_cert_import_command(group, session);
  add_cert_bundle_commands(group, session);
}

}  // namespace anchord::ctl

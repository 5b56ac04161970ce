#include <fmt/core.h>

#include <limits>
#include <memory>

#include "anchord/base/file.h"
#include "anchord/report/certificates.h"
#include "anchord/store/certificates.h"
#include "anchord/store/lifecycle.h"
#include "client/failure.h"
#include "commands/commands.h"
#include "commands/confirm.h"
#include "commands/files.h"
#include "commands/flush_ledger.h"
#include "commands/known.h"
#include "render/output.h"

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
  ANCHORD_TRY_ASSIGN(auto certificates, read_certificates(options.file));
  std::vector<KnownCertificate> known;
  for (const auto& certificate : certificates) known.push_back({certificate, roles, options.ttl, {}});

  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  auto added = add_known(session, store, known, options.change.request());
  if (!added) return failure_of(added, quoted(options.file));
  session.tell_changed();
  return shown_added(known, *added);
}

// --- list and show

Outcome list_certificates(const Session& session) {
  ANCHORD_TRY_ASSIGN(auto cluster, session.load_cluster(store::KeyUse::without_keys));
  UnixSeconds now = calendar_now();
  Text::Table rows{{"HASH", "ROLES", "TTL", "DAYS LEFT", "SUBJECT"}};
  for (const KnownCertificate& known : cluster.known) {
    rows.push_back(
        {short_hash(known.certificate), roles_text(known.roles), std::to_string(known.ttl),
         days_left_text(known.certificate.not_after(), now),
         name_text(known.certificate.subject()) + (known.retired_from ? " (" + known_as(known) + ")" : "")});
  }
  return Shown{certificates_document(cluster, now), Text().table(std::move(rows))};
}

Outcome show_certificate(const Session& session, const std::string& prefix) {
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  ANCHORD_TRY_ASSIGN(auto known, find_certificate(store, prefix));
  UnixSeconds now = calendar_now();
  const crypto::Certificate& certificate = known.certificate;
  Json facts = known_json(known, now);
  Text::Facts lines{
      {"sha256", hash_text(certificate)},
      {"subject", name_text(certificate.subject())},
      {"issuer", name_text(certificate.issuer())},
      {"serial", facts["serial"].get<std::string>()},
      {"key", key_text(certificate)},
      {"valid", time_text(certificate.not_before()) + " to " + time_text(certificate.not_after())},
      {"left", days_left_text(certificate.not_after(), now)},
      {"roles", roles_text(known.roles)},
      {"ttl", fmt::format("{} s", known.ttl)},
      {"own", known.own            ? fmt::format("yes, of {}", trust::service_name(*known.own))
              : known.retired_from ? known_as(known)
                                   : "no"}};
  return Shown{std::move(facts), Text().facts(std::move(lines))};
}

// --- remove

struct CertRemoveOptions {
  std::string prefix;
  ChangeOptions change;
};

Outcome remove_certificate(const Session& session, const CertRemoveOptions& options) {
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  ANCHORD_TRY_ASSIGN(auto known, find_certificate(store, options.prefix));
  std::string what = known_line(known);
  if (!may_remove(options.change.yes, what,
                  fmt::format("Phones that ask for {} will be told that it is invalid.{}", what,
                              options.change.force ? " Those that need it WILL BE LOCKED." : ""))) {
    return fail("nothing was removed");
  }
  ANCHORD_TRY(flush_ledger(session, options.change.force));
  ANCHORD_TRY(store::remove_known(store, hash_text(known.certificate), options.change.request()));
  session.tell_changed();
  return Shown{{{"removed", known_json(known, calendar_now())}},
               Text("removed " + what + ": phones that ask for it are now told that it is invalid")};
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
  ANCHORD_TRY_ASSIGN(auto cluster, session.load_cluster(store::KeyUse::without_keys));
  std::vector<std::string> known_hosts;
  for (const OwnCertificate& own : own_certificates(cluster)) {
    if (own.service == service && (options.host.empty() || own.host == options.host)) {
      return Shown{{}, Text().as_it_is(own.certificate.to_pem())};
    }
    if (!own.host.empty()) known_hosts.push_back(own.host);
  }
  return fail(
      fmt::format("no host '{}' in this cluster: use one of {}", options.host, joined(known_hosts, ", ")));
}

Option hash_prefix_option(std::string& prefix) {
  return {.name = "HASH-PREFIX",
          .help = "First digits of the certificate's SHA-256",
          .target = &prefix,
          .required = true};
}

}  // namespace

Action cert_add_command(Session& session) {
  auto options = std::make_shared<CertAddOptions>();
  Options taken{{.name = "FILE",
                 .help = "Certificate, PEM or DER; of a PEM with several all are added or none",
                 .target = &options->file,
                 .required = true},
                {.name = "--role",
                 .type = "ROLE[,ROLE]",
                 .help = "What it is trusted for: sast ccm ccm+tftp tftp capf app-server tvs",
                 .target = &options->roles,
                 .required = true},
                number_option({.name = "--ttl",
                               .type = "SECONDS",
                               .help = "How long a phone may keep the answer (default 86400)"},
                              options->ttl, std::uint32_t{0}, std::numeric_limits<std::uint32_t>::max(),
                              "a number of seconds")};
  return {std::move(taken) + change_options(options->change) + json_option(session),
          [&session, options] { return add_certificates(session, *options); }};
}

Action cert_list_command(Session& session) {
  return {{json_option(session)}, [&session] { return list_certificates(session); }};
}

Action cert_show_command(Session& session) {
  auto prefix = std::make_shared<std::string>();
  return {{hash_prefix_option(*prefix), json_option(session)},
          [&session, prefix] { return show_certificate(session, *prefix); }};
}

Action cert_remove_command(Session& session) {
  auto options = std::make_shared<CertRemoveOptions>();
  return {
      Options{hash_prefix_option(options->prefix)} + change_options(options->change) + json_option(session),
      [&session, options] { return remove_certificate(session, *options); }};
}

Action cert_export_command(Session& session) {
  auto options = std::make_shared<ExportOptions>();
  return {
      {{.name = "SERVICE", .help = trust::service_choice(), .target = &options->service, .required = true},
       {.name = "--host",
        .type = "NAME",
        .help = "Whose tvs certificate (default: the first host's)",
        .target = &options->host}},
      [&session, options] { return export_certificate(session, *options); }};
}

}  // namespace anchord::ctl

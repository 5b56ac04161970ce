#include <fmt/core.h>

#include <algorithm>
#include <memory>

#include "anchord/base/file.h"
#include "anchord/base/serial_number.h"
#include "anchord/base/writer.h"
#include "anchord/crypto/random.h"
#include "anchord/wire/tvs.h"
#include "client/failure.h"
#include "client/tvs_client.h"
#include "commands/commands.h"
#include "commands/files.h"
#include "render/describe.h"
#include "render/output.h"

namespace anchord::ctl {
namespace {

constexpr std::size_t kMaxDevice = 255;

struct ServerOptions {
  std::string host;
  std::string certificate;
  std::string device = "anchorctl";
  crypto::TlsVersion tls_min = crypto::TlsVersion::v1_2;
  crypto::TlsVersion tls_max = crypto::TlsVersion::v1_3;
};

Result<TvsServer> server_from(const ServerOptions& options) {
  auto address = TvsAddress::parse(options.host);
  if (!address) wrong_usage("--host " + address.error().text);
  if (options.tls_min > options.tls_max) wrong_usage("--tls-min is above --tls-max");
  if (options.device.size() > kMaxDevice) wrong_usage("--device is longer than 255 bytes");
  ANCHORD_TRY_ASSIGN(auto certificate, read_certificate(options.certificate));
  return TvsServer{*address, certificate, options.tls_min, options.tls_max};
}

std::uint32_t random_session() {
  std::array<std::uint8_t, 4> bytes;
  crypto::fill_random(bytes);
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 |
         bytes[3];
}

std::vector<wire::Role> roles_of(const wire::TvsResponse& response) {
  std::vector<wire::Role> out;
  for (std::uint8_t role : response.roles) out.push_back(static_cast<wire::Role>(role));
  return out;
}

Json facts_json(const TvsServer& server, const TvsReply& reply, const wire::TvsResponse& response) {
  return {{"server", server.address.text()},
          {"tls", reply.tls_version},
          {"cipher", reply.cipher},
          {"roles", roles_json(roles_of(response))},
          {"ttl", response.ttl ? Json(*response.ttl) : Json()}};
}

Text::Facts trust_facts(const wire::TvsResponse& response) {
  return {{"roles", response.roles.empty() ? "none" : roles_text(roles_of(response))},
          {"ttl", response.ttl ? fmt::format("{} s", *response.ttl) : "not given"}};
}

// The answer to this very question, or what is wrong with it.
Result<wire::TvsResponse> checked(const TvsServer& server, const TvsReply& reply, wire::TvsCommand command,
                                  std::uint32_t session) {
  std::string who = server.address.text();
  auto response = wire::parse_tvs_response(reply.message);
  if (!response) return std::unexpected(response.error().error().within("a malformed answer from " + who));
  if (response->session != session) return fail(who + " answered another question: the session id differs");
  if (response->command != command) return fail(who + " answered another kind of question");
  return *response;
}

// --- verify

struct TvsVerifyOptions {
  ServerOptions server;
  std::string certificate;
};

Outcome verify_certificate(const TvsVerifyOptions& options) {
  ANCHORD_TRY_ASSIGN(auto server, server_from(options.server));
  ANCHORD_TRY_ASSIGN(auto certificate, read_certificate(options.certificate));

  Buffer room(wire::kTvsHeaderSize + wire::kMaxTvsBody);
  Writer writer(room);
  std::uint32_t id = random_session();
  wire::write_verify_request(writer, {id, as_bytes(options.server.device), certificate.der()});
  if (!writer.ok()) return fail(quoted(options.certificate) + ": too large to be asked about");
  ANCHORD_TRY_ASSIGN(auto reply, ask_tvs(server, writer.written()));
  ANCHORD_TRY_ASSIGN(auto response, checked(server, reply, wire::TvsCommand::verify_response, id));

  Json out{{"valid", response.valid}, {"sha256", hash_text(certificate)}};
  out.update(facts_json(server, reply, response));
  Text text(fmt::format("{}: {}", response.valid ? "valid" : "invalid", name_text(certificate.subject())));
  if (response.valid) text.facts(trust_facts(response));
  return Shown{std::move(out), std::move(text), response.valid ? Answer::yes : Answer::no};
}

// --- query

struct QueryOptions {
  ServerOptions server;
  std::string subject;
  std::string issuer;
  std::string serial;
  std::string out;
};

std::string asked_name(const std::string& option, std::string_view text) {
  auto name = name_from_paste(text);
  if (!name) {
    wrong_usage(fmt::format(
        "{}: {}: give CN=...;O=...;C=..., or C=...,O=...,CN=..., or /C=.../O=.../CN=..., or the like", option,
        name.error().text));
  }
  return *name;
}

Buffer serial_of(const QueryOptions& options) {
  auto serial = serial_from_text(options.serial);
  if (!serial || serial->size() > crypto::kMaxSerialNumber) {
    wrong_usage("--serial: give the serial number in hexadecimal, as in 3e9d1cc5 or 3E:9D:1C:C5");
  }
  if (serial->empty()) serial->push_back(0);
  return *serial;
}

// A server may be wrong or hostile: what it sent must be what was asked for.
Result<crypto::Certificate> checked_certificate(const std::string& who, const wire::TvsResponse& response,
                                                const QueryOptions& options, Bytes serial) {
  auto certificate = crypto::Certificate::from_der(response.certificate);
  if (!certificate) return failure_of(certificate, "a malformed answer from " + who);
  bool asked_for =
      same_number(certificate->serial(), serial) &&
      crypto::name_fits(options.issuer, certificate->issuer_der()) &&
      (options.subject.empty() || crypto::name_fits(options.subject, certificate->subject_der()));
  if (!asked_for) return fail(who + " answered with a certificate that was not asked for");
  return certificate;
}

Outcome query(QueryOptions options) {
  Buffer serial = serial_of(options);
  options.issuer = asked_name("--issuer", options.issuer);
  if (!options.subject.empty()) options.subject = asked_name("--subject", options.subject);
  ANCHORD_TRY_ASSIGN(auto server, server_from(options.server));

  Buffer room(wire::kTvsHeaderSize + wire::kMaxTvsBody);
  Writer writer(room);
  std::uint32_t id = random_session();
  wire::write_query_request(writer,
                            {id, as_bytes(options.server.device), options.subject, options.issuer, serial});
  if (!writer.ok()) wrong_usage("--issuer and --subject are too long to be asked about");
  ANCHORD_TRY_ASSIGN(auto reply, ask_tvs(server, writer.written()));
  ANCHORD_TRY_ASSIGN(auto response, checked(server, reply, wire::TvsCommand::query_response, id));

  Json facts{{"found", response.valid}};
  facts.update(facts_json(server, reply, response));
  if (!response.valid) {
    facts["certificate"] = Json();
    return Shown{std::move(facts), Text("not found"), Answer::no};
  }
  ANCHORD_TRY_ASSIGN(auto certificate, checked_certificate(server.address.text(), response, options, serial));
  if (!options.out.empty()) {
    ANCHORD_TRY(write_public(options.out, as_bytes(certificate.to_pem())));
  }
  facts["certificate"] = certificate_json(certificate, calendar_now());
  return Shown{std::move(facts), Text("found: " + name_text(certificate.subject()))
                                     .facts(trust_facts(response))
                                     .facts({{"sha256", hash_text(certificate)}})};
}

Option tls_version_option(Option option, crypto::TlsVersion& version) {
  std::vector<std::pair<std::string, crypto::TlsVersion>> choices;
  for (crypto::TlsVersion known : crypto::kTlsVersions) choices.emplace_back(to_text(known), known);
  return choice_option(std::move(option), version, std::move(choices));
}

Options server_options(ServerOptions& options) {
  return {
      {.name = "--host",
       .type = "H[:P]",
       .help = "The service; port 2445 unless given; IPv6 in brackets",
       .target = &options.host,
       .required = true},
      {.name = "--tvs-cert",
       .type = "FILE",
       .help = "The certificate that the service must present",
       .target = &options.certificate,
       .required = true,
       .alias = "--cert"},
      {.name = "--device",
       .type = "NAME",
       .help = "Device name to ask as (default: anchorctl)",
       .target = &options.device},
      tls_version_option({.name = "--tls-min", .help = "Oldest TLS version (default: 1.2)"}, options.tls_min),
      tls_version_option({.name = "--tls-max", .help = "Newest TLS version (default: 1.3)"},
                         options.tls_max)};
}

}  // namespace

Action tvs_verify_command(Session& session) {
  auto options = std::make_shared<TvsVerifyOptions>();
  Options taken{{.name = "CERT",
                 .help = "The certificate, PEM or DER",
                 .target = &options->certificate,
                 .required = true}};
  return {std::move(taken) + server_options(options->server) + json_option(session),
          [options] { return verify_certificate(*options); }};
}

Action tvs_query_command(Session& session) {
  auto options = std::make_shared<QueryOptions>();
  Options taken{
      {.name = "--issuer",
       .type = "I",
       .help = "Issuer, in either spelling",
       .target = &options->issuer,
       .required = true},
      {.name = "--serial",
       .type = "S",
       .help = "Serial number in hexadecimal",
       .target = &options->serial,
       .required = true},
      {.name = "--subject", .type = "S", .help = "Subject that it must have", .target = &options->subject},
      {.name = "--out", .type = "FILE", .help = "Save the certificate as PEM", .target = &options->out}};
  return {std::move(taken) + server_options(options->server) + json_option(session),
          [options] { return query(*options); }};
}

}  // namespace anchord::ctl

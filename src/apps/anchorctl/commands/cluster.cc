// `cluster`: hosts that share their state by an engine.
#include <fmt/core.h>

#include <memory>

#include "anchord/base/ascii.h"
#include "anchord/base/file.h"
#include "anchord/store/sharing.h"
#include "commands/commands.h"
#include "commands/confirm.h"
#include "commands/passphrase.h"
#include "render/output.h"

namespace anchord::ctl {
namespace {

// Certificates, keys and passwords: what is larger is another file.
constexpr std::size_t kMaxAccessFile = std::size_t{1} << 20;

Json member_json(const store::Member& member) {
  return {{"host", member.host}, {"engine", member.engine}, {"change", member.number}};
}

Text::Facts member_facts(const store::Member& member) {
  return {{"host", member.host}, {"engine", member.engine}, {"change", fmt::format("{}", member.number)}};
}

// What a running service does by itself, and an administrator where none runs.
std::string service_line(const Session& session) {
  return fmt::format(
      "a service that runs here goes on, and follows the cluster within seconds; else start it with: "
      "anchord --state {}",
      session.state);
}

// --- init

struct AccessOptions {
  std::string members;
  std::string ca;
  std::string certificate;
  std::string key;
  std::string user;
  std::string password_file;
  std::string host;
};

Result<crypto::Secret> read_access(const std::string& file) {
  if (file.empty()) return crypto::Secret();
  ANCHORD_TRY_ASSIGN(auto content, read_file(file, kMaxAccessFile));
  return crypto::Secret(std::move(content));
}

Result<store::EngineAccess> access_from(const AccessOptions& options) {
  if (options.certificate.empty() != options.key.empty())
    wrong_usage("--certificate and --key belong together: give both or neither");
  if (options.user.empty() != options.password_file.empty())
    wrong_usage("--user and --password-file belong together: give both or neither");
  store::EngineAccess out{
      .members = options.members, .ca = {}, .certificate = {}, .key = {}, .user = options.user};
  ANCHORD_TRY_ASSIGN(const auto ca, read_access(options.ca));
  out.ca = ca.text();
  ANCHORD_TRY_ASSIGN(const auto certificate, read_access(options.certificate));
  out.certificate = certificate.text();
  ANCHORD_TRY_ASSIGN(out.key, read_access(options.key));
  ANCHORD_TRY_ASSIGN(out.password, read_access(options.password_file));
  return out;
}

Outcome init_cluster(const Session& session, const AccessOptions& options) {
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  ANCHORD_TRY_ASSIGN(auto access, access_from(options));
  ANCHORD_TRY_ASSIGN(const auto member, store::share_cluster(store, std::move(access), options.host));
  Text text("the cluster is in the engine, and other hosts can join");
  text.facts(member_facts(member));
  text.line(service_line(session));
  text.line(fmt::format(
      "for each other host: make a ticket with 'anchorctl cluster ticket HOST --out FILE', and give "
      "it to 'anchorctl cluster join FILE' there"));
  return Shown{member_json(member), std::move(text)};
}

// --- ticket

struct TicketOptions {
  std::string host;
  std::string file;
  std::string passphrase_file;
};

Outcome make_ticket(const Session& session, const TicketOptions& options) {
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  ANCHORD_TRY_ASSIGN(const auto passphrase, read_passphrase(options.passphrase_file, AskPassphrase::twice));
  ANCHORD_TRY_ASSIGN(const auto facts, store::write_ticket(store, options.host, options.file,
                                                           passphrase.bytes(), calendar_now(), {}));
  Text text(fmt::format("made the ticket {} for {}", options.file, options.host));
  text.facts({{"cluster", fmt::format("{} (id {})", facts.cluster, facts.cluster_id)},
              {"made", time_text(facts.made_at)}});
  text.line(
      "it has the keys of the whole cluster: bring it there by a safe way, and delete it once the host has "
      "joined");
  return Shown{{{"file", options.file},
                {"host", options.host},
                {"cluster", facts.cluster},
                {"cluster_id", facts.cluster_id},
                {"made_at", time_text(facts.made_at)}},
               std::move(text)};
}

// --- join

struct JoinOptions {
  std::string file;
  std::string passphrase_file;
  store::JoinRequest request;
};

Outcome join(const Session& session, const JoinOptions& options) {
  const auto state = session.state_dir();
  ANCHORD_TRY_ASSIGN(const auto passphrase, read_passphrase(options.passphrase_file, AskPassphrase::once));
  ANCHORD_TRY_ASSIGN(const auto member,
                     store::join_cluster(options.file, state, passphrase.bytes(), options.request, {}));
  Text text(fmt::format("{} is a member of the cluster", member.host));
  text.facts(member_facts(member));
  text.line(fmt::format(
      "put there what the other hosts have in provisioning/ and devices/, and start the service with: "
      "anchord --state {}",
      session.state));
  return Shown{member_json(member), std::move(text)};
}

// --- leave

struct LeaveOptions {
  bool force = false;
  bool yes = false;
};

Outcome leave(const Session& session, const LeaveOptions& options) {
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  if (!may_go_on(options.yes, "leaving the cluster",
                 "What this host and the others change from then on, the other does not know."))
    return fail("nothing was changed");
  ANCHORD_TRY_ASSIGN(const auto left, store::leave_cluster(store, options.force));
  if (!left.untold.empty())
    warn("the engine could not be told, and the others count this host still: " + left.untold);
  Json document = member_json(left.before);
  document["told"] = left.untold.empty();
  Text text("this is a single machine from now on, with the state that it has");
  text.facts(member_facts(left.before));
  return Shown{std::move(document), std::move(text)};
}

Option passphrase_option(std::string& file) {
  return {.name = "--passphrase-file",
          .type = "FILE",
          .help = "A file whose first line is the ticket's passphrase (default: ask at the terminal)",
          .target = &file};
}

}  // namespace

Action cluster_init_command(Session& session) {
  auto options = std::make_shared<AccessOptions>();
  Options taken{
      {.name = "--engine",
       .type = "URL,...",
       .help = "The engine's members: http://HOST:PORT or https://HOST:PORT",
       .target = &options->members,
       .required = true},
      {.name = "--as",
       .type = "HOST",
       .help = "Which of the cluster's hosts this machine is",
       .target = &options->host,
       .required = true},
      {.name = "--ca",
       .type = "FILE",
       .help = "Certificates (PEM) of the authority that made those of the members",
       .target = &options->ca},
      {.name = "--certificate",
       .type = "FILE",
       .help = "This cluster's certificate for the members (PEM), without a common name",
       .target = &options->certificate},
      {.name = "--key", .type = "FILE", .help = "Its private key (PEM)", .target = &options->key},
      {.name = "--user", .type = "NAME", .help = "A user of the engine's", .target = &options->user},
      {.name = "--password-file",
       .type = "FILE",
       .help = "A file with that user's password",
       .target = &options->password_file},
      json_option(session)};
  return {std::move(taken), [&session, options] { return init_cluster(session, *options); }};
}

Action cluster_ticket_command(Session& session) {
  auto options = std::make_shared<TicketOptions>();
  Options taken{
      {.name = "HOST",
       .help = "Which of the cluster's hosts is to join",
       .target = &options->host,
       .required = true},
      {.name = "--out", .type = "FILE", .help = "The ticket", .target = &options->file, .required = true},
      passphrase_option(options->passphrase_file),
      json_option(session)};
  return {std::move(taken), [&session, options] { return make_ticket(session, *options); }};
}

Action cluster_join_command(Session& session) {
  auto options = std::make_shared<JoinOptions>();
  Options taken{{.name = "FILE", .help = "The ticket", .target = &options->file, .required = true},
                passphrase_option(options->passphrase_file),
                {.name = "--engine",
                 .type = "URL,...",
                 .help = "The engine's members as this host reaches them (default: as the ticket has them)",
                 .target = &options->request.engine},
                {.name = "--replace",
                 .help = "Although the host is a member already: its state is lost",
                 .target = &options->request.replace},
                json_option(session)};
  return {std::move(taken), [&session, options] { return join(session, *options); }};
}

Action cluster_leave_command(Session& session) {
  auto options = std::make_shared<LeaveOptions>();
  Options taken{{.name = "--force",
                 .help = "Although the engine cannot be told: the others go on counting this host",
                 .target = &options->force},
                {.name = "--yes", .help = "Do not ask", .target = &options->yes},
                json_option(session)};
  return {std::move(taken), [&session, options] { return leave(session, *options); }};
}

}  // namespace anchord::ctl

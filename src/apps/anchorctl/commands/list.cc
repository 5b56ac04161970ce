#include <fmt/core.h>

#include <memory>

#include "anchord/base/file.h"
#include "anchord/phone/file_kind.h"
#include "anchord/report/certificates.h"
#include "anchord/store/lists.h"
#include "anchord/trust/trust_list.h"
#include "commands/commands.h"
#include "commands/files.h"
#include "commands/signing_options.h"
#include "render/describe_list.h"
#include "render/output.h"

namespace anchord::ctl {

struct ListCommands {
  std::string file_name;
  Result<store::SavedList> (*current)(store::Store&, const trust::Cluster&, UnixSeconds);
};

namespace {

Result<store::SavedList> ctl_of_cluster(store::Store& store, const trust::Cluster& cluster, UnixSeconds now) {
  if (!cluster.has_ctl) {
    return fail(
        "this cluster has no CTL: phones are served one from the first 'anchorctl mode set mixed' on");
  }
  return store::current_ctl(store, cluster, now);
}

Result<Buffer> current_list(const Session& session, const ListCommands& kind) {
  ANCHORD_TRY_ASSIGN(auto store, session.open_store());
  ANCHORD_TRY_ASSIGN(auto loaded, store.load(store::KeyUse::with_keys));
  ANCHORD_TRY_ASSIGN(auto saved, kind.current(store, loaded.cluster, calendar_now()));
  return std::move(saved.content);
}

// --- show

Outcome show_list(const Session& session, const ListCommands& kind, const std::string& file) {
  ANCHORD_TRY_ASSIGN(auto content, file.empty() ? current_list(session, kind) : read_content(file));
  auto list = wire::parse_trust_list(content);
  if (!list) {
    return std::unexpected(
        list.error().error().within(file.empty() ? "the store's " + kind.file_name : quoted(file)));
  }
  return Shown{trust_list_json(*list, content), trust_list_text(*list, content)};
}

// --- verify

struct ListVerifyOptions {
  std::string file;
  std::string signer;
};

Outcome refuse(const std::string& file, Error error) {
  Json json{{"file", file}, {"valid", false}, {"reason", error.text}};
  return Shown{
      .json = std::move(json), .text = {}, .failure = std::move(error).within(quoted(file) + ": refused")};
}

Outcome verify_list(const ListVerifyOptions& options) {
  std::optional<crypto::Certificate> signer;
  if (!options.signer.empty()) {
    ANCHORD_TRY_ASSIGN(auto read, read_certificate(options.signer));
    signer = read;
  }
  ANCHORD_TRY_ASSIGN(auto content, read_content(options.file));
  auto verified = trust::verify_trust_list(content, signer);
  if (!verified) return refuse(options.file, std::move(verified.error()));

  Text text(fmt::format("valid: {} records, signed {} with {} by {}", verified->list.records.size(),
                        time_text(verified->list.header.timestamp),
                        wire::digest_name(verified->list.header.digest),
                        name_text(verified->signer.subject())));
  if (!signer) text.line("the signer is the list's own; give --signer CERT to know that it is yours");
  return Shown{{{"file", options.file},
                {"valid", true},
                {"signer_given", signer.has_value()},
                {"signer", certificate_json(verified->signer, calendar_now())},
                {"records", verified->list.records.size()}},
               std::move(text)};
}

// --- build

struct BuildOptions {
  std::string out;
  std::vector<std::string> sast;
  std::vector<std::string> role_certs;
  std::string key;
  SigningOptions signing;
  std::optional<wire::Version> signer_version;

  bool from_files() const {
    return !sast.empty() || !role_certs.empty() || !key.empty() || signing.any() || signer_version;
  }
};

Status add_record(trust::TrustListFields& fields, wire::Role role, const std::string& file) {
  ANCHORD_TRY_ASSIGN(auto certificate, read_certificate(file));
  fields.records.push_back({certificate, role, ""});
  return {};
}

// ROLE=FILE.
Status add_role_record(trust::TrustListFields& fields, const std::string& text) {
  std::size_t equals = text.find('=');
  auto role = wire::role_from_name(text.substr(0, equals));
  if (equals == std::string::npos || !role) {
    wrong_usage(fmt::format("--role-cert {}: give ROLE=FILE, the role one of {}", text, wire::role_choice()));
  }
  return add_record(fields, *role, text.substr(equals + 1));
}

Result<Buffer> list_from_files(const ListCommands& kind, const BuildOptions& options) {
  if (options.sast.empty()) wrong_usage("--sast is missing: give the signer's certificate first");
  if (options.key.empty()) wrong_usage("--key is missing: give the key of the first --sast certificate");
  ANCHORD_TRY_ASSIGN(auto signer, read_identity(options.sast.front(), options.key));
  trust::TrustListFields fields{
      .file_name = kind.file_name, .signer = signer, .signing = options.signing.over({}), .records = {}};
  fields.signer_version = options.signer_version.value_or(trust::signer_version(fields.signing.digest));
  for (const std::string& file : options.sast) {
    ANCHORD_TRY(add_record(fields, wire::Role::sast, file));
  }
  for (const std::string& text : options.role_certs) {
    ANCHORD_TRY(add_role_record(fields, text));
  }
  return trust::build_trust_list(fields, options.signing.time());
}

Outcome build_list(const Session& session, const ListCommands& kind, const BuildOptions& options) {
  ANCHORD_TRY_ASSIGN(auto content,
                     options.from_files() ? list_from_files(kind, options) : current_list(session, kind));
  ANCHORD_TRY(write_public(options.out, content));
  auto list = wire::parse_trust_list(content);
  if (!list) return std::unexpected(list.error().error());
  Json facts = trust_list_json(*list, content);
  facts["file"] = options.out;
  return Shown{std::move(facts),
               Text(fmt::format("wrote {}: {} bytes, {} records, signed with {} by {}", options.out,
                                content.size(), list->records.size(), wire::digest_name(list->header.digest),
                                list->header.signer_name))};
}

}  // namespace

const ListCommands kItlCommands{phone::kItlFileName, store::current_itl};
const ListCommands kCtlCommands{phone::kCtlFileName, ctl_of_cluster};

Action list_show_command(Session& session, const ListCommands& kind) {
  auto file = std::make_shared<std::string>();
  return {{{.name = "FILE", .help = "A trust list (default: the cluster's)", .target = file.get()},
           json_option(session)},
          [&session, &kind, file] { return show_list(session, kind, *file); }};
}

Action list_verify_command(Session& session) {
  auto options = std::make_shared<ListVerifyOptions>();
  return {{{.name = "FILE", .help = "A trust list", .target = &options->file, .required = true},
           {.name = "--signer",
            .type = "CERT",
            .help = "Certificate that must have signed it",
            .target = &options->signer,
            .alias = "--cert"},
           json_option(session)},
          [options] { return verify_list(*options); }};
}

Action list_build_command(Session& session, const ListCommands& kind) {
  auto options = std::make_shared<BuildOptions>();
  Options taken{
      {.name = "--out", .type = "FILE", .help = "File to write", .target = &options->out, .required = true},
      {.name = "--sast",
       .type = "FILE",
       .help = "Who may sign lists; the first signs this one",
       .target = &options->sast},
      {.name = "--role-cert",
       .type = "ROLE=FILE",
       .help = "A further record, in this order",
       .target = &options->role_certs},
      {.name = "--key", .type = "FILE", .help = "Key of the first --sast", .target = &options->key}};
  Option version = choice_option<wire::Version>(
      {.name = "--signer-version",
       .help = "1.1 turns on HTTPS provisioning (default: 1.0 with sha1, else 1.1)"},
      options->signer_version, {{"1.0", {1, 0}}, {"1.1", {1, 1}}});
  return {std::move(taken) + signing_options(options->signing) + std::move(version) + json_option(session),
          [&session, &kind, options] { return build_list(session, kind, *options); }};
}

}  // namespace anchord::ctl

#include <fmt/format.h>

#include <memory>

#include "anchord/base/hex.h"
#include "anchord/phone/file_kind.h"
#include "anchord/trust/trust_list.h"
#include "choice.h"
#include "describe.h"
#include "describe_list.h"
#include "failure.h"
#include "files.h"
#include "output.h"
#include "session.h"
#include "signing_options.h"

namespace anchord::ctl {
namespace {

// The two lists differ in what they say, not in what can be done with them.
struct Kind {
  std::string command;
  std::string title;
  std::string file_name;
  Result<store::SavedList> (*current)(store::Store&, const trust::Cluster&, UnixSeconds);
};

Result<store::SavedList> ctl_of_cluster(store::Store& store, const trust::Cluster& cluster, UnixSeconds now) {
  if (!cluster.has_ctl) {
    return fail(
        "this cluster has no CTL: phones are served one from the first 'anchorctl mode set mixed' on");
  }
  return store::current_ctl(store, cluster, now);
}

const Kind kItl{"itl", "The initial trust list", phone::kItlFileName, store::current_itl};
const Kind kCtl{"ctl", "The certificate trust list, which carries the security mode", phone::kCtlFileName,
                ctl_of_cluster};

Result<Buffer> current_list(const Session& session, const Kind& kind) {
  auto store = session.open_store();
  if (!store) return failure_of(store);
  auto loaded = store->load(store::KeyUse::with_keys);
  if (!loaded) return failure_of(loaded);
  auto saved = kind.current(*store, loaded->cluster, calendar_now());
  if (!saved) return failure_of(saved);
  return std::move(saved->content);
}

// --- show

Outcome show_list(const Session& session, const Kind& kind, const std::string& file) {
  auto content = file.empty() ? current_list(session, kind) : read_content(file);
  if (!content) return failure_of(content);
  auto list = wire::parse_trust_list(*content);
  if (!list) {
    return std::unexpected(
        list.error().error().within(file.empty() ? "the store's " + kind.file_name : quoted(file)));
  }
  if (session.json) {
    print_json(trust_list_json(*list, *content));
  } else {
    print_trust_list(*list, *content);
  }
  return Answer::yes;
}

// --- verify

struct ListVerifyOptions {
  std::string file;
  std::string signer;
};

Outcome refuse(const Session& session, const std::string& file, Error error) {
  if (session.json) print_json({{"file", file}, {"valid", false}, {"reason", error.text}});
  return std::unexpected(std::move(error).within(quoted(file) + ": refused"));
}

Outcome verify_list(const Session& session, const ListVerifyOptions& options) {
  std::optional<crypto::Certificate> signer;
  if (!options.signer.empty()) {
    auto read = read_certificate(options.signer);
    if (!read) return failure_of(read);
    signer = *read;
  }
  auto content = read_content(options.file);
  if (!content) return failure_of(content);
  auto verified = trust::verify_trust_list(*content, signer);
  if (!verified) return refuse(session, options.file, std::move(verified.error()));

  if (session.json) {
    print_json({{"file", options.file},
                {"valid", true},
                {"signer_given", signer.has_value()},
                {"signer", certificate_json(verified->signer, calendar_now())},
                {"records", verified->list.records.size()}});
    return Answer::yes;
  }
  print_line(fmt::format("valid: {} records, signed {} with {} by {}", verified->list.records.size(),
                         time_text(verified->list.header.timestamp),
                         wire::digest_name(verified->list.header.digest),
                         name_text(verified->signer.subject())));
  if (!signer) print_line("the signer is the list's own; give --signer CERT to know that it is yours");
  return Answer::yes;
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
  auto certificate = read_certificate(file);
  if (!certificate) return failure_of(certificate);
  fields.records.push_back({*certificate, role, ""});
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

Result<Buffer> list_from_files(const Kind& kind, const BuildOptions& options) {
  if (options.sast.empty()) wrong_usage("--sast is missing: give the signer's certificate first");
  if (options.key.empty()) wrong_usage("--key is missing: give the key of the first --sast certificate");
  auto signer = read_identity(options.sast.front(), options.key);
  if (!signer) return failure_of(signer);
  trust::TrustListFields fields{
      .file_name = kind.file_name, .signer = *signer, .signing = options.signing.over({}), .records = {}};
  fields.signer_version = options.signer_version.value_or(trust::signer_version(fields.signing.digest));
  for (const std::string& file : options.sast) {
    if (Status added = add_record(fields, wire::Role::sast, file); !added) return failure_of(added);
  }
  for (const std::string& text : options.role_certs) {
    if (Status added = add_role_record(fields, text); !added) return failure_of(added);
  }
  return trust::build_trust_list(fields, options.signing.time());
}

Outcome build_list(const Session& session, const Kind& kind, const BuildOptions& options) {
  auto content = options.from_files() ? list_from_files(kind, options) : current_list(session, kind);
  if (!content) return failure_of(content);
  if (Status written = write_public(options.out, *content); !written) {
    return failure_of(written);
  }
  auto list = wire::parse_trust_list(*content);
  if (!list) return std::unexpected(list.error().error());
  if (session.json) {
    Json facts = trust_list_json(*list, *content);
    facts["file"] = options.out;
    print_json(facts);
  } else {
    print_line(fmt::format("wrote {}: {} bytes, {} records, signed with {} by {}", options.out,
                           content->size(), list->records.size(), wire::digest_name(list->header.digest),
                           list->header.signer_name));
  }
  return Answer::yes;
}

// --- command line

void add_list_show(CLI::App& group, Session& session, const Kind& kind) {
  auto& command = *group.add_subcommand("show", "Show what a trust list holds, without judging it");
  auto file = std::make_shared<std::string>();
  command.add_option("FILE", *file, "A trust list (default: the cluster's)")->type_name("");
  session.add_json_flag(command);
  session.on(command, [&session, &kind, file] { return show_list(session, kind, *file); });
}

void add_list_verify(CLI::App& group, Session& session) {
  auto& command = *group.add_subcommand("verify", "Check a trust list's signature and every record in it");
  auto options = std::make_shared<ListVerifyOptions>();
  command.add_option("FILE", options->file, "A trust list")->required()->type_name("");
  command.add_option("--signer", options->signer, "Certificate that must have signed it")->type_name("CERT");
  session.add_json_flag(command);
  session.on(command, [&session, options] { return verify_list(session, *options); });
}

void add_build(CLI::App& group, Session& session, const Kind& kind) {
  auto& command = *group.add_subcommand(
      "build", "Write the cluster's trust list to a file, or with --sast one made from certificate files");
  auto options = std::make_shared<BuildOptions>();
  command.add_option("--out", options->out, "File to write")->required()->type_name("FILE");
  command.add_option("--sast", options->sast, "Who may sign lists; the first signs this one")
      ->type_name("FILE");
  command.add_option("--role-cert", options->role_certs, "A further record, in this order")
      ->type_name("ROLE=FILE");
  command.add_option("--key", options->key, "Key of the first --sast")->type_name("FILE");
  add_signing_options(command, options->signing);
  add_choice<wire::Version>(command, "--signer-version", options->signer_version,
                            {{"1.0", {1, 0}}, {"1.1", {1, 1}}},
                            "1.1 turns on HTTPS provisioning (default: 1.0 with sha1, else 1.1)");
  session.add_json_flag(command);
  session.on(command, [&session, &kind, options] { return build_list(session, kind, *options); });
}

void add_commands_for(CLI::App& app, Session& session, const Kind& kind) {
  auto& group = *app.add_subcommand(kind.command, kind.title);
  group.require_subcommand(1);
  add_list_show(group, session, kind);
  add_list_verify(group, session);
  add_build(group, session, kind);
}

}  // namespace

void add_list_commands(CLI::App& app, Session& session) {
  add_commands_for(app, session, kItl);
  add_commands_for(app, session, kCtl);
}

}  // namespace anchord::ctl

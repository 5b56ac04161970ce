#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "anchord/base/hex.h"
#include "anchord/trust/signed_file.h"
#include "describe.h"
#include "describe_list.h"
#include "failure.h"
#include "files.h"
#include "output.h"
#include "session.h"
#include "signing_options.h"

namespace anchord::ctl {
namespace {

// --- sign

struct SignOptions {
  std::string in;
  std::string out;
  std::string name;
  std::string certificate;
  std::string key;
  SigningOptions signing;
};

struct Signer {
  trust::Identity identity;
  trust::SigningSettings settings;
};

Result<Signer> chosen_signer(const Session& session, const SignOptions& options) {
  if (options.certificate.empty() != options.key.empty()) {
    wrong_usage("--cert and --key are given together or not at all");
  }
  if (!options.certificate.empty()) {
    auto identity = read_identity(options.certificate, options.key);
    if (!identity) return failure_of(identity);
    return Signer{*identity, {}};
  }
  if (!session.has_state()) wrong_usage("no signer: give --cert and --key, or a cluster with --state DIR");
  auto cluster = session.load_cluster(store::KeyUse::with_keys);
  if (!cluster) return failure_of(cluster);
  return Signer{cluster->tftp, cluster->signing};
}

Outcome sign(const Session& session, const SignOptions& options) {
  auto signer = chosen_signer(session, options);
  if (!signer) return failure_of(signer);
  auto content = read_content(options.in);
  if (!content) return failure_of(content);
  std::string out = options.out.empty() ? options.in + ".sgn" : options.out;
  std::string name =
      options.name.empty() ? std::filesystem::path(options.in).filename().string() + ".sgn" : options.name;
  auto file = trust::sign_file(name, *content, signer->identity, options.signing.over(signer->settings),
                               options.signing.time());
  if (!file) return failure_of(file, quoted(options.in));
  if (Status written = write_public(out, *file); !written) return failure_of(written);

  if (session.json) {
    print_json({{"file", out},
                {"name", name},
                {"size", file->size()},
                {"signer", certificate_json(signer->identity.certificate, calendar_now())}});
  } else {
    print_line(fmt::format("wrote {}: {} bytes, named {}, signed by {}", out, file->size(), name,
                           name_text(signer->identity.certificate.subject())));
  }
  return Answer::yes;
}

// --- show, verify, strip

Json encryption_json(const wire::Encryption& encryption) {
  return {{"key_bits", encryption.key_bits},
          {"pad_length", encryption.pad_length},
          {"digest", wire::digest_name(encryption.digest)},
          {"plain_digest", to_hex(encryption.digest_value)}};
}

Outcome show(const Session& session, const std::string& path) {
  auto content = read_content(path);
  if (!content) return failure_of(content);
  auto file = wire::parse_signed_file(*content);
  if (!file) return std::unexpected(file.error().error().within(quoted(path)));
  const auto& encryption = file->header.encryption;
  if (session.json) {
    Json out{{"file", path}, {"size", content->size()}};
    out.update(header_json(file->header));
    out["content_size"] = file->content.size();
    out["encryption"] = encryption ? encryption_json(*encryption) : Json();
    print_json(out);
    return Answer::yes;
  }
  print_header(file->header, content->size());
  print_facts(
      {{"content", fmt::format("{} bytes{}", file->content.size(), encryption ? ", encrypted" : "")}});
  return Answer::yes;
}

struct VerifyOptions {
  std::string file;
  std::string certificate;
};

Result<crypto::Certificate> expected_signer(const Session& session, const std::string& certificate) {
  if (!certificate.empty()) return read_certificate(certificate);
  if (!session.has_state())
    wrong_usage("no signer to check against: give --cert, or a cluster with --state DIR");
  auto cluster = session.load_cluster(store::KeyUse::without_keys);
  if (!cluster) return failure_of(cluster);
  return cluster->tftp.certificate;
}

Outcome verify(const Session& session, const VerifyOptions& options) {
  auto signer = expected_signer(session, options.certificate);
  if (!signer) return failure_of(signer);
  auto content = read_content(options.file);
  if (!content) return failure_of(content);
  auto file = trust::verify_signed_file(*content, *signer);
  if (!file) {
    if (session.json) {
      print_json({{"file", options.file}, {"valid", false}, {"reason", file.error().text}});
    }
    return failure_of(file, quoted(options.file) + ": refused");
  }
  if (session.json) {
    print_json({{"file", options.file},
                {"valid", true},
                {"name", file->header.file_name},
                {"timestamp", file->header.timestamp},
                {"signer", certificate_json(*signer, calendar_now())}});
  } else {
    print_line(fmt::format("valid: {}, signed {} with {} by {}", file->header.file_name,
                           time_text(file->header.timestamp), wire::digest_name(file->header.digest),
                           name_text(signer->subject())));
  }
  return Answer::yes;
}

struct StripOptions {
  std::string file;
  std::string out;
};

Outcome strip(const StripOptions& options) {
  auto content = read_content(options.file);
  if (!content) return failure_of(content);
  auto file = wire::parse_signed_file(*content);
  if (!file) return std::unexpected(file.error().error().within(quoted(options.file)));
  if (file->header.encryption) warn(quoted(options.file) + ": the file inside is encrypted, and stays so");
  if (options.out.empty()) {
    print(as_text(file->content));
    return Answer::yes;
  }
  if (Status written = write_public(options.out, file->content); !written) {
    return failure_of(written);
  }
  return Answer::yes;
}

// --- command line

void add_sign(CLI::App& group, Session& session) {
  auto& command = *group.add_subcommand("sign", "Sign a file for phones");
  auto options = std::make_shared<SignOptions>();
  command.add_option("IN", options->in, "The file")->required()->type_name("");
  command.add_option("--out", options->out, "File to write (default: IN.sgn)")->type_name("F");
  command.add_option("--name", options->name, "Name that phones ask for (default: IN's name and .sgn)")
      ->type_name("N");
  command.add_option("--cert", options->certificate, "Signer (default: the cluster's TFTP certificate)")
      ->type_name("C");
  command.add_option("--key", options->key, "The signer's key")->type_name("K");
  add_signing_options(command, options->signing);
  session.add_json_flag(command);
  session.on(command, [&session, options] { return sign(session, *options); });
}

void add_show(CLI::App& group, Session& session) {
  auto& command = *group.add_subcommand("show", "Show a signed file's header, without judging it");
  auto path = std::make_shared<std::string>();
  command.add_option("F", *path, "A signed file")->required()->type_name("");
  session.add_json_flag(command);
  session.on(command, [&session, path] { return show(session, *path); });
}

void add_verify(CLI::App& group, Session& session) {
  auto& command = *group.add_subcommand("verify", "Check a signed file's signature");
  auto options = std::make_shared<VerifyOptions>();
  command.add_option("F", options->file, "A signed file")->required()->type_name("");
  command.add_option("--cert", options->certificate, "Who must have signed it (default: the cluster)")
      ->type_name("C");
  session.add_json_flag(command);
  session.on(command, [&session, options] { return verify(session, *options); });
}

void add_strip(CLI::App& group, Session& session) {
  auto& command = *group.add_subcommand("strip", "Give the file inside a signed file, without judging it");
  auto options = std::make_shared<StripOptions>();
  command.add_option("F", options->file, "A signed file")->required()->type_name("");
  command.add_option("--out", options->out, "File to write (default: standard output)")->type_name("FILE");
  session.on(command, [options] { return strip(*options); });
}

}  // namespace

void add_file_commands(CLI::App& app, Session& session) {
  auto& group = *app.add_subcommand("file", "Signed provisioning files");
  group.require_subcommand(1);
  add_sign(group, session);
  add_show(group, session);
  add_verify(group, session);
  add_strip(group, session);
}

}  // namespace anchord::ctl

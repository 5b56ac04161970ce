#include <fmt/format.h>

#include <memory>

#include "anchord/base/hex.h"
#include "anchord/trust/signed_file.h"
#include "anchord/wire/foreign_file.h"
#include "describe.h"
#include "describe_list.h"
#include "failure.h"
#include "file.h"
#include "files.h"
#include "output.h"
#include "session.h"

namespace anchord::ctl {
namespace {

Json encryption_json(const wire::Encryption& encryption) {
  return {{"key_bits", encryption.key_bits},
          {"pad_length", encryption.pad_length},
          {"digest", wire::digest_name(encryption.digest)},
          {"plain_digest", to_hex(encryption.digest_value)}};
}

// As of a file that is read whole, with null for what is not known of this one.
Json foreign_json(const wire::ForeignFile& file) {
  auto text = [](std::string_view value) { return value.empty() ? Json() : Json(value); };
  return {{"version", fmt::format("{}.{}", file.version.major, file.version.minor)},
          {"signer_version", nullptr},
          {"header_length", file.header_length},
          {"file_name", text(file.file_name)},
          {"timestamp", file.timestamp ? Json(*file.timestamp) : Json()},
          {"time", file.timestamp ? Json(time_text(*file.timestamp)) : Json()},
          {"digest", nullptr},
          {"signature_size", nullptr},
          {"signer",
           {{"subject", text(file.signer_name)},
            {"issuer", text(file.issuer_name)},
            {"serial", file.serial.empty() ? Json() : Json(to_hex(file.serial))}}},
          {"content_size", file.content.size()},
          {"encryption", nullptr}};
}

Outcome show_foreign(const Session& session, const std::string& path, std::size_t size,
                     const wire::ForeignFile& file) {
  if (session.json) {
    Json out{{"file", path}, {"size", size}};
    out.update(foreign_json(file));
    print_json(out);
    return Answer::yes;
  }
  auto text = [](std::string_view value) { return value.empty() ? std::string("-") : std::string(value); };
  print_facts({{"file name", text(file.file_name)},
               {"version", fmt::format("{}.{}, of another maker: its signature is not looked at",
                                       file.version.major, file.version.minor)},
               {"made", file.timestamp ? time_text(*file.timestamp) : "-"},
               {"size", fmt::format("{} bytes, {} of them header", size, file.header_length)},
               {"signer", text(file.signer_name)},
               {"  issuer", text(file.issuer_name)},
               {"  serial", text(to_hex(file.serial))},
               {"content", fmt::format("{} bytes", file.content.size())}});
  return Answer::yes;
}

Outcome show(const Session& session, const std::string& path) {
  auto content = read_content(path);
  if (!content) return failure_of(content);
  if (auto foreign = wire::parse_foreign_file(*content))
    return show_foreign(session, path, content->size(), *foreign);
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
  if (!encryption) {
    print_facts({{"content", fmt::format("{} bytes", file->content.size())}});
  } else {
    print_facts(
        {{"content", fmt::format("{} bytes, encrypted to an RSA key of {} bits", file->content.size(),
                                 encryption->key_bits)},
         {"  plain", fmt::format("{} bytes, {} {}", file->content.size() - encryption->pad_length,
                                 wire::digest_name(encryption->digest), to_hex(encryption->digest_value))}});
  }
  return Answer::yes;
}

struct FileVerifyOptions {
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

Outcome verify_file(const Session& session, const FileVerifyOptions& options) {
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
                {"encrypted", file->header.encryption.has_value()},
                {"timestamp", file->header.timestamp},
                {"signer", certificate_json(*signer, calendar_now())}});
  } else {
    print_line(fmt::format("valid: {}{}, signed {} with {} by {}", file->header.file_name,
                           file->header.encryption ? ", encrypted" : "", time_text(file->header.timestamp),
                           wire::digest_name(file->header.digest), name_text(signer->subject())));
  }
  return Answer::yes;
}

struct StripOptions {
  std::string file;
  std::string out;
};

Outcome give(const StripOptions& options, Bytes content) {
  if (options.out.empty()) {
    print(as_text(content));
    return Answer::yes;
  }
  if (Status written = write_public(options.out, content); !written) return failure_of(written);
  return Answer::yes;
}

Outcome strip(const StripOptions& options) {
  auto content = read_content(options.file);
  if (!content) return failure_of(content);
  if (auto foreign = wire::parse_foreign_file(*content)) return give(options, foreign->content);
  auto file = wire::parse_signed_file(*content);
  if (!file) return std::unexpected(file.error().error().within(quoted(options.file)));
  if (file->header.encryption)
    warn(quoted(options.file) + ": the file inside is encrypted, and stays so: 'file decrypt' opens it");
  return give(options, file->content);
}

// --- command line

void add_file_show(CLI::App& group, Session& session) {
  auto& command = *group.add_subcommand("show", "Show a signed file's header, without judging it");
  auto path = std::make_shared<std::string>();
  command.add_option("F", *path, "A signed file")->required()->type_name("");
  session.add_json_flag(command);
  session.on(command, [&session, path] { return show(session, *path); });
}

void add_file_verify(CLI::App& group, Session& session) {
  auto& command = *group.add_subcommand("verify", "Check a signed file's signature");
  auto options = std::make_shared<FileVerifyOptions>();
  command.add_option("F", options->file, "A signed file")->required()->type_name("");
  command.add_option("--cert", options->certificate, "Who must have signed it (default: the cluster)")
      ->type_name("C");
  session.add_json_flag(command);
  session.on(command, [&session, options] { return verify_file(session, *options); });
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
  add_file_making_commands(group, session);
  add_file_show(group, session);
  add_file_verify(group, session);
  add_strip(group, session);
}

}  // namespace anchord::ctl

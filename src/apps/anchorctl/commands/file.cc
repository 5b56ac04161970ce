#include <fmt/core.h>

#include <memory>

#include "anchord/base/file.h"
#include "anchord/base/hex.h"
#include "anchord/report/certificates.h"
#include "anchord/trust/signed_file.h"
#include "anchord/wire/foreign_file.h"
#include "commands/commands.h"
#include "commands/files.h"
#include "render/describe_list.h"
#include "render/output.h"

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

Shown show_foreign(const std::string& path, std::size_t size, const wire::ForeignFile& file) {
  Json out{{"file", path}, {"size", size}};
  out.update(foreign_json(file));
  auto text = [](std::string_view value) { return value.empty() ? std::string("-") : std::string(value); };
  return {std::move(out),
          Text().facts({{"file name", text(file.file_name)},
                        {"version", fmt::format("{}.{}, of another maker: its signature is not looked at",
                                                file.version.major, file.version.minor)},
                        {"made", file.timestamp ? time_text(*file.timestamp) : "-"},
                        {"size", fmt::format("{} bytes, {} of them header", size, file.header_length)},
                        {"signer", text(file.signer_name)},
                        {"  issuer", text(file.issuer_name)},
                        {"  serial", text(to_hex(file.serial))},
                        {"content", fmt::format("{} bytes", file.content.size())}})};
}

Outcome show_file(const std::string& path) {
  ANCHORD_TRY_ASSIGN(auto content, read_content(path));
  if (auto foreign = wire::parse_foreign_file(content)) return show_foreign(path, content.size(), *foreign);
  auto file = wire::parse_signed_file(content);
  if (!file) return std::unexpected(file.error().error().within(quoted(path)));
  const auto& encryption = file->header.encryption;
  Json out{{"file", path}, {"size", content.size()}};
  out.update(header_json(file->header));
  out["content_size"] = file->content.size();
  out["encryption"] = encryption ? encryption_json(*encryption) : Json();
  Text text = header_text(file->header, content.size());
  if (!encryption) {
    text.facts({{"content", fmt::format("{} bytes", file->content.size())}});
  } else {
    text.facts(
        {{"content", fmt::format("{} bytes, encrypted to an RSA key of {} bits", file->content.size(),
                                 encryption->key_bits)},
         {"  plain", fmt::format("{} bytes, {} {}", file->content.size() - encryption->pad_length,
                                 wire::digest_name(encryption->digest), to_hex(encryption->digest_value))}});
  }
  return Shown{std::move(out), std::move(text)};
}

struct FileVerifyOptions {
  std::string file;
  std::string certificate;
};

Result<crypto::Certificate> expected_signer(const Session& session, const std::string& certificate) {
  if (!certificate.empty()) return read_certificate(certificate);
  if (!session.has_state())
    wrong_usage("no signer to check against: give --cert, or a cluster with --state DIR");
  ANCHORD_TRY_ASSIGN(auto cluster, session.load_cluster(store::KeyUse::without_keys));
  return cluster.tftp.certificate;
}

Result<wire::SignedFile> verified(Bytes content, const crypto::Certificate& signer) {
  if (wire::parse_foreign_file(content))
    return fail("it is of another maker, whose signer is not known here: 'anchorctl file show' reads it");
  return trust::verify_signed_file(content, signer);
}

Outcome verify_file(const Session& session, const FileVerifyOptions& options) {
  ANCHORD_TRY_ASSIGN(auto signer, expected_signer(session, options.certificate));
  ANCHORD_TRY_ASSIGN(auto content, read_content(options.file));
  auto file = verified(content, signer);
  if (!file) {
    Json json{{"file", options.file}, {"valid", false}, {"reason", file.error().text}};
    return Shown{.json = std::move(json),
                 .text = {},
                 .failure = std::move(file.error()).within(quoted(options.file) + ": refused")};
  }
  return Shown{
      {{"file", options.file},
       {"valid", true},
       {"name", file->header.file_name},
       {"encrypted", file->header.encryption.has_value()},
       {"timestamp", file->header.timestamp},
       {"signer", certificate_json(signer, calendar_now())}},
      Text(fmt::format("valid: {}{}, signed {} with {} by {}", file->header.file_name,
                       file->header.encryption ? ", encrypted" : "", time_text(file->header.timestamp),
                       wire::digest_name(file->header.digest), name_text(signer.subject())))};
}

struct StripOptions {
  std::string file;
  std::string out;
};

Outcome give(const StripOptions& options, Bytes content) {
  if (options.out.empty()) {
    return Shown{{}, Text().as_it_is(std::string(as_text(content)))};
  }
  ANCHORD_TRY(write_public(options.out, content));
  return Shown{};
}

Outcome strip(const StripOptions& options) {
  ANCHORD_TRY_ASSIGN(auto content, read_content(options.file));
  if (auto foreign = wire::parse_foreign_file(content)) return give(options, foreign->content);
  auto file = wire::parse_signed_file(content);
  if (!file) return std::unexpected(file.error().error().within(quoted(options.file)));
  if (file->header.encryption)
    warn(quoted(options.file) + ": the file inside is encrypted, and stays so: 'file decrypt' opens it");
  return give(options, file->content);
}

Option signed_file_option(std::string& file) {
  return {.name = "F", .help = "A signed file", .target = &file, .required = true};
}

}  // namespace

Action file_show_command(Session& session) {
  auto path = std::make_shared<std::string>();
  return {{signed_file_option(*path), json_option(session)}, [path] { return show_file(*path); }};
}

Action file_verify_command(Session& session) {
  auto options = std::make_shared<FileVerifyOptions>();
  return {{signed_file_option(options->file),
           {.name = "--cert",
            .type = "C",
            .help = "Who must have signed it (default: the cluster)",
            .target = &options->certificate},
           json_option(session)},
          [&session, options] { return verify_file(session, *options); }};
}

Action file_strip_command(Session&) {
  auto options = std::make_shared<StripOptions>();
  return {{signed_file_option(options->file),
           {.name = "--out",
            .type = "FILE",
            .help = "File to write (default: standard output)",
            .target = &options->out}},
          [options] { return strip(*options); }};
}

}  // namespace anchord::ctl

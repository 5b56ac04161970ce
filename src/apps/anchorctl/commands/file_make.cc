#include <fmt/core.h>

#include <filesystem>
#include <memory>

#include "anchord/base/file.h"
#include "anchord/phone/file_kind.h"
#include "anchord/report/certificates.h"
#include "anchord/trust/encrypted_file.h"
#include "anchord/trust/signed_file.h"
#include "client/failure.h"
#include "commands/commands.h"
#include "commands/files.h"
#include "commands/signing_options.h"

namespace anchord::ctl {
namespace {

// --- sign, encrypt

struct MakeOptions {
  std::string in;
  std::string out;
  std::string name;
  std::string certificate;
  std::string key;
  std::string device;  // encrypt only
  SigningOptions signing;

  // What is made, where the command line does not say.
  std::string out_or(phone::FileForm form) const { return out.empty() ? phone::with_ending(in, form) : out; }
  std::string name_or(phone::FileForm form) const {
    return name.empty() ? phone::with_ending(std::filesystem::path(in).filename().string(), form) : name;
  }
};

struct Signer {
  trust::Identity identity;
  trust::SigningSettings settings;
};

Result<Signer> chosen_signer(const Session& session, const MakeOptions& options) {
  if (options.certificate.empty() != options.key.empty()) {
    wrong_usage("--cert and --key are given together or not at all");
  }
  if (!options.certificate.empty()) {
    ANCHORD_TRY_ASSIGN(auto identity, read_identity(options.certificate, options.key));
    return Signer{identity, options.signing.over({})};
  }
  if (!session.has_state()) wrong_usage("no signer: give --cert and --key, or a cluster with --state DIR");
  ANCHORD_TRY_ASSIGN(auto cluster, session.load_cluster(store::KeyUse::with_keys));
  return Signer{cluster.tftp, options.signing.over(cluster.signing)};
}

Outcome sign(const Session& session, const MakeOptions& options) {
  ANCHORD_TRY_ASSIGN(auto signer, chosen_signer(session, options));
  ANCHORD_TRY_ASSIGN(auto content, read_content(options.in));
  std::string out = options.out_or(phone::FileForm::sgn);
  std::string name = options.name_or(phone::FileForm::sgn);
  auto file = trust::sign_file(name, content, signer.identity, signer.settings, options.signing.time());
  if (!file) return failure_of(file, quoted(options.in));
  ANCHORD_TRY(write_public(out, *file));

  const crypto::Certificate& by = signer.identity.certificate;
  return Shown{{{"file", out},
                {"name", name},
                {"size", file->size()},
                {"signer", certificate_json(by, calendar_now())}},
               Text(fmt::format("wrote {}: {} bytes, named {}, signed by {}", out, file->size(), name,
                                name_text(by.subject())))};
}

Outcome encrypt(const Session& session, const MakeOptions& options) {
  ANCHORD_TRY_ASSIGN(auto signer, chosen_signer(session, options));
  ANCHORD_TRY_ASSIGN(auto device, read_certificate(options.device));
  if (Status possible = trust::can_encrypt_to(device); !possible) {
    return failure_of(possible, quoted(options.device));
  }
  ANCHORD_TRY_ASSIGN(auto content, read_content(options.in));
  std::string out = options.out_or(phone::FileForm::enc_sgn);
  std::string name = options.name_or(phone::FileForm::enc_sgn);
  auto file = trust::encrypt_file(name, content, device, trust::ContentKey::random(), signer.identity,
                                  signer.settings, options.signing.time());
  if (!file) return failure_of(file, quoted(options.in));
  Buffer whole = std::move(file->header);
  whole.insert(whole.end(), file->content.begin(), file->content.end());
  ANCHORD_TRY(write_public(out, whole));

  const crypto::Certificate& by = signer.identity.certificate;
  return Shown{{{"file", out},
                {"name", name},
                {"size", whole.size()},
                {"device", certificate_json(device, calendar_now())},
                {"signer", certificate_json(by, calendar_now())}},
               Text(fmt::format("wrote {}: {} bytes, named {}, encrypted to {}, signed by {}", out,
                                whole.size(), name, name_text(device.subject()), name_text(by.subject())))};
}

// --- decrypt

struct DecryptOptions {
  std::string file;
  std::string key;
  std::string out;
};

Outcome decrypt(const DecryptOptions& options) {
  ANCHORD_TRY_ASSIGN(auto key, read_key(options.key));
  ANCHORD_TRY_ASSIGN(auto content, read_content(options.file));
  auto plain = trust::decrypt_file(content, key);
  if (!plain) return failure_of(plain, quoted(options.file));
  if (options.out.empty()) {
    return Shown{{}, Text().as_it_is(std::string(as_text(*plain)))};
  }
  // There was a reason to encrypt it.
  ANCHORD_TRY(write_file(options.out, *plain, 0600));
  return Shown{};
}

Options make_options(MakeOptions& options, phone::FileForm form) {
  const std::string suffix(phone::ending_of(form));
  Options taken{{.name = "IN", .help = "The file", .target = &options.in, .required = true},
                {.name = "--out",
                 .type = "F",
                 .help = "File to write (default: IN" + suffix + ")",
                 .target = &options.out},
                {.name = "--name",
                 .type = "N",
                 .help = "Name that phones ask for (default: IN's name and " + suffix + ")",
                 .target = &options.name},
                {.name = "--cert",
                 .type = "C",
                 .help = "Signer (default: the cluster's TFTP certificate)",
                 .target = &options.certificate},
                {.name = "--key", .type = "K", .help = "The signer's key", .target = &options.key}};
  return std::move(taken) + signing_options(options.signing);
}

}  // namespace

Action file_sign_command(Session& session) {
  auto options = std::make_shared<MakeOptions>();
  return {make_options(*options, phone::FileForm::sgn) + json_option(session),
          [&session, options] { return sign(session, *options); }};
}

Action file_encrypt_command(Session& session) {
  auto options = std::make_shared<MakeOptions>();
  Option device{.name = "--device",
                .type = "CERT",
                .help = "The phone's certificate, with an RSA key",
                .target = &options->device,
                .required = true};
  return {make_options(*options, phone::FileForm::enc_sgn) + std::move(device) + json_option(session),
          [&session, options] { return encrypt(session, *options); }};
}

Action file_decrypt_command(Session&) {
  auto options = std::make_shared<DecryptOptions>();
  return {
      {{.name = "IN", .help = "An encrypted file", .target = &options->file, .required = true},
       {.name = "--key", .type = "KEY", .help = "The phone's key", .target = &options->key, .required = true},
       {.name = "--out",
        .type = "F",
        .help = "File to write, for its owner alone (default: standard output)",
        .target = &options->out}},
      [options] { return decrypt(*options); }};
}

}  // namespace anchord::ctl

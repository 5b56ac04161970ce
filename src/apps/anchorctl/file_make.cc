#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "anchord/base/file.h"
#include "anchord/phone/file_kind.h"
#include "anchord/trust/encrypted_file.h"
#include "anchord/trust/signed_file.h"
#include "describe.h"
#include "failure.h"
#include "file.h"
#include "files.h"
#include "output.h"
#include "signing_options.h"

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
    auto identity = read_identity(options.certificate, options.key);
    if (!identity) return failure_of(identity);
    return Signer{*identity, options.signing.over({})};
  }
  if (!session.has_state()) wrong_usage("no signer: give --cert and --key, or a cluster with --state DIR");
  auto cluster = session.load_cluster(store::KeyUse::with_keys);
  if (!cluster) return failure_of(cluster);
  return Signer{cluster->tftp, options.signing.over(cluster->signing)};
}

Outcome sign(const Session& session, const MakeOptions& options) {
  auto signer = chosen_signer(session, options);
  if (!signer) return failure_of(signer);
  auto content = read_content(options.in);
  if (!content) return failure_of(content);
  std::string out = options.out_or(phone::FileForm::sgn);
  std::string name = options.name_or(phone::FileForm::sgn);
  auto file = trust::sign_file(name, *content, signer->identity, signer->settings, options.signing.time());
  if (!file) return failure_of(file, quoted(options.in));
  if (Status written = write_public(out, *file); !written) return failure_of(written);

  const crypto::Certificate& by = signer->identity.certificate;
  if (session.json) {
    print_json({{"file", out},
                {"name", name},
                {"size", file->size()},
                {"signer", certificate_json(by, calendar_now())}});
  } else {
    print_line(fmt::format("wrote {}: {} bytes, named {}, signed by {}", out, file->size(), name,
                           name_text(by.subject())));
  }
  return Answer::yes;
}

Outcome encrypt(const Session& session, const MakeOptions& options) {
  auto signer = chosen_signer(session, options);
  if (!signer) return failure_of(signer);
  auto device = read_certificate(options.device);
  if (!device) return failure_of(device);
  if (Status possible = trust::can_encrypt_to(*device); !possible) {
    return failure_of(possible, quoted(options.device));
  }
  auto content = read_content(options.in);
  if (!content) return failure_of(content);
  std::string out = options.out_or(phone::FileForm::enc_sgn);
  std::string name = options.name_or(phone::FileForm::enc_sgn);
  auto file = trust::encrypt_file(name, *content, *device, trust::ContentKey::random(), signer->identity,
                                  signer->settings, options.signing.time());
  if (!file) return failure_of(file, quoted(options.in));
  Buffer whole = std::move(file->header);
  whole.insert(whole.end(), file->content.begin(), file->content.end());
  if (Status written = write_public(out, whole); !written) return failure_of(written);

  const crypto::Certificate& by = signer->identity.certificate;
  if (session.json) {
    print_json({{"file", out},
                {"name", name},
                {"size", whole.size()},
                {"device", certificate_json(*device, calendar_now())},
                {"signer", certificate_json(by, calendar_now())}});
  } else {
    print_line(fmt::format("wrote {}: {} bytes, named {}, encrypted to {}, signed by {}", out, whole.size(),
                           name, name_text(device->subject()), name_text(by.subject())));
  }
  return Answer::yes;
}

// --- decrypt

struct DecryptOptions {
  std::string file;
  std::string key;
  std::string out;
};

Outcome decrypt(const DecryptOptions& options) {
  auto key = read_key(options.key);
  if (!key) return failure_of(key);
  auto content = read_content(options.file);
  if (!content) return failure_of(content);
  auto plain = trust::decrypt_file(*content, *key);
  if (!plain) return failure_of(plain, quoted(options.file));
  if (options.out.empty()) {
    print(as_text(*plain));
    return Answer::yes;
  }
  // There was a reason to encrypt it.
  if (Status written = write_file(options.out, *plain, 0600); !written) return failure_of(written);
  return Answer::yes;
}

// --- command line

void add_make_options(CLI::App& command, MakeOptions& options, phone::FileForm form) {
  const std::string suffix(phone::ending_of(form));
  command.add_option("IN", options.in, "The file")->required()->type_name("");
  command.add_option("--out", options.out, "File to write (default: IN" + suffix + ")")->type_name("F");
  command
      .add_option("--name", options.name, "Name that phones ask for (default: IN's name and " + suffix + ")")
      ->type_name("N");
  command.add_option("--cert", options.certificate, "Signer (default: the cluster's TFTP certificate)")
      ->type_name("C");
  command.add_option("--key", options.key, "The signer's key")->type_name("K");
  add_signing_options(command, options.signing);
}

void add_sign(CLI::App& group, Session& session) {
  auto& command = *group.add_subcommand("sign", "Sign a file for phones");
  auto options = std::make_shared<MakeOptions>();
  add_make_options(command, *options, phone::FileForm::sgn);
  session.add_json_flag(command);
  session.on(command, [&session, options] { return sign(session, *options); });
}

void add_encrypt(CLI::App& group, Session& session) {
  auto& command = *group.add_subcommand("encrypt", "Encrypt a file to one phone, and sign it");
  auto options = std::make_shared<MakeOptions>();
  add_make_options(command, *options, phone::FileForm::enc_sgn);
  command.add_option("--device", options->device, "The phone's certificate, with an RSA key")
      ->required()
      ->type_name("CERT");
  session.add_json_flag(command);
  session.on(command, [&session, options] { return encrypt(session, *options); });
}

void add_decrypt(CLI::App& group, Session& session) {
  auto& command =
      *group.add_subcommand("decrypt", "Give the plain file inside an encrypted one, whoever signed it");
  auto options = std::make_shared<DecryptOptions>();
  command.add_option("IN", options->file, "An encrypted file")->required()->type_name("");
  command.add_option("--key", options->key, "The phone's key")->required()->type_name("KEY");
  command.add_option("--out", options->out, "File to write, for its owner alone (default: standard output)")
      ->type_name("F");
  session.on(command, [options] { return decrypt(*options); });
}

}  // namespace

void add_file_making_commands(CLI::App& group, Session& session) {
  add_sign(group, session);
  add_encrypt(group, session);
  add_decrypt(group, session);
}

}  // namespace anchord::ctl

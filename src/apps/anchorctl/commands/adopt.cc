#include "commands/adopt.h"

#include <fmt/core.h>

#include <filesystem>

#include "anchord/base/file.h"
#include "anchord/wire/trust_list.h"
#include "client/failure.h"
#include "commands/files.h"
#include "commands/session.h"

namespace anchord::ctl {
namespace {

// A file's own name may have a comma in it.
std::pair<std::string, std::string> split(const std::string& text) {
  std::error_code ignored;
  std::size_t comma = text.rfind(',');
  if (comma == text.npos || std::filesystem::exists(text, ignored)) return {text, text};
  return {text.substr(0, comma), text.substr(comma + 1)};
}

Status read_all(const std::vector<std::string>& files, std::vector<trust::Identity>& identities) {
  for (const std::string& file : files) {
    ANCHORD_TRY_ASSIGN(auto identity, read_identity(file));
    identities.push_back(std::move(identity));
  }
  return {};
}

}  // namespace

Result<trust::Identity> read_identity(const std::string& text) {
  const auto [file, key_file] = split(text);
  ANCHORD_TRY_ASSIGN(auto certificate, read_certificate(file));
  auto key = read_key(key_file);
  if (!key && key_file == file) {
    return fail(
        fmt::format("{}: give its private key in the same file, or as FILE,KEYFILE", key.error().text));
  }
  if (!key) return failure_of(key);
  if (!key->matches(certificate)) {
    return fail(fmt::format("the private key in {} is not that of the certificate in {}", quoted(key_file),
                            quoted(file)));
  }
  return trust::Identity{std::move(certificate), std::move(*key)};
}

Options adopt_options(AdoptOptions& options) {
  const std::string with_key = "FILE[,KEYFILE]";
  return {
      {.name = "--adopt",
       .help = "Take over keys that phones trust already; what is not given is made",
       .target = &options.adopt},
      {.name = "--sast",
       .type = with_key,
       .help = "Certificate and key (PEM): the first is the TFTP signer, the second ITLRecovery",
       .target = &options.sast,
       .one_value_each = true},
      {.name = "--tvs",
       .type = with_key,
       .help = "Certificate and key of a verification service, in the order of the hosts",
       .target = &options.tvs,
       .one_value_each = true},
      {.name = "--capf", .type = with_key, .help = "Certificate and key of CAPF", .target = &options.capf},
      {.name = "--itl",
       .type = "FILE",
       .help = "The list that phones hold now: the new one must be accepted by them, or nothing is made",
       .target = &options.itl}};
}

Result<store::Adopted> read_adopted(const AdoptOptions& options) {
  bool any = !options.sast.empty() || !options.tvs.empty();
  if (!options.adopt && (any || !options.capf.empty() || !options.itl.empty())) {
    wrong_usage("--sast, --tvs, --capf and --itl go with --adopt");
  }
  if (options.adopt && !any) wrong_usage("--adopt needs what to take over: give --sast FILE");
  store::Adopted adopted;
  ANCHORD_TRY(read_all(options.sast, adopted.signers));
  ANCHORD_TRY(read_all(options.tvs, adopted.tvs));
  if (!options.capf.empty()) {
    ANCHORD_TRY_ASSIGN(auto capf, read_identity(options.capf));
    adopted.capf = std::move(capf);
  }
  if (!options.itl.empty()) {
    ANCHORD_TRY_ASSIGN(auto itl, read_file(options.itl, wire::kMaxTrustListSize));
    if (itl.empty()) return fail(quoted(options.itl) + " is empty");
    adopted.itl = std::move(itl);
  }
  return adopted;
}

}  // namespace anchord::ctl

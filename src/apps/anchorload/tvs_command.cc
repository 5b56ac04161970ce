#include "tvs_command.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>

#include "tvs_client.h"

namespace anchord::load {
namespace {

// Stops a folder that was not meant.
constexpr std::size_t kMaxCertificates = std::size_t{1} << 20;

// Of a folder, whatever in it is a certificate: keys often lie beside them.
Status add_folder(const std::string& folder, std::vector<Buffer>& out) {
  std::error_code error;
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.is_regular_file()) files.push_back(entry.path().string());
    if (files.size() > kMaxCertificates) return fail("--cert-dir: more than 1,048,576 files");
  }
  if (error) return fail("--cert-dir: " + folder + ": " + error.message());
  std::ranges::sort(files);
  for (const std::string& file : files) {
    if (auto certificate = read_certificate(file)) out.push_back(to_buffer(certificate->der()));
  }
  return {};
}

Result<std::vector<Buffer>> read_certificates(const TvsFlags& t) {
  std::vector<Buffer> out;
  for (const std::string& file : t.certs) {
    auto certificate = read_certificate(file);
    if (!certificate) return std::unexpected(std::move(certificate.error()));
    out.push_back(to_buffer(certificate->der()));
  }
  if (!t.cert_dir.empty()) {
    if (Status added = add_folder(t.cert_dir, out); !added) return std::unexpected(std::move(added.error()));
  }
  if (out.empty()) return fail("there is no certificate to ask about: --cert FILE or --cert-dir DIR");
  return out;
}

Result<crypto::TlsClientSettings> tls_of(const TvsFlags& t) {
  crypto::TlsClientSettings out;
  if (!t.tls_version.empty()) {
    auto version = crypto::parse_tls_version(t.tls_version);
    if (!version) return std::unexpected(std::move(version.error()).within("--tls-version"));
    out.min = out.max = *version;
  }
  if (!t.ciphers.empty()) out.ciphers = t.ciphers;
  if (t.tls_cert.empty()) return out;
  auto pinned = read_certificate(t.tls_cert);
  if (!pinned) return std::unexpected(std::move(pinned.error()));
  out.pinned = std::move(*pinned);
  return out;
}

TvsMode mode_of(const std::string& text) {
  static const std::map<std::string, TvsMode> kModes = {{"connect", TvsMode::connect},
                                                        {"resume", TvsMode::resume},
                                                        {"keepalive", TvsMode::keepalive},
                                                        {"pipeline", TvsMode::pipeline}};
  return kModes.at(text);
}

}  // namespace

CLI::App& define_tvs(CLI::App& app, TvsFlags& t) {
  CLI::App& tvs = *app.add_subcommand("tvs", "ask a verification service about certificates");
  t.port = 2445;
  t.plan.protocol = t.plan.subject = "tvs";
  t.plan.things = "answers";
  define_common(tvs, t);
  define_requests(tvs, t);
  tvs.add_option("--cert", t.certs, "a certificate to ask about, PEM or DER; may be repeated");
  tvs.add_option("--cert-dir", t.cert_dir, "a folder: each certificate in it is asked about in turn");
  tvs.add_option(
         "--mode", t.mode,
         "connect: a new connection for each question; resume: likewise, resumed; keepalive: all on one; "
         "pipeline: likewise, several at once, and the next when all are answered")
      ->check(CLI::IsMember({"connect", "resume", "keepalive", "pipeline"}))
      ->capture_default_str();
  tvs.add_option("--depth", t.depth, "with pipeline: questions sent at once, each in a record of its own")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  tvs.add_option("--timeout", t.timeout, "seconds after which a question without an answer has failed")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str();
  tvs.add_option(
         "--expect", t.expect,
         "known or unknown: any other answer is an error. Without it all answers about one certificate "
         "must be the same")
      ->check(CLI::IsMember({"known", "unknown"}));
  tvs.add_option("--tls-version", t.tls_version, "1.0, 1.1, 1.2 or 1.3, and no other (default: 1.2 or 1.3)");
  tvs.add_option("--ciphers", t.ciphers, "for TLS 1.2 and older, in OpenSSL's notation");
  tvs.add_option("--tls-cert", t.tls_cert, "the certificate that the service must present");
  return tvs;
}

int run_tvs(TvsFlags& t) {
  if (Status completed = complete(t); !completed) return complain(completed.error().text, kWrongCommandLine);
  TvsLoadSettings settings{.mode = mode_of(t.mode), .timeout = static_cast<Millis>(t.timeout * 1000)};
  if (settings.mode == TvsMode::pipeline) settings.depth = t.depth;
  if (!t.expect.empty()) settings.known = t.expect == "known";
  auto certificates = read_certificates(t);
  if (!certificates) return complain(certificates.error().text, kFailed);
  settings.certificates = std::move(*certificates);
  auto tls = tls_of(t);
  if (!tls) return complain(tls.error().text, kFailed);
  settings.tls = std::move(*tls);
  TvsProtocol protocol(t.plan, std::move(settings));
  return measure(t, protocol);
}

}  // namespace anchord::load

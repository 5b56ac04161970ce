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
    ANCHORD_TRY_ASSIGN(auto certificate, read_certificate(file));
    out.push_back(to_buffer(certificate.der()));
  }
  if (!t.cert_dir.empty()) {
    ANCHORD_TRY(add_folder(t.cert_dir, out));
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
  ANCHORD_TRY_ASSIGN(auto pinned, read_certificate(t.tls_cert));
  out.pinned = std::move(pinned);
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

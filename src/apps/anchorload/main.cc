// anchorload: the traffic generator. Which protocols it has, and those that fetch files.

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "anchord/phone/file_kind.h"
#include "boot_command.h"
#include "command.h"
#include "copies.h"
#include "http_client.h"
#include "tftp_client.h"
#include "tvs_command.h"

namespace anchord::load {
namespace {

struct FileFlags : Flags {
  std::vector<std::string> files;
  std::string check;
};

struct TftpFlags : FileFlags {
  std::optional<std::uint16_t> blksize;
  std::optional<std::uint16_t> windowsize;
  std::optional<std::uint16_t> timeout;
  bool tsize = false;
  std::string mode = "octet";
};

struct HttpFlags : FileFlags {
  unsigned depth = 1;
  double timeout = 5;
  bool tls = false;
  std::string tls_cert;
};

void define_files(CLI::App& app, FileFlags& f) {
  define_common(app, f);
  define_requests(app, f);
  app.add_option("--file", f.files,
                 "a file to ask for; may be repeated, each is asked for in turn. One range of hexadecimal "
                 "numbers, as in " +
                     phone::file_name(phone::FileKind::configuration, "SEP{000000000000..00000000270F}") +
                     ", stands for all its names")
      ->required();
  app.add_option(
      "--check", f.check,
      "the folder with the same files: each must be the same, byte for byte (a signed one, " +
          std::string(phone::ending_of(phone::FileForm::sgn)) +
          ", that is not there: behind its header). Without it all copies of a name must be the same");
}

CLI::App& define_tftp(CLI::App& app, TftpFlags& t) {
  CLI::App& tftp = *app.add_subcommand("tftp", "read files by TFTP, each client from ports of its own");
  t.port = 69;
  define_files(tftp, t);
  tftp.add_option("--blksize", t.blksize, "ask for this block size")
      ->check(CLI::Range(int{wire::kTftpMinBlockSize}, int{wire::kTftpMaxBlockSize}));
  tftp.add_option("--windowsize", t.windowsize, "ask for this window")->check(CLI::Range(1, 65535));
  tftp.add_option(
          "--timeout", t.timeout,
          "ask for this time-out, in seconds, and repeat packets after it too (default: 1, not asked for)")
      ->check(CLI::Range(1, 255));
  tftp.add_flag("--tsize", t.tsize, "ask for the size, and compare");
  tftp.add_option("--mode", t.mode)->check(CLI::IsMember({"octet", "netascii"}))->capture_default_str();
  tftp.add_option("--loss", t.plan.loss,
                  "percent of the received packets that are dropped, by chance; each read is from a new port")
      ->check(CLI::Range(0.0, 99.0));
  return tftp;
}

CLI::App& define_http(CLI::App& app, HttpFlags& h) {
  CLI::App& http =
      *app.add_subcommand("http", "read files by HTTP, each client on a connection that stays open");
  h.port = 6970;
  define_files(http, h);
  http.add_option("--depth", h.depth,
                  "requests sent at once on each connection (pipelining); the next when all are answered")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  http.add_option("--timeout", h.timeout,
                  "seconds after which a request has failed whose answer is not complete")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str();
  http.add_flag("--tls", h.tls, "HTTPS");
  http.add_option("--tls-cert", h.tls_cert, "with --tls: the certificate that the server must present");
  return http;
}

int run_tftp(TftpFlags& t) {
  t.plan.protocol = "tftp";
  t.plan.things = "transfers";
  t.plan.subject = "tftp";
  if (Status completed = complete(t); !completed) return complain(completed.error().text, kWrongCommandLine);
  auto names = FileNames::parse(t.files);
  if (!names) return complain(names.error().text, kWrongCommandLine);
  auto copies = Copies::create(std::move(*names), t.check);
  if (!copies) return complain(copies.error().text, kFailed);
  TftpReadSettings settings{.mode = t.mode == "octet" ? wire::TftpMode::octet : wire::TftpMode::netascii};
  settings.options = {.blksize = t.blksize, .windowsize = t.windowsize};
  if (t.tsize) settings.options.tsize = 0;
  // What is repeated because of a loss may come after the end of its read.
  settings.new_ports = t.plan.loss > 0;
  if (t.timeout) {
    settings.options.timeout = static_cast<std::uint8_t>(*t.timeout);
    settings.timeout = Millis{*t.timeout} * 1000;
  }
  TftpProtocol protocol(t.plan, settings, **copies);
  return measure(t, protocol);
}

int run_http(HttpFlags& h) {
  h.plan.protocol = "http";
  h.plan.things = "responses";
  h.plan.subject = "http";
  if (Status completed = complete(h); !completed) return complain(completed.error().text, kWrongCommandLine);
  auto names = FileNames::parse(h.files);
  if (!names) return complain(names.error().text, kWrongCommandLine);
  if (!h.tls && !h.tls_cert.empty())
    return complain("--tls-cert is of use with --tls only", kWrongCommandLine);
  auto copies = Copies::create(std::move(*names), h.check);
  if (!copies) return complain(copies.error().text, kFailed);
  std::optional<crypto::TlsClientSettings> tls;
  if (h.tls) {
    tls.emplace();
    if (!h.tls_cert.empty()) {
      auto pinned = read_certificate(h.tls_cert);
      if (!pinned) return complain(pinned.error().text, kFailed);
      tls->pinned = std::move(*pinned);
    }
  }
  HttpProtocol protocol(h.plan, h.depth, static_cast<Millis>(h.timeout * 1000), **copies, std::move(tls));
  return measure(h, protocol);
}

int main_of(int argc, char** argv) {
  CLI::App app{"Asks a server for what phones ask for, checks every answer, and measures."};
  app.name("anchorload");
  app.set_version_flag("-V,--version", "anchorload " ANCHORD_VERSION);
  app.require_subcommand(1);
  // So that -V is understood behind a sub-command, too.
  app.fallthrough();
  TftpFlags tftp_flags;
  HttpFlags http_flags;
  BootFlags boot_flags;
  TvsFlags tvs_flags;
  const CLI::App& tftp = define_tftp(app, tftp_flags);
  const CLI::App& http = define_http(app, http_flags);
  const CLI::App& boot = define_boot(app, boot_flags);
  define_tvs(app, tvs_flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);
    return complain(std::string(e.what()) + " (see anchorload --help)", kWrongCommandLine);
  }
  if (tftp.parsed()) return run_tftp(tftp_flags);
  if (http.parsed()) return run_http(http_flags);
  if (boot.parsed()) return run_boot(boot_flags);
  return run_tvs(tvs_flags);
}

}  // namespace
}  // namespace anchord::load

int main(int argc, char** argv) {
  try {
    return anchord::load::main_of(argc, argv);
  } catch (const std::exception& error) {
    return anchord::load::complain(error.what(), anchord::load::kFailed);
  }
}

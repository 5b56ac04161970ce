// anchorload: the traffic generator. Its flags, its protocols, and how it ends.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "anchord/base/file.h"
#include "copies.h"
#include "http_client.h"
#include "report.h"
#include "runner.h"
#include "tftp_client.h"

namespace anchord::load {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongCommandLine = 2;

// What is common to all protocols that fetch files.
struct Flags {
  std::string host;
  std::uint16_t port = 0;
  bool allow_remote = false;
  std::vector<std::string> files;
  std::string check;
  std::optional<double> seconds;
  bool json = false;
  std::string out;
  bool fail_on_error = false;
  Plan plan;
};

struct TftpFlags {
  std::optional<std::uint16_t> blksize;
  std::optional<std::uint16_t> windowsize;
  std::optional<std::uint16_t> timeout;
  bool tsize = false;
  std::string mode = "octet";
};

struct HttpFlags {
  unsigned depth = 1;
  double timeout = 5;
  bool tls = false;
  std::string tls_cert;
};

void define_common(CLI::App& app, Flags& f) {
  Plan& plan = f.plan;
  app.add_option("--host", f.host, "the server's address")->required();
  app.add_option("--port", f.port)->capture_default_str()->check(CLI::Range(1, 65535));
  app.add_flag("--allow-remote", f.allow_remote, "the server may be another machine");
  app.add_option("--file", f.files,
                 "a file to ask for; may be repeated, each is asked for in turn. One range of hexadecimal "
                 "numbers, as in SEP{000000000000..00000000270F}.cnf.xml, stands for all its names")
      ->required();
  app.add_option("--check", f.check,
                 "the folder with the same files: each must be the same, byte for byte (a signed one, .sgn, "
                 "that is not there: behind its header). Without it all copies of a name must be the same");
  app.add_option("--connections", plan.connections, "clients at once")
      ->check(CLI::Range(1u, kMaxConnections))
      ->capture_default_str();
  app.add_option("--threads", plan.threads, "threads that they are divided among")
      ->check(CLI::Range(1u, kMaxThreads))
      ->capture_default_str();
  app.add_option("--seconds", f.seconds, "for how long (default: 10, or until --count is reached)")
      ->check(CLI::Range(0.05, 86400.0));
  app.add_option("--count", plan.count, "end after so many")->check(CLI::PositiveNumber);
  app.add_option("--rate", plan.rate,
                 "so many begin each second, whatever the server does, and their latency counts from when "
                 "they were due. Without it each client asks again as soon as it has been served")
      ->check(CLI::Range(0.001, 1e7));
  app.add_option("--pid", plan.pid, "the server's process, to print its CPU time")
      ->check(CLI::PositiveNumber);
  app.add_flag("--json", f.json, "print one JSON document");
  app.add_option("--out", f.out, "write the JSON document to this file");
  app.add_flag("--fail-on-error", f.fail_on_error,
               "exit with 1 after any error, or if nothing was completed. Wrong bytes and broken protocol "
               "do so always");
}

CLI::App& define_tftp(CLI::App& app, Flags& f, TftpFlags& t) {
  CLI::App& tftp = *app.add_subcommand("tftp", "read files by TFTP, each client from a port of its own");
  f.port = 69;
  define_common(tftp, f);
  tftp.add_option("--blksize", t.blksize, "ask for this block size")
      ->check(CLI::Range(int{wire::kTftpMinBlockSize}, int{wire::kTftpMaxBlockSize}));
  tftp.add_option("--windowsize", t.windowsize, "ask for this window")->check(CLI::Range(1, 65535));
  tftp.add_option(
          "--timeout", t.timeout,
          "ask for this time-out, in seconds, and repeat packets after it too (default: 1, not asked for)")
      ->check(CLI::Range(1, 255));
  tftp.add_flag("--tsize", t.tsize, "ask for the size, and compare");
  tftp.add_option("--mode", t.mode)->check(CLI::IsMember({"octet", "netascii"}))->capture_default_str();
  tftp.add_option("--loss", f.plan.loss, "percent of the received packets that are dropped, by chance")
      ->check(CLI::Range(0.0, 99.0));
  return tftp;
}

CLI::App& define_http(CLI::App& app, Flags& f, HttpFlags& h) {
  CLI::App& http =
      *app.add_subcommand("http", "read files by HTTP, each client on a connection that stays open");
  f.port = 6970;
  define_common(http, f);
  http.add_option("--depth", h.depth, "requests under way on each connection (pipelining)")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  http.add_option("--timeout", h.timeout, "seconds without a byte after which a request has failed")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str();
  http.add_flag("--tls", h.tls, "HTTPS");
  http.add_option("--tls-cert", h.tls_cert, "with --tls: the certificate that the server must present");
  return http;
}

int complain(const std::string& line, int code) {
  std::fprintf(stderr, "anchorload: %s\n", line.c_str());
  return code;
}

bool is_loopback(const io::Host& host) {
  return io::parse_network("127.0.0.0/8")->contains(host) || host == *io::parse_host("::1");
}

// What CLI11 cannot check by itself.
Status complete(Flags& f) {
  auto host = io::parse_host(f.host);
  if (!host) return std::unexpected(std::move(host.error()).within("--host"));
  if (!f.allow_remote && !is_loopback(*host)) {
    return fail("--host: " + f.host +
                " is not this machine's loopback; --allow-remote, if it is yours to load");
  }
  f.plan.target = {.host = *host, .port = f.port};
  if (f.plan.threads > f.plan.connections) return fail("--threads: more than there are --connections");
  f.plan.seconds = f.seconds.value_or(f.plan.count > 0 ? 0 : 10);
  return {};
}

Result<crypto::TlsClientSettings> tls_settings(const HttpFlags& h) {
  crypto::TlsClientSettings out;
  if (h.tls_cert.empty()) return out;
  auto file = read_file(h.tls_cert, std::size_t{1} << 20);
  if (!file) return std::unexpected(file.error());
  auto certificate = crypto::Certificate::from_pem_or_der(*file);
  if (!certificate) return std::unexpected(std::move(certificate.error()).within(h.tls_cert));
  out.pinned = std::move(*certificate);
  return out;
}

// Whatever the exit code: the server's own mistakes are never passed over.
bool is_server_wrong(const Tally& total) {
  return total.errors[static_cast<std::size_t>(ErrorKind::protocol)] > 0 ||
         total.errors[static_cast<std::size_t>(ErrorKind::content)] > 0;
}

int measure(const Flags& f, Protocol& protocol, const Copies& copies) {
  auto outcome = run(f.plan, protocol);
  if (!outcome) return complain(outcome.error().text, kFailed);
  const Json facts = protocol.facts();
  const std::string document =
      json_report(f.plan, *outcome, copies, facts).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  const std::string text = f.json ? document : text_report(f.plan, *outcome, copies, facts);
  if (!f.out.empty()) {
    if (Status written = write_file(f.out, as_bytes(document), 0644); !written) {
      return complain(written.error().text, kFailed);
    }
  }
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (std::fflush(stdout) != 0) return complain("standard output could not be written", kFailed);
  if (is_server_wrong(outcome->total)) return kFailed;
  const bool any_completed = outcome->total.completed + outcome->total.late > 0;
  return f.fail_on_error && (outcome->total.failed() > 0 || !any_completed) ? kFailed : 0;
}

int run_tftp(Flags& f, const TftpFlags& t) {
  f.plan.protocol = "tftp";
  f.plan.things = "transfers";
  auto names = FileNames::parse(f.files);
  if (!names) return complain(names.error().text, kWrongCommandLine);
  auto copies = Copies::create(std::move(*names), f.check);
  if (!copies) return complain(copies.error().text, kFailed);
  TftpWish wish{.mode = t.mode == "octet" ? wire::TftpMode::octet : wire::TftpMode::netascii};
  wish.options = {.blksize = t.blksize, .windowsize = t.windowsize};
  if (t.tsize) wish.options.tsize = 0;
  if (t.timeout) {
    wish.options.timeout = static_cast<std::uint8_t>(*t.timeout);
    wish.patience = Millis{*t.timeout} * 1000;
  }
  TftpProtocol protocol(f.plan, wish, **copies);
  return measure(f, protocol, **copies);
}

int run_http(Flags& f, const HttpFlags& h) {
  f.plan.protocol = "http";
  f.plan.things = "responses";
  auto names = FileNames::parse(f.files);
  if (!names) return complain(names.error().text, kWrongCommandLine);
  if (!h.tls && !h.tls_cert.empty())
    return complain("--tls-cert is of use with --tls only", kWrongCommandLine);
  auto copies = Copies::create(std::move(*names), f.check);
  if (!copies) return complain(copies.error().text, kFailed);
  std::optional<crypto::TlsClientSettings> tls;
  if (h.tls) {
    auto settings = tls_settings(h);
    if (!settings) return complain(settings.error().text, kFailed);
    tls = std::move(*settings);
  }
  HttpProtocol protocol(f.plan, h.depth, static_cast<Millis>(h.timeout * 1000), **copies, std::move(tls));
  return measure(f, protocol, **copies);
}

int main_of(int argc, char** argv) {
  CLI::App app{"Asks a server for what phones ask for, checks every answer, and measures."};
  app.name("anchorload");
  app.set_version_flag("--version", "anchorload " ANCHORD_VERSION);
  app.require_subcommand(1);
  Flags tftp_common;
  TftpFlags tftp_flags;
  Flags http_common;
  HttpFlags http_flags;
  const CLI::App& tftp = define_tftp(app, tftp_common, tftp_flags);
  define_http(app, http_common, http_flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);
    return complain(std::string(e.what()) + " (see anchorload --help)", kWrongCommandLine);
  }
  Flags& common = tftp.parsed() ? tftp_common : http_common;
  if (Status completed = complete(common); !completed) {
    return complain(completed.error().text, kWrongCommandLine);
  }
  return tftp.parsed() ? run_tftp(common, tftp_flags) : run_http(common, http_flags);
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

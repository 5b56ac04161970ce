// The one file that includes CLI11, which takes long to compile.
#include "flags.h"

#include <CLI/CLI.hpp>

#include "anchord/phone/file_kind.h"
#include "anchord/wire/tftp.h"

namespace anchord::load {
namespace {

// For every protocol.
void define_common(CLI::App& app, Flags& f) {
  Plan& plan = f.plan;
  app.add_option("--host", f.host, "the server's address")->required();
  app.add_flag("--allow-remote", f.allow_remote, "the server may be another machine");
  app.add_flag("--one-address", f.one_address,
               "all clients at one address. Without it each is at one of its own on the loopback, "
               "127.16.0.0/12, if the server is at 127.0.0.0/8");
  app.add_option("--connections", f.connections, "clients at once")->check(CLI::Range(1u, kMaxConnections));
  app.add_option("--threads", plan.threads, "threads that they are divided among")
      ->check(CLI::Range(1u, kMaxThreads))
      ->capture_default_str();
  app.add_option("--warmup", plan.warmup,
                 "seconds at the begin that are not measured: requests, latencies and CPU time count from "
                 "then on, and --seconds and --count too. Errors count always, and so does what the report "
                 "says of the protocol")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  app.add_option("--seconds", f.seconds, "for how long")->check(CLI::Range(0.05, 86400.0));
  app.add_option("--rate", plan.rate,
                 "so many begin each second, whatever the server does, and their latency counts from when "
                 "they were due. Without it each client begins again as soon as it has been served")
      ->check(CLI::Range(0.001, 1e7));
  app.add_option("--pid", plan.pid, "the server's process, to print its CPU time")
      ->check(CLI::PositiveNumber);
  app.add_flag("--json", f.json, "print one JSON document");
  app.add_option("--out", f.out, "write the JSON document to this file");
  app.add_flag("--fail-on-error", f.fail_on_error,
               "exit with 1 after any error, or if nothing was completed. Wrong bytes and broken protocol "
               "do so always");
}

// Where each request is like the other: at which port, and how many.
void define_requests(CLI::App& app, Flags& f) {
  app.add_option("--port", f.port)->capture_default_str()->check(CLI::Range(1, 65535));
  app.add_option("--count", f.plan.count, "end after so many (default: after 10 seconds)")
      ->check(CLI::PositiveNumber);
}

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
  tftp.add_option("--tries", t.tries,
                  "how often a packet is sent in vain before the read fails. A server that waits twice as "
                  "long each time sends only three within the default: ask for more where many are lost")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
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

void define_phones(CLI::App& boot, BootFlags& b) {
  boot.add_option("--phones", b.row.count, "how many there are")
      ->required()
      ->check(CLI::Range(1u, kMaxPhones));
  boot.add_option("--first", b.row.first, "the phone with number 0; the others follow by MAC address")
      ->capture_default_str();
  boot.add_option("--from", b.row.from, "the number of the first that boots: --phones counts from here")
      ->check(CLI::Range(0u, kMaxPhones))
      ->capture_default_str();
  boot.add_option("--model", b.row.model)->capture_default_str();
  boot.add_option("--without-security-by-default", b.row.without_security,
                  "percent of them that are older models: they check nothing")
      ->check(CLI::Range(0.0, 100.0));
  boot.add_option("--trust", b.trust,
                  "the folder where each keeps its lists and configuration from one run to the next");
  auto* ramp = boot.add_option("--ramp", b.ramp, "begin them over so many seconds (default: all at once)")
                   ->check(CLI::Range(0.001, 86400.0));
  ramp->excludes(boot.get_option("--rate"));
  auto* boots = boot.add_option("--boots", b.boots, "how often each boots, one after the other")
                    ->check(CLI::PositiveNumber)
                    ->capture_default_str();
  boots->excludes(boot.get_option("--seconds"));
  // Each of them boots so and so often, no more.
  boot.get_option("--warmup")->needs(boot.get_option("--seconds"));
}

void define_servers(CLI::App& boot, BootFlags& b) {
  boot.add_option(
          "--protocol", b.protocol,
          "how files are fetched: http, https, tftp, or auto: by HTTP, and from whom does not answer, "
          "by TFTP")
      ->check(CLI::IsMember({"auto", "http", "https", "tftp"}))
      ->capture_default_str();
  const auto port = CLI::Range(1, 65535);
  boot.add_option("--tftp-port", b.tftp_port)->check(port)->capture_default_str();
  boot.add_option("--http-port", b.http_port)->check(port)->capture_default_str();
  boot.add_option("--https-port", b.https_port)->check(port)->capture_default_str();
  boot.add_option("--tvs-port", b.tvs_port)->check(port)->capture_default_str();
  boot.add_option("--tvs", b.tvs,
                  "a verification service, as HOST[:PORT]; may be repeated, they are asked in their order "
                  "(default: the server)");
  boot.add_option("--timeout", b.timeout, "seconds without an answer after which there is none")
      ->check(CLI::Range(0.05, 3600.0))
      ->capture_default_str();
  boot.add_option("--rest", b.rest,
                  "seconds that a phone rests before it asks again when nobody gave it a file (default: a "
                  "fifth of --timeout)")
      ->check(CLI::Range(0.05, 3600.0));
}

void define_faults(CLI::App& boot, BootFlags& b) {
  boot.add_option("--unreachable", b.faults.unreachable,
                  "this service does not answer so many percent of the phones: tvs, http or tftp, as "
                  "SERVICE[:PERCENT] (default: 100); may be repeated");
  boot.add_option("--cut", b.faults.cut,
                  "percent of the transfers that are cut at a random byte: the phone got nothing, and the "
                  "server hears of nothing behind it")
      ->capture_default_str();
  boot.add_option("--off-at", b.faults.off,
                  "percent of the phones that switch off at a random point of the boot; they keep what "
                  "they have installed until then")
      ->capture_default_str();
  boot.add_option("--seed", b.faults.seed, "who is hit by these; the same number, the same phones")
      ->capture_default_str();
}

CLI::App& define_boot(CLI::App& app, BootFlags& b) {
  CLI::App& boot = *app.add_subcommand("boot", "virtual phones boot, and check every signature and answer");
  b.plan.protocol = "boot";
  b.plan.things = "boots";
  b.plan.subject = "phones";
  define_common(boot, b);
  define_phones(boot, b);
  define_servers(boot, b);
  define_faults(boot, b);
  return boot;
}

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

}  // namespace

std::optional<int> read_command_line(int argc, char** argv, CommandLine& line) {
  CLI::App app{"Asks a server for what phones ask for, checks every answer, and measures."};
  app.name("anchorload");
  app.set_version_flag("-V,--version", "anchorload " ANCHORD_VERSION);
  app.require_subcommand(1);
  // So that -V is understood behind a sub-command, too.
  app.fallthrough();
  const CLI::App& tftp = define_tftp(app, line.tftp);
  const CLI::App& http = define_http(app, line.http);
  const CLI::App& boot = define_boot(app, line.boot);
  define_tvs(app, line.tvs);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);
    return complain(std::string(e.what()) + " (see anchorload --help)", kWrongCommandLine);
  }
  if (tftp.parsed()) line.command = Command::tftp;
  if (http.parsed()) line.command = Command::http;
  if (boot.parsed()) line.command = Command::boot;
  return std::nullopt;
}

}  // namespace anchord::load

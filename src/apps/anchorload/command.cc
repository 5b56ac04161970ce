#include "command.h"

#include <cstdio>

#include "anchord/base/file.h"
#include "anchord/base/printable.h"
#include "report.h"
#include "runner.h"

namespace anchord::load {
namespace {

bool is_v4_loopback(const io::Host& host) {
  return io::parse_network("127.0.0.0/8")->contains(host);
}

bool is_loopback(const io::Host& host) {
  return is_v4_loopback(host) || host == *io::parse_host("::1");
}

// Whatever the exit code: the server's own mistakes are never passed over.
bool is_server_wrong(const RunStatistics& total) {
  return total.errors[static_cast<std::size_t>(ErrorKind::protocol)] > 0 ||
         total.errors[static_cast<std::size_t>(ErrorKind::content)] > 0;
}

}  // namespace

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

void define_requests(CLI::App& app, Flags& f) {
  app.add_option("--port", f.port)->capture_default_str()->check(CLI::Range(1, 65535));
  app.add_option("--count", f.plan.count, "end after so many (default: after 10 seconds)")
      ->check(CLI::PositiveNumber);
}

int complain(const std::string& line, int code) {
  std::fprintf(stderr, "anchorload: %s\n", printable(line).c_str());
  return code;
}

Status check_target(const Flags& f, const io::Host& host, const std::string& flag) {
  if (f.allow_remote || is_loopback(host)) return {};
  return fail(flag + ": " + host.text() +
              " is not this machine's loopback; --allow-remote, if it is yours to load");
}

Status complete(Flags& f) {
  auto host = io::parse_host(f.host);
  if (!host) return std::unexpected(std::move(host.error()).within("--host"));
  if (Status allowed = check_target(f, *host, "--host"); !allowed) return allowed;
  f.plan.target = {.host = *host, .port = f.port};
  f.plan.own_addresses = !f.one_address && is_v4_loopback(*host);
  f.plan.connections = f.connections.value_or(f.plan.connections);
  if (f.plan.threads > f.plan.connections) return fail("--threads: more than there are --connections");
  f.plan.seconds = f.seconds.value_or(f.plan.count > 0 ? 0 : 10);
  return {};
}

Result<crypto::Certificate> read_certificate(const std::string& file) {
  auto content = read_file(file, std::size_t{1} << 20);
  if (!content) return std::unexpected(std::move(content.error()));
  auto certificate = crypto::Certificate::from_pem_or_der(*content);
  if (!certificate) return std::unexpected(std::move(certificate.error()).within(file));
  return certificate;
}

int measure(const Flags& f, Protocol& protocol) {
  auto outcome = run(f.plan, protocol);
  if (!outcome) return complain(outcome.error().text, kFailed);
  const std::string document = json_text(json_report(f.plan, *outcome, protocol), 2) + "\n";
  const std::string text = f.json ? document : printable_lines(text_report(f.plan, *outcome, protocol));
  if (!f.out.empty()) {
    if (Status written = write_file(f.out, as_bytes(document), 0644); !written) {
      return complain(written.error().text, kFailed);
    }
  }
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (std::fflush(stdout) != 0) return complain("standard output could not be written", kFailed);
  const Verdict verdict = protocol.verdict();
  if (is_server_wrong(outcome->total) || verdict == Verdict::wrong) return kFailed;
  const bool any_completed = outcome->total.completed + outcome->total.late > 0;
  const bool any_failed = outcome->total.failed() > 0 || verdict == Verdict::poor || !any_completed;
  return f.fail_on_error && any_failed ? kFailed : 0;
}

}  // namespace anchord::load

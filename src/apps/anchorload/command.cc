#include "command.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "anchord/base/file.h"
#include "anchord/base/printable.h"
#include "report.h"
#include "runner.h"

namespace anchord::load {
namespace {

bool is_v4_loopback(const io::Host& host) {
  return io::parse_network("127.0.0.0/8")->contains(host);
}

// Whatever the exit code: the server's own mistakes are never passed over.
bool is_server_wrong(const RunStatistics& total) {
  return total.errors[static_cast<std::size_t>(ErrorKind::protocol)] > 0 ||
         total.errors[static_cast<std::size_t>(ErrorKind::content)] > 0;
}

}  // namespace

int complain(const std::string& line, int code) {
  std::fprintf(stderr, "anchorload: %s\n", printable(line).c_str());
  return code;
}

Status check_target(const Flags& f, const io::Host& host, const std::string& flag) {
  if (f.allow_remote || host.is_loopback()) return {};
  return fail(flag + ": " + host.text() +
              " is not this machine's loopback; --allow-remote, if it is yours to load");
}

Status complete(Flags& f) {
  auto host = io::parse_host(f.host);
  if (!host) return std::unexpected(std::move(host.error()).within("--host"));
  ANCHORD_TRY(check_target(f, *host, "--host"));
  f.plan.target = {.host = *host, .port = f.port};
  f.plan.own_addresses = !f.one_address && is_v4_loopback(*host);
  f.plan.connections = f.connections.value_or(f.plan.connections);
  if (f.plan.threads > f.plan.connections) return fail("--threads: more than there are --connections");
  f.plan.seconds = f.seconds.value_or(f.plan.count > 0 ? 0 : 10);
  return {};
}

Result<crypto::Certificate> read_certificate(const std::string& file) {
  ANCHORD_TRY_ASSIGN(auto content, read_file(file, std::size_t{1} << 20));
  auto certificate = crypto::Certificate::from_pem_or_der(content);
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

// anchorload: the traffic generator. Which protocols it has, and those that fetch files.

#include <exception>
#include <optional>
#include <utility>

#include "copies.h"
#include "flags.h"
#include "http_client.h"
#include "tftp_client.h"

namespace anchord::load {
namespace {

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
  settings.tries = t.tries;
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
  CommandLine line;
  if (auto code = read_command_line(argc, argv, line)) return *code;
  switch (line.command) {
    case Command::tftp:
      return run_tftp(line.tftp);
    case Command::http:
      return run_http(line.http);
    case Command::boot:
      return run_boot(line.boot);
    case Command::tvs:
      break;
  }
  return run_tvs(line.tvs);
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

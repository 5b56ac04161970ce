#include "boot_command.h"

#include <fmt/format.h>

#include <algorithm>

#include "anchord/io/socket.h"
#include "boot_client.h"

namespace anchord::load {
namespace {

// The descriptors of the process itself and of each of its threads.
constexpr std::size_t kOtherDescriptors = 64;
constexpr std::size_t kDescriptorsOfThread = 4;

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

std::vector<FileServer> file_servers_of(const BootFlags& b) {
  auto to = [&](FileProtocol kind, std::uint16_t port) {
    return FileServer{.kind = kind, .target = {.host = b.plan.target.host, .port = port}};
  };
  if (b.protocol == "http") return {to(FileProtocol::http, b.http_port)};
  if (b.protocol == "https") return {to(FileProtocol::https, b.https_port)};
  if (b.protocol == "tftp") return {to(FileProtocol::tftp, b.tftp_port)};
  return {to(FileProtocol::http, b.http_port), to(FileProtocol::tftp, b.tftp_port)};
}

Result<std::vector<io::Address>> services_of(const BootFlags& b) {
  std::vector<io::Address> out;
  for (const std::string& text : b.tvs) {
    auto address = io::parse_address(text, b.tvs_port);
    if (!address) return std::unexpected(std::move(address.error()).within("--tvs"));
    if (Status allowed = check_target(b, address->host, "--tvs"); !allowed) {
      return std::unexpected(std::move(allowed.error()));
    }
    out.push_back(*address);
  }
  if (out.empty()) out.push_back({.host = b.plan.target.host, .port = b.tvs_port});
  return out;
}

// As many at once as there are phones and descriptors for, unless told otherwise.
Status choose_connections(BootFlags& b, bool by_tftp, bool loses) {
  const std::size_t each = by_tftp ? 2 + (loses ? TftpFetch::kMaxDead : 0) : 1;
  const std::size_t limit = io::raise_descriptor_limit();
  const std::size_t others = kOtherDescriptors + kDescriptorsOfThread * b.plan.threads;
  const std::size_t room = limit > others ? (limit - others) / each : 0;
  if (room == 0 || b.connections.value_or(0) > room) {
    return fail(fmt::format("--connections: this process may have {} descriptors, enough for {} (ulimit -n)",
                            limit, room));
  }
  const std::size_t most = std::min<std::size_t>({room, b.row.count, kMaxConnections});
  b.plan.connections = static_cast<unsigned>(most);
  b.connections = std::min(b.connections.value_or(b.plan.connections), b.row.count);
  return {};
}

Result<BootSettings> prepare(BootFlags& b) {
  const bool by_tftp = b.protocol == "auto" || b.protocol == "tftp";
  auto faults = read_faults(b.faults);
  if (!faults) return std::unexpected(std::move(faults.error()));
  const bool loses = faults->cut > 0 || faults->off > 0;
  if (Status chosen = choose_connections(b, by_tftp, loses); !chosen) return std::unexpected(chosen.error());
  // The number of boots ends the run, unless its time does.
  if (!b.seconds) b.plan.count = b.boots * b.row.count;
  if (Status completed = complete(b); !completed) return std::unexpected(completed.error());
  if (b.ramp) b.plan.rate = b.row.count / *b.ramp;
  BootSettings out{.file_servers = file_servers_of(b),
                   .timeout = static_cast<Millis>(b.timeout * 1000),
                   .faults = *faults};
  if (b.rest) out.rest = static_cast<Millis>(*b.rest * 1000);
  b.plan.target = out.file_servers.front().target;
  auto services = services_of(b);
  if (!services) return std::unexpected(std::move(services.error()));
  out.tvs = std::move(*services);
  b.plan.drain = 2 * out.timeout;
  b.row.tvs_servers = out.tvs.size();
  b.row.again = b.seconds || b.boots > 1;
  b.row.folder = b.trust;
  return out;
}

}  // namespace

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

int run_boot(BootFlags& b) {
  auto settings = prepare(b);
  if (!settings) return complain(settings.error().text, kWrongCommandLine);
  auto phones = Phones::create(b.row);
  if (!phones) return complain(phones.error().text, kFailed);
  BootProtocol protocol(std::move(*settings), **phones);
  const int code = measure(b, protocol);
  if (auto problem = protocol.problem()) return complain(problem->text, kFailed);
  return code;
}

}  // namespace anchord::load

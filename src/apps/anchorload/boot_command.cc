#include "boot_command.h"

#include <fmt/core.h>

#include <algorithm>

#include "anchord/io/socket.h"
#include "boot_client.h"

namespace anchord::load {
namespace {

// The descriptors of the process itself and of each of its threads.
constexpr std::size_t kOtherDescriptors = 64;
constexpr std::size_t kDescriptorsOfThread = 4;

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
    ANCHORD_TRY(check_target(b, address->host, "--tvs"));
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
  ANCHORD_TRY_ASSIGN(auto faults, read_faults(b.faults));
  const bool loses = faults.cut > 0 || faults.off > 0;
  ANCHORD_TRY(choose_connections(b, by_tftp, loses));
  // The number of boots ends the run, unless its time does.
  if (!b.seconds) b.plan.count = b.boots * b.row.count;
  ANCHORD_TRY(complete(b));
  if (b.ramp) b.plan.rate = b.row.count / *b.ramp;
  BootSettings out{
      .file_servers = file_servers_of(b), .timeout = static_cast<Millis>(b.timeout * 1000), .faults = faults};
  if (b.rest) out.rest = static_cast<Millis>(*b.rest * 1000);
  b.plan.target = out.file_servers.front().target;
  ANCHORD_TRY_ASSIGN(auto services, services_of(b));
  out.tvs = std::move(services);
  b.plan.drain = 2 * out.timeout;
  b.row.tvs_servers = out.tvs.size();
  b.row.again = b.seconds || b.boots > 1;
  b.row.folder = b.trust;
  return out;
}

}  // namespace

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

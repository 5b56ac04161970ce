#include "anchord/control/settings.h"

#include <algorithm>

#include "anchord/base/parse_number.h"
#include "anchord/io/uring.h"
#include "process/setting_values.h"

namespace anchord::control {

Result<bool> parse_flag(const std::string& text) {
  for (std::string_view yes : {"true", "yes", "on", "1"})
    if (text == yes) return true;
  for (std::string_view no : {"false", "no", "off", "0"})
    if (text == no) return false;
  return fail(fmt::format("'{}' is neither true nor false", text));
}

namespace {

constexpr std::string_view kClusterSection = "Cluster";
constexpr std::string_view kAddressesSection = "Addresses and ports";
constexpr std::string_view kThreadsSection = "Threads and queues";
constexpr std::string_view kLimitsSection = "Limits";
constexpr std::string_view kFilesSection = "Files and memory";
constexpr std::string_view kTlsSection = "TLS";
constexpr std::string_view kTimeoutsSection = "Timeouts";
constexpr std::string_view kProcessSection = "Process and log";

constexpr unsigned kFewestEntries = 16;
constexpr unsigned kMostEntries = 32'768;
constexpr std::uint32_t kMostAtOnce = 1u << 20;
constexpr Millis kShortestTimeout = 10;
constexpr Millis kLongestTimeout = 3'600'000;
constexpr unsigned kMostShards = 256;

template <class Member>
SettingValue flag(Member member) {
  return {.type = SettingType::flag,
          .placeholder = {},
          .accepts = "true or false",
          .read = reads_one(parse_flag, member),
          .preset = preset(member) ? "true" : "false"};
}

template <class Member>
SettingValue port(Member member) {
  const PortChoice choice = preset(member);
  return {.type = SettingType::number_or_auto,
          .placeholder = "PORT",
          .accepts = "auto, or 0 to 65535",
          .read = reads_one(parse_port, member),
          .preset = choice.automatic ? "auto" : std::to_string(choice.number)};
}

template <class Member>
SettingValue admin_address(Member member) {
  return {.placeholder = "ADDR:PORT",
          .accepts = "an address and a port, or auto for a free one",
          .read = reads_one(parse_admin, member),
          .preset = {}};
}

template <class Member>
SettingValue thread_count(Member member) {
  auto parse = [](const std::string& text) -> Result<unsigned> {
    if (text == "auto") return 0u;
    if (auto number = parse_number(text, 1u, kMostShards, "a number")) return number;
    return fail(fmt::format("'{}' is neither auto nor a number from 1 to {}", text, kMostShards));
  };
  const unsigned threads = preset(member);
  return {.type = SettingType::number_or_auto,
          .placeholder = "auto|N",
          .accepts = fmt::format("auto, or 1 to {}", kMostShards),
          .read = reads_one(parse, member),
          .preset = threads == 0 ? "auto" : std::to_string(threads)};
}

template <class Member>
SettingValue tls_version(Member member) {
  std::vector<std::string_view> words;
  for (crypto::TlsVersion version : crypto::kTlsVersions) words.push_back(to_text(version));
  return one_of(
      "V", words, crypto::parse_tls_version, [](crypto::TlsVersion version) { return to_text(version); },
      member);
}

template <class Member>
SettingValue log_level(Member member) {
  return one_of(
      "L", {log::kLevels.begin(), log::kLevels.end()}, log::parse_level,
      [](log::Level level) { return log::to_text(level); }, member);
}

template <class Member>
SettingValue log_format(Member member) {
  auto parse = [](const std::string& text) -> Result<log::Format> {
    if (text == "text") return log::Format::text;
    if (text == "json") return log::Format::json;
    return fail(fmt::format("'{}' is neither text nor json", text));
  };
  auto show = [](log::Format format) { return format == log::Format::json ? "json" : "text"; };
  return one_of("F", {"text", "json"}, parse, show, member);
}

template <class Member>
SettingValue timeout(Millis least, Millis most, Member member) {
  return number("MS", "milliseconds", least, most, member);
}

std::vector<Setting> cluster_settings() {
  return {
      {.name = "state",
       .section = kClusterSection,
       .value = text("DIR", "a path", [](auto& o) -> auto& { return o.state; }),
       .help = "the state directory, made by anchorctl init",
       .advice = "Always needed. The path must leave room for `/control.sock`: 107 bytes in all.",
       .without = "`ANCHORD_STATE`",
       .example = R"("/var/lib/anchord")",
       .environment = "ANCHORD_STATE",
       .required = true},
      {.name = "host",
       .section = kClusterSection,
       .value = text("NAME", "the name of a host", [](auto& o) -> auto& { return o.host; }),
       .help = "which of the cluster's hosts this is (default: by --listen, else by address, else the first)",
       .advice = "It decides which TVS certificate is presented. The default is the first host with an "
                 "address among those of `--listen`, else with one that this machine has, else the cluster's "
                 "first. Give it where that is wrong, as behind NAT.",
       .without = "by address",
       .example = R"("cucm1.example.com")"},
  };
}

std::vector<Setting> address_settings() {
  return {
      {.name = "listen",
       .section = kAddressesSection,
       .value = texts("ADDR", "addresses", io::parse_host, [](auto& o) -> auto& { return o.listen; }),
       .help = "address to serve on; may be repeated (default: all)",
       .advice = "`::` takes IPv4 too.",
       .without = "all addresses",
       .example = R"(["192.0.2.11", "2001:db8::11"])"},
      {.name = "tvs-port",
       .section = kAddressesSection,
       .value = port([](auto& o) -> auto& { return o.tvs_port; }),
       .help = "TCP port of the verification service; auto; 0: off",
       .advice = "`auto` takes a free port, 0 switches the service off."},
      {.name = "tftp-port",
       .section = kAddressesSection,
       .value = port([](auto& o) -> auto& { return o.tftp_port; }),
       .help = "UDP port of TFTP; auto; 0: off",
       .advice = "Ports below 1024 need CAP_NET_BIND_SERVICE, or a start as root."},
      {.name = "http-port",
       .section = kAddressesSection,
       .value = port([](auto& o) -> auto& { return o.http_port; }),
       .help = "TCP port of HTTP; auto; 0: off",
       .advice = {}},
      {.name = "https-port",
       .section = kAddressesSection,
       .value = port([](auto& o) -> auto& { return o.https_port; }),
       .help = "TCP port of HTTPS; auto; 0: off",
       .advice = {}},
      {.name = "admin",
       .section = kAddressesSection,
       .value = admin_address([](auto& o) -> auto& { return o.admin; }),
       .help = "serve metrics, health and the status page there; an address other than loopback needs "
               "--admin-tls and --admin-token",
       .advice = "`auto` as the port takes a free one. See [watching](../guides/watching.md).",
       .without = "not served",
       .example = R"("127.0.0.1:9445")"},
      {.name = "admin-tls",
       .section = kAddressesSection,
       .value = text("FILE", "a path", [](auto& o) -> auto& { return o.admin_tls; }),
       .help = "PEM with the certificate and the private key of the admin endpoint, which is HTTPS then",
       .advice = "A file that others may read is refused. It is read before privileges are given up.",
       .without = "HTTP",
       .example = R"("/etc/anchord/admin.pem")"},
      {.name = "admin-token",
       .section = kAddressesSection,
       .value = text("FILE", "a path", [](auto& o) -> auto& { return o.admin_token; }),
       .help = "file with the bearer token that the admin endpoint asks for",
       .advice =
           "16 characters or more, as of `openssl rand -hex 32`. A file that others may read is refused.",
       .without = "no token is asked for",
       .example = R"("/etc/anchord/admin.token")"},
      {.name = "allow",
       .section = kAddressesSection,
       .value = texts("CIDR", "networks", io::parse_network, [](auto& o) -> auto& { return o.shard.allow; }),
       .help = "network (CIDR) that is served; may be repeated (default: all)",
       .advice = "Each is written as `10.0.0.0/8`, or as one address. Set it to your phones' networks.",
       .without = "all",
       .example = R"(["10.0.0.0/8"])"},
  };
}

std::vector<Setting> thread_settings() {
  return {
      {.name = "shards",
       .section = kThreadsSection,
       .value = thread_count([](auto& o) -> auto& { return o.shards; }),
       .help = "threads that serve; auto: one for each core",
       .advice = "Give fewer to leave cores to others."},
      {.name = "pin",
       .negation = "no-pin",
       .section = kThreadsSection,
       .value = flag([](auto& o) -> auto& { return o.pin; }),
       .help = "keep each shard on a core of its own, or let shards wander between cores",
       .advice = "Use `--no-pin` where other work competes for the same cores."},
      {.name = "ring-entries",
       .section = kThreadsSection,
       .value = power_of_two("operations", kFewestEntries, kMostEntries,
                             [](auto& o) -> auto& { return o.ring_entries; }),
       .help = "operations queued between two system calls",
       .advice = "Each shard has a queue of its own; more operations are submitted early."},
      {.name = "tcp-buffers",
       .section = kThreadsSection,
       .value = power_of_two("buffers", kFewestEntries, kMostEntries,
                             [](auto& o) -> auto& { return o.tcp_buffers; }),
       .help = "receive buffers of each shard for TCP",
       .advice = "Each has 16 KiB. Raise when `tcp_buffers_empty` grows."},
      {.name = "udp-buffers",
       .section = kThreadsSection,
       .value = power_of_two("buffers", kFewestEntries, kMostEntries,
                             [](auto& o) -> auto& { return o.udp_buffers; }),
       .help = "receive buffers of each shard for UDP",
       .advice = "Each has 2 KiB."},
      {.name = "busy-poll",
       .section = kThreadsSection,
       .value =
           number("US", "microseconds", 0, io::kMaxBusyPoll, [](auto& o) -> auto& { return o.busy_poll; }),
       .help = "microseconds that a shard polls its network queues before it sleeps; 0: none",
       .advice = "Needs Linux 6.9. See [busy polling](../guides/tuning.md#busy-polling)."},
  };
}

std::vector<Setting> limit_settings() {
  return {
      {.name = "max-connections",
       .section = kLimitsSection,
       .value =
           number("N", "connections", 1, kMostAtOnce, [](auto& o) -> auto& { return o.max_connections; }),
       .help = "connections at once, for each of TVS, HTTP and HTTPS",
       .advice = "Raise for clusters that open more at once; each costs a descriptor."},
      {.name = "max-per-address",
       .section = kLimitsSection,
       .value =
           number("N", "connections", 1, kMostAtOnce, [](auto& o) -> auto& { return o.max_per_address; }),
       .help = "of those, from one IPv4 address or IPv6 /64",
       .advice = "At the limit those from there that were answered nothing yet give way. Raise where many "
                 "phones come through one address (NAT, a proxy)."},
      {.name = "max-unknown-devices",
       .former_name = "max-strangers",
       .section = kLimitsSection,
       .value = number("N", "devices", 0, service::kMaxUnknownDevices,
                       [](auto& o) -> auto& { return o.shard.max_unknown_devices; }),
       .help = "devices that do not exist that one address may ask for at once; requests for others are then "
               "refused; 0: any number",
       .advice = "Four times as many are allowed whose list was fetched first: see "
                 "[guessing](../guides/provisioning.md#guessing)."},
      {.name = "max-transfers",
       .section = kLimitsSection,
       .value = number("N", "transfers", 1, kMostAtOnce, [](auto& o) -> auto& { return o.max_transfers; }),
       .help = "TFTP transfers at once",
       .advice = "All shards count together. Raise when `tftp_full` grows."},
  };
}

std::vector<Setting> file_settings() {
  return {
      {.name = "max-file-size",
       .section = kFilesSection,
       .value =
           number("N", "bytes", 1, std::uint64_t{1} << 40, [](auto& o) -> auto& { return o.max_file_size; }),
       .help = "bytes of the largest file in the provisioning folder",
       .advice = {}},
      {.name = "max-folder-size",
       .section = kFilesSection,
       .value = number("N", "bytes", 1, std::uint64_t{1} << 44,
                       [](auto& o) -> auto& { return o.max_folder_size; }),
       .help = "bytes of all its files: they are held in memory",
       .advice = "What [memory](../guides/tuning.md#memory) allows may be less."},
      {.name = "max-memory",
       .section = kFilesSection,
       .value =
           number("N", "bytes", 0, std::uint64_t{1} << 44, [](auto& o) -> auto& { return o.max_memory; }),
       .help = "bytes that the service may take in all, with its files; 0: what this machine gives",
       .advice = "See [memory](../guides/tuning.md#memory)."},
      {.name = "hold-removals",
       .section = kFilesSection,
       .value = number("SECONDS", "seconds", 0, 86'400, [](auto& o) -> auto& { return o.hold_removals; }),
       .help = "seconds for which many files that go at once stay in service; 0: they go at once",
       .advice = "The time counts from the last of them, whether they go together or one after the other: "
                 "see [provisioning](../guides/provisioning.md#when-files-go)."},
  };
}

std::vector<Setting> tls_settings() {
  return {
      {.name = "tls-min",
       .section = kTlsSection,
       .value = tls_version([](auto& o) -> auto& { return o.tls_min; }),
       .help = "oldest TLS version",
       .advice = "It counts for TVS and HTTPS. Use 1.0 or 1.1 for the [oldest "
                 "phones](../guides/old-phones.md), 1.3 "
                 "where all clients have it."},
      {.name = "tls-ciphers",
       .section = kTlsSection,
       .value = text("LIST", "names of ciphers with ':' between them",
                     [](auto& o) -> auto& { return o.tls_ciphers; }),
       .help = "for TLS 1.2 and older, in OpenSSL's notation",
       .advice = "The best stands first. TLS 1.3 has a list of its own."},
      {.name = "refuse-expired",
       .section = kTlsSection,
       .value = flag([](auto& o) -> auto& { return o.refuse_expired; }),
       .help = "answer phones' questions about added certificates that have expired as unknown",
       .advice = "Without it they are answered as long as the certificate is there."},
  };
}

std::vector<Setting> timeout_settings() {
  return {
      {.name = "handshake-timeout",
       .section = kTimeoutsSection,
       .value = timeout(kShortestTimeout, kLongestTimeout,
                        [](auto& o) -> auto& { return o.shard.stream.handshake_timeout; }),
       .help = "milliseconds from accept to the end of the handshake",
       .advice = "Raise for very slow links only: it is what holds off silent clients."},
      {.name = "request-timeout",
       .section = kTimeoutsSection,
       .value = timeout(kShortestTimeout, kLongestTimeout,
                        [](auto& o) -> auto& { return o.shard.stream.request_timeout; }),
       .help = "milliseconds from the end of the handshake to the first answer",
       .advice = "Without a handshake it counts from accept."},
      {.name = "idle-timeout",
       .section = kTimeoutsSection,
       .value = timeout(kShortestTimeout, kLongestTimeout,
                        [](auto& o) -> auto& { return o.shard.stream.idle_timeout; }),
       .help = "milliseconds from one answer to the next, and for a part of a large file to be taken",
       .advice = "A part has 64 KiB."},
      {.name = "tftp-timeout",
       .section = kTimeoutsSection,
       .value =
           timeout(kShortestTimeout, 60'000, [](auto& o) -> auto& { return o.shard.tftp.retry_timeout; }),
       .help = "milliseconds until a TFTP packet is repeated",
       .advice = "Each further wait is twice as long, up to 10 s. Clients may ask for another."},
      {.name = "tftp-retries",
       .section = kTimeoutsSection,
       .value = number("N", "repetitions", 0, 100, [](auto& o) -> auto& { return o.shard.tftp.retries; }),
       .help = "repetitions before a transfer is given up",
       .advice = "Each packet has a count of its own. Before the first acknowledgement there is one "
                 "repetition at most."},
      {.name = "drain-timeout",
       .section = kTimeoutsSection,
       .value = timeout(0, kLongestTimeout, [](auto& o) -> auto& { return o.shard.drain_timeout; }),
       .help = "milliseconds that SIGTERM leaves to what is under way",
       .advice = {}},
  };
}

std::vector<Setting> process_settings() {
  return {
      {.name = "user",
       .section = kProcessSection,
       .value = text("NAME", "the name of a user", [](auto& o) -> auto& { return o.user; }),
       .help = "drop privileges to this user once the ports are bound",
       .advice = "It is for starts as root without systemd. The state directory must belong to that user.",
       .without = "who starts it",
       .example = R"("anchord")"},
      {.name = "log-level",
       .section = kProcessSection,
       .value = log_level([](auto& o) -> auto& { return o.log_level; }),
       .help = "least important lines that are logged",
       .advice = "`debug` also logs each request and what single peers do wrong: a flood then fills the log.",
       .at_sighup = [](const Options& o) { log::set_level(o.log_level); }},
      {.name = "log-format",
       .section = kProcessSection,
       .value = log_format([](auto& o) -> auto& { return o.log_format; }),
       .help = "how the log is written",
       .advice = "With `json` each line is a document."},
  };
}

std::vector<Setting> all_settings() {
  std::vector<Setting> out;
  for (auto&& section : {cluster_settings(), address_settings(), thread_settings(), limit_settings(),
                         file_settings(), tls_settings(), timeout_settings(), process_settings()})
    out.insert(out.end(), section.begin(), section.end());
  return out;
}

}  // namespace

const std::vector<Setting>& settings() {
  static const std::vector<Setting> kSettings = all_settings();
  return kSettings;
}

const Setting* find_setting(std::string_view name) {
  const auto found = std::ranges::find_if(settings(), [&](const Setting& one) {
    return one.name == name || (!name.empty() && one.negation == name);
  });
  return found == settings().end() ? nullptr : &*found;
}

Status Setting::read(std::string_view called, const std::vector<std::string>& given, Options& into) const {
  if (called == name) return value.read(given, into);
  std::vector<std::string> opposite;
  for (const std::string& text : given) {
    ANCHORD_TRY_ASSIGN(auto yes, parse_flag(text));
    opposite.emplace_back(yes ? "false" : "true");
  }
  return value.read(opposite, into);
}

const std::vector<CommandFlag>& command_flags() {
  static const std::vector<CommandFlag> kFlags{
      {.name = kConfig,
       .placeholder = "FILE",
       .help = "read options from this file (TOML; names as here, without --)",
       .advice = "Reads settings from this file; those on the command line win."},
      {.name = kExplain,
       .placeholder = {},
       .help = "print the settings in force, what the kernel offers and what is chosen, and serve nothing",
       .advice = "Says what a start would do, and serves nothing: see "
                 "[tuning](../guides/tuning.md#what-a-start-would-do). Exits with 1 when "
                 "something keeps it from starting."},
      {.name = kJson,
       .placeholder = {},
       .help = "with --explain: one JSON document",
       .advice = "With `--explain`: one JSON document."},
      {.name = kCheckConfig,
       .placeholder = {},
       .help = "look for mistakes in the --config file, name each with its line, and serve nothing",
       .advice =
           "Looks for mistakes in the `--config` file, and serves nothing. Exits with 2 when there is one."},
      {.name = kExampleConfig,
       .placeholder = {},
       .help = "print a configuration file with every setting in comments, and serve nothing",
       .advice =
           "Prints a configuration file with every setting in comments, with its unit, what it takes and its "
           "default, and serves nothing."},
  };
  return kFlags;
}

}  // namespace anchord::control

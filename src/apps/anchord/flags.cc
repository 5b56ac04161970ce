#include "flags.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

#include "../number_range.h"
#include "anchord/io/uring.h"

namespace anchord::app {
namespace {

using control::Options;

constexpr std::array<std::string_view, 6> kLogLevels{"trace", "debug", "info", "warn", "error", "off"};

// Both are for the command line only, and need no state directory.
void define_explain(CLI::App& app, Flags& flags, CLI::Option* state) {
  CLI::Option* explain = app.add_flag_callback(
      "--explain",
      [&flags, state] {
        flags.explain = true;
        state->required(false);
      },
      "print the settings in force, what the kernel offers and what is chosen, and serve nothing");
  explain->configurable(false);
  app.add_flag("--json", flags.json, "with --explain: one JSON document")
      ->needs(explain)
      ->configurable(false);
}

void define_check(CLI::App& app, Flags& flags, CLI::Option* config, CLI::Option* state) {
  app.add_flag_callback(
         "--check-config",
         [&flags, state] {
           flags.check_config = true;
           state->required(false);
         },
         "look for mistakes in the --config file, name each with its line, and serve nothing")
      ->needs(config)
      ->configurable(false);
}

}  // namespace

void define(CLI::App& app, Flags& flags) {
  Options& o = flags.options;
  auto power_of_two = CLI::Validator(
      [](const std::string& text) {
        unsigned long n = 0;
        bool good = CLI::detail::lexical_cast(text, n) && n >= 16 && n <= 32768 && (n & (n - 1)) == 0;
        return good ? std::string() : "must be a power of two from 16 to 32768";
      },
      "2^N");
  app.set_version_flag("-V,--version", "anchord " ANCHORD_VERSION);
  app.allow_config_extras(false);  // a name that is not an option is a mistake, there too
  CLI::Option* config =
      app.set_config("--config", "", "read options from this file (TOML; names as here, without --)");
  CLI::Option* state = app.add_option("--state", flags.state, "the state directory, made by anchorctl init")
                           ->required()
                           ->envname("ANCHORD_STATE");
  define_explain(app, flags, state);
  define_check(app, flags, config, state);
  app.add_option(
      "--host", o.host,
      "which of the cluster's hosts this is (default: by --listen, else by address, else the first)");
  app.add_option("--listen", flags.listen, "address to serve on; may be repeated (default: all)");
  app.add_option("--tvs-port", flags.tvs_port, "TCP port of the verification service; auto; 0: off")
      ->capture_default_str();
  app.add_option("--tftp-port", flags.tftp_port, "UDP port of TFTP; auto; 0: off")->capture_default_str();
  app.add_option("--http-port", flags.http_port, "TCP port of HTTP; auto; 0: off")->capture_default_str();
  app.add_option("--https-port", flags.https_port, "TCP port of HTTPS; auto; 0: off")->capture_default_str();
  app.add_option("--admin", flags.admin, "not served by this version: see anchorctl status");
  app.add_option("--shards", flags.shards, "threads that serve; auto: one for each core")
      ->capture_default_str();
  app.add_flag("--no-pin,!--pin", flags.no_pin, "let shards wander between cores");
  app.add_option("--ring-entries", o.ring_entries, "operations queued between two system calls")
      ->check(power_of_two)
      ->capture_default_str();
  app.add_option("--tcp-buffers", o.tcp_buffers, "receive buffers of each shard for TCP")
      ->check(power_of_two)
      ->capture_default_str();
  app.add_option("--udp-buffers", o.udp_buffers, "receive buffers of each shard for UDP")
      ->check(power_of_two)
      ->capture_default_str();
  app.add_option("--busy-poll", o.busy_poll,
                 "microseconds that a shard polls its network queues before it sleeps; 0: none")
      ->check(in_range(0u, io::kMaxBusyPoll, "a number of microseconds"))
      ->capture_default_str();
  app.add_option("--max-connections", o.max_connections,
                 "connections at once, for each of TVS, HTTP and HTTPS")
      ->check(in_range(1u, 1u << 20, "a number of connections"))
      ->capture_default_str();
  app.add_option("--max-per-address", o.max_per_address, "of those, from one IPv4 address or IPv6 /64")
      ->check(in_range(1u, 1u << 20, "a number of connections"))
      ->capture_default_str();
  app.add_option(
         "--max-unknown-devices", o.shard.max_unknown_devices,
         "devices that do not exist that one address may ask for before it is throttled; 0: any number")
      ->check(in_range(0u, service::kMaxUnknownDevices, "a number of devices"))
      ->capture_default_str();
  app.add_option("--max-transfers", o.max_transfers, "TFTP transfers at once")
      ->check(in_range(1u, 1u << 20, "a number of transfers"))
      ->capture_default_str();
  app.add_option("--tls-min", flags.tls_min, "oldest TLS version: 1.0, 1.1, 1.2 or 1.3")
      ->capture_default_str();
  app.add_option("--tls-ciphers", o.tls_ciphers, "for TLS 1.2 and older, in OpenSSL's notation");
  app.add_option("--handshake-timeout", o.shard.stream.handshake_timeout,
                 "milliseconds from accept to its end")
      ->check(in_range(10, 3'600'000, "a number of milliseconds"))
      ->capture_default_str();
  app.add_option("--request-timeout", o.shard.stream.request_timeout,
                 "milliseconds from there to the first request")
      ->check(in_range(10, 3'600'000, "a number of milliseconds"))
      ->capture_default_str();
  app.add_option("--idle-timeout", o.shard.stream.idle_timeout,
                 "milliseconds from one answer to the next, and for a part of a large file to be taken")
      ->check(in_range(10, 3'600'000, "a number of milliseconds"))
      ->capture_default_str();
  app.add_option("--tftp-timeout", o.shard.tftp.retry_timeout, "milliseconds until a TFTP packet is repeated")
      ->check(in_range(10, 60'000, "a number of milliseconds"))
      ->capture_default_str();
  app.add_option("--tftp-retries", o.shard.tftp.retries, "repetitions before a transfer is given up")
      ->check(in_range(0, 100, "a number of repetitions"))
      ->capture_default_str();
  app.add_option("--drain-timeout", o.shard.drain_timeout,
                 "milliseconds that SIGTERM leaves to what is under way")
      ->check(in_range(0, 3'600'000, "a number of milliseconds"))
      ->capture_default_str();
  app.add_option("--max-file-size", o.max_file_size, "bytes of the largest file in the provisioning folder")
      ->check(in_range(std::uint64_t{1}, std::uint64_t{1} << 40, "a number of bytes"))
      ->capture_default_str();
  app.add_option("--max-folder-size", o.max_folder_size, "bytes of all its files: they are held in memory")
      ->check(in_range(std::uint64_t{1}, std::uint64_t{1} << 44, "a number of bytes"))
      ->capture_default_str();
  app.add_option("--max-memory", o.max_memory,
                 "bytes that the service may take in all, with its files; 0: what this machine gives")
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{1} << 44))
      ->capture_default_str();
  app.add_option("--hold-removals", o.hold_removals,
                 "seconds for which many files that go at once stay in service; 0: they go at once")
      ->check(in_range(0, 86'400, "a number of seconds"))
      ->capture_default_str();
  app.add_flag("--refuse-expired", o.refuse_expired,
               "answer phones' questions about added certificates that have expired as unknown");
  app.add_option("--allow", flags.allow, "network (CIDR) that is served; may be repeated (default: all)");
  app.add_option("--user", o.user, "drop privileges to this user once the ports are bound");
  app.add_option("--log-level", flags.log_level, "trace, debug, info, warn, error or off")
      ->capture_default_str();
  app.add_option("--log-format", flags.log_format, "text or json")->capture_default_str();
}

namespace {

template <class T, class U>
Status take(Result<T> parsed, U& into, const char* flag) {
  if (!parsed) return std::unexpected(std::move(parsed.error()).within(flag));
  into = std::move(*parsed);
  return {};
}

Result<unsigned> parse_shards(const std::string& text) {
  if (text == "auto") return 0u;
  unsigned n = 0;
  if (!CLI::detail::lexical_cast(text, n) || n < 1 || n > 256)
    return fail("'" + text + "' is neither auto nor a number from 1 to 256");
  return n;
}

}  // namespace

Result<Options> options_from(Flags& flags) {
  Options& o = flags.options;
  o.state = flags.state;
  o.pin = !flags.no_pin;
  for (Status status : {take(control::parse_port(flags.tvs_port), o.tvs_port, "--tvs-port"),
                        take(control::parse_port(flags.tftp_port), o.tftp_port, "--tftp-port"),
                        take(control::parse_port(flags.http_port), o.http_port, "--http-port"),
                        take(control::parse_port(flags.https_port), o.https_port, "--https-port"),
                        take(parse_shards(flags.shards), o.shards, "--shards"),
                        take(crypto::parse_tls_version(flags.tls_min), o.tls_min, "--tls-min")}) {
    if (!status) return std::unexpected(status.error());
  }
  for (const std::string& text : flags.listen) {
    auto host = io::parse_host(text);
    if (!host) return std::unexpected(std::move(host.error()).within("--listen"));
    o.listen.push_back(*host);
  }
  for (const std::string& text : flags.allow) {
    auto network = io::parse_network(text);
    if (!network) return std::unexpected(std::move(network.error()).within("--allow"));
    o.shard.allow.push_back(*network);
  }
  if (flags.log_format != "text" && flags.log_format != "json")
    return fail("--log-format: '" + flags.log_format + "' is neither text nor json");
  if (std::ranges::find(kLogLevels, flags.log_level) == kLogLevels.end())
    return fail("--log-level: '" + flags.log_level + "' is not one of trace, debug, info, warn, error, off");
  return o;
}

namespace {

// Where an option's value comes from. Only what stands on the command line is in the
// order of parsing; of the rest, the config file comes before the environment.
std::string origin(const CLI::App& app, const CLI::Option& option) {
  if (option.count() == 0) return "default";
  if (std::ranges::find(app.parse_order(), &option) != app.parse_order().end()) return "command line";
  const char* variable = option.get_envname().empty() ? nullptr : std::getenv(option.get_envname().c_str());
  return variable != nullptr && option.results().front() == variable ? "environment" : "config file";
}

}  // namespace

std::vector<control::Setting> settings_in_force(const CLI::App& app, const Flags& flags) {
  std::vector<control::Setting> out;
  for (const CLI::Option* option : app.get_options()) {
    const std::string& name = option->get_lnames().front();
    if (name == "help" || name == "version" || name == "explain" || name == "json" || name == "check-config")
      continue;
    control::Setting setting{.flag = "--" + name, .from = origin(app, *option)};
    if (name == "no-pin") {
      setting.flag = "--pin";
      setting.value = flags.no_pin ? "no" : "yes";
    } else if (name == "refuse-expired") {
      setting.value = flags.options.refuse_expired ? "yes" : "no";
    } else if (name == "tls-ciphers") {
      setting.value = flags.options.tls_ciphers;
    } else if (option->count() == 0) {
      setting.value = option->get_default_str();
    } else {
      setting.value = CLI::detail::join(option->results(), ", ");
    }
    out.push_back(std::move(setting));
  }
  return out;
}

std::string text_of(const CLI::ParseError& error) {
  // The library's words for a name in the file that is no option's.
  constexpr std::string_view kUnknown = "INI was not able to parse ";
  std::string text = error.what();
  if (!text.starts_with(kUnknown)) return text;
  return "there is no setting '" + text.substr(kUnknown.size()) + "': see anchord --help";
}

}  // namespace anchord::app

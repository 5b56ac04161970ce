#include "report.h"

#include <fmt/core.h>

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "copies.h"

namespace anchord::load {
namespace {

struct Percentile {
  const char* name;
  const char* field;
  double percent;
};
constexpr std::array<Percentile, 4> kPercentiles = {
    {{"p50", "p50", 50}, {"p90", "p90", 90}, {"p99", "p99", 99}, {"p99.9", "p999", 99.9}}};

double micros(std::uint64_t nanos) {
  return static_cast<double>(nanos) / 1000;
}

// "870 us", "12.3 ms", "4.56 s"
std::string duration_text(std::uint64_t nanos) {
  const auto n = static_cast<double>(nanos);
  if (n < 1e6) return fmt::format("{:.3g} us", n / 1e3);
  if (n < 1e9) return fmt::format("{:.3g} ms", n / 1e6);
  return fmt::format("{:.3g} s", n / 1e9);
}

double per_second(double count, const Outcome& outcome) {
  return outcome.seconds > 0 ? count / outcome.seconds : 0;
}

// Microseconds for each; null when there is none to divide by.
Json cpu_each(double seconds, const Outcome& outcome) {
  if (outcome.total.completed == 0) return nullptr;
  return seconds * 1e6 / static_cast<double>(outcome.total.completed);
}

Json cpu_each_megabyte(double seconds, const Outcome& outcome) {
  if (outcome.total.bytes == 0) return nullptr;
  return seconds * 1e6 / (static_cast<double>(outcome.total.bytes) / 1e6);
}

std::string errors_text(const RunStatistics& total) {
  std::string out;
  for (std::size_t i = 0; i < kErrorKinds; ++i) {
    if (total.errors[i] == 0) continue;
    out += fmt::format("  error {}: {}, such as: {}\n", kErrorNames[i], total.errors[i], total.examples[i]);
  }
  return out.empty() ? "  no errors\n" : out;
}

void add_cpu(Json& out, const std::string& who, double seconds, const Outcome& outcome) {
  out[who + "_cpu_seconds"] = seconds;
  out[who + "_cpu_us_each"] = cpu_each(seconds, outcome);
  out[who + "_cpu_us_per_megabyte"] = cpu_each_megabyte(seconds, outcome);
}

std::string cpu_text(const char* who, double seconds, const Outcome& outcome) {
  std::string out = fmt::format("  CPU of the {}: {:.2f} s", who, seconds);
  const Json each = cpu_each(seconds, outcome);
  const Json each_megabyte = cpu_each_megabyte(seconds, outcome);
  if (!each.is_null()) out += fmt::format(", {:.2f} us each", each.get<double>());
  if (!each_megabyte.is_null()) out += fmt::format(", {:.0f} us for each MB", each_megabyte.get<double>());
  return out + "\n";
}

std::string latency_text(const Histogram& latency) {
  std::string out = "  latency";
  for (const Percentile& p : kPercentiles) {
    out += fmt::format(" {} {},", p.name, duration_text(latency.percentile(p.percent)));
  }
  return out + fmt::format(" max {}\n", duration_text(latency.max()));
}

// What makes the figures above less than they seem.
std::string remarks_text(const RunStatistics& total, std::uint64_t not_compared) {
  std::string out;
  if (total.late > 0) out += fmt::format("  {} more ended after the measured time\n", total.late);
  if (total.unstarted > 0) {
    out += fmt::format("  {} were due by the rate and never began: all clients were busy\n", total.unstarted);
  }
  if (not_compared > 0) {
    out += fmt::format("  {} copies were not compared: more than {} MiB of different files\n", not_compared,
                       kMaxKept >> 20);
  }
  return out;
}

}  // namespace

Json json_report(const Plan& plan, const Outcome& outcome, const Protocol& protocol) {
  const RunStatistics& total = outcome.total;
  const auto bytes = static_cast<double>(total.bytes);
  Json out = {{"protocol", plan.protocol},
              {"target", plan.target.text()},
              {"connections", plan.connections},
              {"threads", plan.threads},
              {"rate_wanted", plan.rate > 0 ? Json(plan.rate) : Json()},
              {"warmup", plan.warmup},
              {"seconds", outcome.seconds},
              {"completed", total.completed},
              {"completed_late", total.late},
              {"unstarted", total.unstarted},
              {"failed", total.failed()},
              {"not_compared", protocol.not_compared()},
              {"rate", per_second(static_cast<double>(total.completed), outcome)},
              {"bytes", total.bytes},
              {"megabytes_per_second", per_second(bytes / 1e6, outcome)}};
  Json latency = Json::object();
  for (const Percentile& p : kPercentiles) latency[p.field] = micros(total.latency.percentile(p.percent));
  latency["max"] = micros(total.latency.max());
  latency["mean"] = total.latency.mean() / 1000;
  Json errors = Json::object();
  Json examples = Json::object();
  for (std::size_t i = 0; i < kErrorKinds; ++i) {
    errors[kErrorNames[i]] = total.errors[i];
    if (total.errors[i] > 0) examples[kErrorNames[i]] = total.examples[i];
  }
  out["begun_within_us"] = outcome.begun_within ? Json(*outcome.begun_within * 1e6) : Json();
  out["latency_us"] = std::move(latency);
  out["errors"] = std::move(errors);
  out["error_examples"] = std::move(examples);
  add_cpu(out, "client", outcome.client_cpu, outcome);
  if (outcome.server_cpu) add_cpu(out, "server", *outcome.server_cpu, outcome);
  out[plan.subject] = protocol.facts();
  return out;
}

std::string text_report(const Plan& plan, const Outcome& outcome, const Protocol& protocol) {
  const RunStatistics& total = outcome.total;
  std::string out = fmt::format("{} {}: {} clients, {} threads, {:.2f} s\n", plan.protocol,
                                plan.target.text(), plan.connections, plan.threads, outcome.seconds);
  out += fmt::format("  {} {}, {:.1f}/s, {:.2f} MB/s\n", total.completed, plan.things,
                     per_second(static_cast<double>(total.completed), outcome),
                     per_second(static_cast<double>(total.bytes) / 1e6, outcome));
  if (total.latency.count() > 0) out += latency_text(total.latency);
  out += cpu_text("client", outcome.client_cpu, outcome);
  if (outcome.server_cpu) out += cpu_text("server", *outcome.server_cpu, outcome);
  return out + protocol.facts_text() + remarks_text(total, protocol.not_compared()) + errors_text(total);
}

}  // namespace anchord::load

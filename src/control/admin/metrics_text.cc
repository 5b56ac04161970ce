#include "admin/metrics_text.h"

#include <fmt/core.h>

#include <cmath>

#include "anchord/control/settings.h"

namespace anchord::control {
namespace {

constexpr std::string_view kOpenMetrics = "application/openmetrics-text";

// In quotes a backslash, a quote and a line's end are written with a backslash.
std::string escaped_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out;
}

std::string value_text(double value) {
  if (std::isfinite(value) && value == std::floor(value) && std::abs(value) < 1e15)
    return fmt::format("{}", static_cast<std::int64_t>(value));
  return fmt::format("{}", value);
}

}  // namespace

bool MetricsText::asks_for_open_metrics(std::string_view accept) {
  return accept.contains(kOpenMetrics);
}

std::string_view MetricsText::type() const {
  return open_metrics_ ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                       : "text/plain; version=0.0.4; charset=utf-8";
}

void MetricsText::begin(std::string_view name, std::string_view type, std::string_view unit,
                        std::string_view help) {
  // OpenMetrics names a counter's family without its ending.
  const std::string family = std::string(name) + (type == "counter" && !open_metrics_ ? "_total" : "");
  text_ += fmt::format("# HELP {} {}.\n# TYPE {} {}\n", family, escaped_text(sentence(help)), family, type);
  if (open_metrics_ && !unit.empty()) text_ += fmt::format("# UNIT {} {}\n", family, unit);
}

void MetricsText::sample(std::string_view name, std::string_view suffix, const Labels& labels, double value,
                         std::string_view bound) {
  std::string inside;
  auto put = [&](std::string_view label, std::string_view text) {
    inside += fmt::format("{}{}=\"{}\"", inside.empty() ? "" : ",", label, escaped_text(text));
  };
  for (const auto& [label, text] : labels) put(label, text);
  if (!bound.empty()) put("le", bound);
  text_ +=
      fmt::format("{}{}{} {}\n", name, suffix, inside.empty() ? "" : "{" + inside + "}", value_text(value));
}

void MetricsText::counter(std::string_view name, std::string_view unit, std::string_view help,
                          const std::vector<Sample>& samples) {
  if (samples.empty()) return;
  begin(name, "counter", unit, help);
  for (const Sample& one : samples) sample(name, "_total", one.labels, one.value);
}

void MetricsText::gauge(std::string_view name, std::string_view unit, std::string_view help,
                        const std::vector<Sample>& samples) {
  if (samples.empty()) return;
  begin(name, "gauge", unit, help);
  for (const Sample& one : samples) sample(name, "", one.labels, one.value);
}

void MetricsText::histogram(std::string_view name, std::string_view unit, std::string_view help,
                            const std::vector<HistogramSample>& samples) {
  if (samples.empty()) return;
  begin(name, "histogram", unit, help);
  for (const HistogramSample& one : samples) {
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < one.counts.size(); ++i) {
      count += one.counts[i];
      const bool is_last = i == one.bounds.size();
      sample(name, "_bucket", one.labels, static_cast<double>(count),
             is_last ? "+Inf" : fmt::format("{}", one.bounds[i]));
    }
    sample(name, "_sum", one.labels, one.sum);
    sample(name, "_count", one.labels, static_cast<double>(count));
  }
}

std::string MetricsText::take() {
  if (open_metrics_) text_ += "# EOF\n";
  return std::move(text_);
}

}  // namespace anchord::control

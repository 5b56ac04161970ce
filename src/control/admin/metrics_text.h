// Metrics as Prometheus reads them: its text format 0.0.4, or OpenMetrics 1.0 for who asks for that.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace anchord::control {

using Labels = std::vector<std::pair<std::string_view, std::string>>;

struct Sample {
  double value = 0;
  Labels labels = {};
};

// Of a histogram: how often values up to each bound occurred, and all of them.
struct HistogramSample {
  std::span<const double> bounds;         // in the metric's unit, rising
  std::span<const std::uint64_t> counts;  // one for each, and one more for what is above all
  double sum = 0;
  Labels labels = {};
};

class MetricsText {
 public:
  explicit MetricsText(bool open_metrics) : open_metrics_(open_metrics) {}

  // Each metric once, with all its samples; without samples it is left out. `name` is without "_total" and
  // bears its unit; `unit`: "bytes" or "seconds", empty: it has none. `help` gets a capital and a full stop.
  void counter(std::string_view name, std::string_view unit, std::string_view help,
               const std::vector<Sample>& samples);
  void gauge(std::string_view name, std::string_view unit, std::string_view help,
             const std::vector<Sample>& samples);
  void histogram(std::string_view name, std::string_view unit, std::string_view help,
                 const std::vector<HistogramSample>& samples);

  std::string take();  // the whole text

  // What the field Accept of a request asks for.
  static bool asks_for_open_metrics(std::string_view accept);
  std::string_view type() const;  // of the content

 private:
  void begin(std::string_view name, std::string_view type, std::string_view unit, std::string_view help);
  void sample(std::string_view name, std::string_view suffix, const Labels& labels, double value,
              std::string_view bound = {});

  bool open_metrics_;
  std::string text_;
};

}  // namespace anchord::control

// phone trace: what the running service has heard of one phone of late.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include "../number_range.h"
#include "control_client.h"
#include "failure.h"
#include "output.h"
#include "phone.h"
#include "session.h"

namespace anchord::ctl {
namespace {

constexpr auto kBetweenTraces = std::chrono::milliseconds(300);

struct TraceOptions {
  std::string name;
  unsigned seconds = 0;
};

// "2026-11-23T05:33:38.123Z"
std::string moment_text(std::int64_t millis) {
  std::string text = time_text(millis / 1000);
  return text.insert(text.size() - 1, fmt::format(".{:03}", millis % 1000));
}

void print_event(const protocol::TraceEvent& event) {
  print_line(fmt::format("{} {:<5} {} {}: {}", moment_text(event.at), event.protocol, event.address,
                         event.what, event.outcome));
}

Json event_json(const protocol::TraceEvent& event) {
  return {{"address", event.address}, {"at", moment_text(event.at)}, {"number", event.number},
          {"outcome", event.outcome}, {"protocol", event.protocol},  {"what", event.what}};
}

Outcome trace_phone(const Session& session, const TraceOptions& options) {
  std::string name = name_from_text(options.name);
  Millis end = monotonic_now() + Millis{options.seconds} * 1000;
  Json all = Json::array();
  std::uint64_t since = 0;
  for (;;) {
    Millis now = monotonic_now();
    unsigned left = now < end ? static_cast<unsigned>((end - now + 999) / 1000) : 0;
    auto trace = ask_service(session.state_dir(),
                             protocol::TraceRequest{.device = name, .seconds = left, .since = since});
    if (!trace) return failure_of(trace, "only a running service can tell");
    since = trace->last;
    for (const protocol::TraceEvent& event : trace->events) {
      if (!session.json) print_event(event);
      all.push_back(event_json(event));
    }
    // Whoever reads it sees it at once; and when nobody does any more, it is over.
    if (!output_arrived() || now >= end) break;
    std::this_thread::sleep_for(kBetweenTraces);
  }
  if (session.json) {
    print_json({{"device", name}, {"events", all}});
  } else if (all.empty()) {
    print_line(fmt::format("nothing was heard of {}", name));
  }
  return all.empty() ? Answer::no : Answer::yes;
}

}  // namespace

void add_phone_trace(CLI::App& phone_group, Session& session) {
  auto& command = *phone_group.add_subcommand(
      "trace", "What the running service has heard of one phone of late: requests, questions, handshakes");
  auto options = std::make_shared<TraceOptions>();
  command.add_option("NAME", options->name, "SEP and the 12 digits of the phone's MAC address")
      ->required()
      ->type_name("");
  command.add_option("--seconds", options->seconds, "Go on for so long, and have every request recorded")
      ->check(app::in_range(0u, protocol::kMaxTraceSeconds, "a number of seconds"))
      ->type_name("N");
  session.add_json_flag(command);
  session.on(command, [&session, options] { return trace_phone(session, *options); });
}

}  // namespace anchord::ctl

// phone trace: what the running service has heard of one phone of late.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include "client/control_client.h"
#include "client/failure.h"
#include "commands/commands.h"
#include "commands/phone.h"
#include "render/output.h"

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

std::string event_line(const protocol::TraceEvent& event) {
  return fmt::format("{} {:<5} {} {}: {}", moment_text(event.at), event.protocol, event.address, event.what,
                     event.outcome);
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
      // Whoever reads it sees it at once.
      if (!session.json) print_text(Text(event_line(event)));
      all.push_back(event_json(event));
    }
    // When nobody reads it any more, it is over.
    if (!output_arrived() || now >= end) break;
    std::this_thread::sleep_for(kBetweenTraces);
  }
  Text text;
  if (all.empty()) text.line(fmt::format("nothing was heard of {}", name));
  const Answer answer = all.empty() ? Answer::no : Answer::yes;
  return Shown{{{"device", name}, {"events", std::move(all)}}, std::move(text), answer};
}

}  // namespace

Action phone_trace_command(Session& session) {
  auto options = std::make_shared<TraceOptions>();
  return {
      {phone_option(&options->name, true),
       number_option(
           {.name = "--seconds", .type = "N", .help = "Go on for so long, and have every request recorded"},
           options->seconds, 0u, protocol::kMaxTraceSeconds, "a number of seconds"),
       json_option(session)},
      [&session, options] { return trace_phone(session, *options); }};
}

}  // namespace anchord::ctl

// top: what needs a person and what the service does, again and again, until it is interrupted.
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <thread>

#include "commands/cluster_facts.h"
#include "commands/commands.h"
#include "render/output.h"

namespace anchord::ctl {
namespace {

constexpr std::size_t kShownProblems = 5;
constexpr std::size_t kShownCounters = 20;  // that rise fastest
constexpr unsigned kMaxSeconds = 3600;
constexpr unsigned kMaxTimes = 1'000'000;
constexpr std::string_view kClearScreen = "\033[H\033[2J";

struct TopOptions {
  unsigned seconds = 2;
  unsigned times = 0;  // 0: until it is interrupted
};

// Counters of one moment.
struct Reading {
  std::map<std::string, std::uint64_t> counters;
  std::int64_t pid = 0;  // another service counts from 0
  Millis at = 0;
};

struct Rate {
  std::string name;
  double per_second = 0;
  std::uint64_t total = 0;
};

// Those that have risen, the fastest first.
std::vector<Rate> rates(const Reading& before, const Reading& now) {
  std::vector<Rate> out;
  if (before.pid != now.pid || now.at <= before.at) return out;
  const double seconds = static_cast<double>(now.at - before.at) / 1000;
  for (const auto& [name, total] : now.counters) {
    const auto old = before.counters.find(name);
    if (old == before.counters.end() || total <= old->second) continue;
    out.push_back({name, static_cast<double>(total - old->second) / seconds, total});
  }
  std::ranges::sort(out, std::greater(), &Rate::per_second);
  return out;
}

Json json_of(const Facts& facts, const std::vector<Rate>& rising) {
  Json list = Json::array();
  for (const Rate& rate : rising)
    list.push_back({{"counter", rate.name}, {"per_second", rate.per_second}, {"total", rate.total}});
  return {
      {"cluster", facts.cluster.name}, {"problems", texts_of(problems(facts))}, {"rising", std::move(list)}};
}

Text text_of(const Facts& facts, const std::vector<Rate>& rising) {
  const Problems wrong = problems(facts);
  Text text(fmt::format("{} of {}: {}", time_text(facts.now), facts.cluster.name, needs_text(wrong.size())));
  for (std::size_t i = 0; i < std::min(wrong.size(), kShownProblems); ++i)
    text.line((wrong[i].urgent ? "  ! " : "  - ") + wrong[i].text);
  if (wrong.size() > kShownProblems) text.line("  and more: see 'anchorctl status'");
  const auto held = facts.ledger.by_held_state(trust::ListKind::itl);
  std::string lists;
  for (HeldState state : kHeldStates)
    if (const auto found = held.find(state); found != held.end() && found->second.count > 0)
      lists += fmt::format("{}{} {}", lists.empty() ? "" : ", ", found->second.count, held_state_name(state));
  text.line("phones by their list: " + (lists.empty() ? "none is known" : lists));
  if (facts.service)
    text.line(fmt::format("service on {}: snapshot {}, {} certificates, {} files{}", facts.service->host,
                          facts.service->snapshot.version, facts.service->snapshot.certificates,
                          facts.service->snapshot.files, facts.service->draining ? ", draining" : ""));
  Text::Table rows{{"COUNTER", "PER SECOND", "TOTAL"}};
  for (std::size_t i = 0; i < std::min(rising.size(), kShownCounters); ++i)
    rows.push_back(
        {rising[i].name, fmt::format("{:.1f}", rising[i].per_second), fmt::format("{}", rising[i].total)});
  if (rising.empty()) return text.line("nothing is counted up");
  return text.table(std::move(rows));
}

Outcome watch(const Session& session, const TopOptions& options) {
  const bool on_terminal = ::isatty(STDOUT_FILENO) == 1;
  Reading before;
  Json last;
  for (unsigned round = 0; options.times == 0 || round <= options.times; ++round) {
    if (round > 0) std::this_thread::sleep_for(std::chrono::seconds(options.seconds));
    ANCHORD_TRY_ASSIGN(auto facts, gather_facts(session));
    Reading now{.counters = {}, .pid = 0, .at = monotonic_now()};
    if (facts.service) now.counters = facts.service->counters, now.pid = facts.service->pid;
    const auto rising = rates(before, now);
    before = std::move(now);
    // Rates are known from the second reading on; whoever looks at a terminal sees the rest at once.
    if (round == 0 && !(on_terminal && !session.json)) continue;
    last = json_of(facts, rising);
    if (session.json) continue;
    if (on_terminal) print(kClearScreen);
    print_text(text_of(facts, rising));
    // When nobody reads it any more, it is over.
    if (!output_arrived()) break;
  }
  return Shown{std::move(last), Text()};
}

}  // namespace

Action top_command(Session& session) {
  auto options = std::make_shared<TopOptions>();
  return {
      {number_option({.name = "--seconds", .type = "N", .help = "Between two looks (default 2)"},
                     options->seconds, 1u, kMaxSeconds, "a number of seconds"),
       number_option(
           {.name = "--times", .type = "N", .help = "End after so many looks (default: when interrupted)"},
           options->times, 1u, kMaxTimes, "a number of looks"),
       json_option(session)},
      [&session, options] {
        if (session.json && options->times == 0)
          wrong_usage("--json prints one document at the end: give --times N");
        return watch(session, *options);
      }};
}

}  // namespace anchord::ctl

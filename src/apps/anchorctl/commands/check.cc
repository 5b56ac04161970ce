// check: one line for cron and for monitoring (Nagios, Icinga), by the same problems as status.
#include <fmt/core.h>

#include <algorithm>
#include <iterator>

#include "commands/cluster_facts.h"
#include "commands/commands.h"
#include "render/output.h"

namespace anchord::ctl {
namespace {

constexpr std::size_t kShown = 3;  // of many problems: a pager shows a line

std::string_view level_of(const Problems& problems) {
  if (problems.empty()) return "ok";
  return std::ranges::any_of(problems, &Problem::urgent) ? "critical" : "warning";
}

Answer answer_of(std::string_view level) {
  if (level == "ok") return Answer::yes;
  return level == "critical" ? Answer::urgent : Answer::no;
}

Shown shown(const Problems& all, const std::string& when_well) {
  Problems problems;
  for (bool urgent : {true, false})
    std::ranges::copy_if(all, std::back_inserter(problems),
                         [&](const Problem& problem) { return problem.urgent == urgent; });
  const std::string_view level = level_of(problems);
  const auto urgent = std::ranges::count_if(problems, &Problem::urgent);
  std::vector<std::string> first = texts_of(problems);
  first.resize(std::min(first.size(), kShown));
  std::string line = problems.empty() ? when_well : needs_text(problems.size()) + ": " + joined(first, "; ");
  if (problems.size() > kShown) line += "; and more, see 'anchorctl status'";
  std::ranges::replace(line, '|', '/');  // what is behind it is read as figures
  Json list = Json::array();
  for (const Problem& problem : problems)
    list.push_back({{"text", problem.text}, {"urgent", problem.urgent}});
  return {
      {{"level", level}, {"problems", std::move(list)}},
      Text(fmt::format("{}: {} | problems={} urgent={}", upper_case(level), line, problems.size(), urgent)),
      answer_of(level)};
}

Outcome check(const Session& session) {
  auto facts = gather_facts(session);
  // Whoever asks reads standard output: what cannot be looked at is as bad as what is wrong.
  if (!facts) return shown({Problem(facts.error().text, true)}, "");
  std::string well = "nothing needs a person";
  if (facts->service)
    well += fmt::format(", snapshot {} is in service on {}", facts->service->snapshot.version,
                        facts->service->host);
  return shown(problems(*facts), well);
}

}  // namespace

Action check_command(Session& session) {
  return {{json_option(session)}, [&session] { return check(session); }};
}

}  // namespace anchord::ctl

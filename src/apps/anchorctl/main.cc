#include <csignal>
#include <exception>

#include "command_line.h"
#include "render/output.h"

namespace anchord::ctl {
namespace {

constexpr int kFailed = 1;
constexpr int kUrgent = 2;

int output_lost() {
  print_error("standard output could not be written; what was printed is incomplete");
  return kFailed;
}

int leave_with(const Outcome& outcome, const Session& session) {
  if (outcome) show(*outcome, session.json);
  if (!outcome || outcome->failure) {
    print_error(outcome ? outcome->failure->text : outcome.error().text);
    return kFailed;
  }
  if (!output_arrived()) return output_lost();
  if (outcome->answer == Answer::urgent) return kUrgent;
  return outcome->answer == Answer::yes ? 0 : kFailed;
}

int run(int argc, char** argv) {
  Session session;
  return run_command_line(argc, argv, all_commands(), session, [&](const std::function<Outcome()>& work) {
    if (!work) return output_arrived() ? 0 : output_lost();
    const Outcome outcome = work();
    const int code = leave_with(outcome, session);
    if (outcome && !outcome->failure) session.warn_of_read_only();
    // A failure is one line and no more.
    if (code == 0) session.warn_of_backup();
    return code;
  });
}

}  // namespace
}  // namespace anchord::ctl

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return anchord::ctl::run(argc, argv);
  } catch (const std::exception& error) {
    anchord::ctl::print_error(error.what());
    return anchord::ctl::kFailed;
  }
}

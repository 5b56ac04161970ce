// The commands of `file` that make files, apart from those that only look at them.
#pragma once

#include "session.h"

namespace anchord::ctl {

void add_file_making_commands(CLI::App& group, Session& session);

}  // namespace anchord::ctl

// Reports: what is to be looked at, from the store alone.
#pragma once

#include <string_view>

#include "session.h"

namespace anchord::ctl {

void add_features_report(CLI::App& group, Session& session);
void add_evidence_report(CLI::App& group, Session& session);

}  // namespace anchord::ctl

// What a run came to: a few lines for people, and a JSON document whose field names
// are stable.
#pragma once

#include <string>

#include "client.h"
#include "plan.h"
#include "runner.h"

namespace anchord::load {

Json json_report(const Plan& plan, const Outcome& outcome, const Protocol& protocol);
std::string text_report(const Plan& plan, const Outcome& outcome, const Protocol& protocol);

}  // namespace anchord::load

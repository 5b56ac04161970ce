// How phones are named on command lines.
#pragma once

#include <string>

#include "anchord/base/error.h"
#include "anchord/trust/cluster.h"
#include "commands/option.h"
#include "render/output.h"

namespace anchord::ctl {

// phone::device_name() of what was given; wrong_usage() where that is no phone's name.
std::string name_from_text(const std::string& text);

// NAME, of one phone or of several.
Option phone_option(Option::Target target, bool required);

std::unexpected<Error> no_phone(const std::string& name);

}  // namespace anchord::ctl

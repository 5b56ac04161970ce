// Becoming another user, as a start as root does once its ports are bound.
#pragma once

#include <string>

#include "anchord/base/error.h"

namespace anchord::control {

// That there is such a user; an empty name is none that is asked for.
Status check_user(const std::string& name);

// With all of the user's groups, and for good. An empty name: stays who it is.
Status become(const std::string& name);

}  // namespace anchord::control

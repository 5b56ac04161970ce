// Dropping privileges: a start as root goes on as another user once its ports are bound.
#pragma once

#include <string>

#include "anchord/base/error.h"

namespace anchord::control {

// Checks that there is such a user; an empty name asks for none.
Status check_user(const std::string& name);

// Changes to that user, with all of its groups, for good. With an empty name nothing changes.
Status drop_privileges(const std::string& name);

}  // namespace anchord::control

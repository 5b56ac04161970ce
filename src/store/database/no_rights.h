// What to say to who may not do what it takes.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "anchord/base/error.h"

namespace anchord::store {

// As fail_errno(); where it is a matter of rights to `where`, with who has them: "...: run it as anchord, who
// owns it, or as root".
std::unexpected<Error> fail_at(std::string_view what, int reason, const std::filesystem::path& where);

// Of a user's number, or that.
std::string name_of_user(unsigned user);

}  // namespace anchord::store

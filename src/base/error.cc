#include "anchord/base/error.h"

#include <system_error>

namespace anchord {

std::unexpected<Error> fail_errno(std::string_view what, int error_number) {
  return fail(std::string(what) + ": " + std::generic_category().message(error_number));
}

}  // namespace anchord

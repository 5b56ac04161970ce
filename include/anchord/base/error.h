// What can go wrong without being a bug: a file, a peer, the machine.
//
// An Error is one line that names the thing and, where there is one, the remedy;
// programs print it as it is. Programming errors are assertions, not Errors.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace anchord {

struct Error {
  std::string text;

  // Puts what was being done in front: "reading x: no such file".
  Error within(std::string_view what) && {
    std::string out{what};
    out += ": ";
    out += text;
    return {std::move(out)};
  }
};

template <class T>
using Result = std::expected<T, Error>;
using Status = std::expected<void, Error>;

inline std::unexpected<Error> fail(std::string text) {
  return std::unexpected<Error>(Error{std::move(text)});
}

// "open: No such file or directory" for the given errno value.
std::unexpected<Error> fail_errno(std::string_view what, int error_number);

}  // namespace anchord

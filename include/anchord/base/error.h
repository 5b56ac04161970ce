// What can go wrong without being a bug: a file, a peer, the machine.
//
// An Error is one line that names the thing and, where there is one, the remedy;
// programs print it as it is. Programming errors are assertions, not Errors.
#pragma once

#include <expected>
#include <string>
#include <string_view>
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

// Returns the error of a Status or a Result, as it is, from the function that it stands in.
#define ANCHORD_TRY(...)                                         \
  do {                                                           \
    if (auto anchord_status = (__VA_ARGS__); !anchord_status)    \
      return std::unexpected(std::move(anchord_status).error()); \
  } while (false)

// The same, and else puts the Result's value into `target`: ANCHORD_TRY_ASSIGN(auto file, open_it(name));
// It is several statements: within an `if` it stands in braces.
#define ANCHORD_TRY_ASSIGN(target, ...) \
  ANCHORD_TRY_NAMED(ANCHORD_JOINED(anchord_result_, __LINE__), target, __VA_ARGS__)
#define ANCHORD_TRY_NAMED(result, target, ...)                    \
  auto result = (__VA_ARGS__);                                    \
  if (!result) return std::unexpected(std::move(result).error()); \
  target = *std::move(result)
#define ANCHORD_JOINED(a, b) ANCHORD_JOINED_NOW(a, b)
#define ANCHORD_JOINED_NOW(a, b) a##b

// "open: No such file or directory" for the given errno value.
std::unexpected<Error> fail_errno(std::string_view what, int error_number);

}  // namespace anchord

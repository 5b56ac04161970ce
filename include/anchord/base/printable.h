// Text that others have written (names in certificates, of files and of peers) as it may be
// shown: on a terminal, in the log, in JSON.
//
// What is not seen, or changes how the rest is seen, is written as an escape: control
// characters (with those of Latin-1, which steer some terminals), directions of writing,
// characters without a width, separators of lines.
#pragma once

#include <string>
#include <string_view>

namespace anchord {

// For a line of text: such characters become \u001b or \U000e0001, and a byte that is no UTF-8
// \xff. So the line stays one, and nobody can dress up one name as another.
std::string printable(std::string_view text);

// The same of a text of several lines, which stay lines.
std::string printable_lines(std::string_view text);

// For a JSON document that is UTF-8: such characters in its strings become \u202e, which
// programs read as what it was.
std::string printable_json(std::string_view document);

// The one way to print JSON. What is not UTF-8 is replaced. `indent` -1: all in one line.
template <class Json>
std::string json_text(const Json& document, int indent = -1) {
  return printable_json(document.dump(indent, ' ', false, Json::error_handler_t::replace));
}

}  // namespace anchord

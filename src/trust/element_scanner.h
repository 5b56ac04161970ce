// Finds elements with text in whatever holds them: markup need not be well-formed, nor whole.
// A parser stops where the first error is; a copy that was cut or joined goes on behind it.
//
// Bytes that are zero are passed over, so that UTF-16 and UTF-32 look as ASCII does, and so do
// files whose lines end in them. Comments are read as all else is: what is in one is in the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "anchord/base/bytes.h"

namespace anchord::trust {

class ElementScanner {
 public:
  // Names are in lower case, without a prefix ("x:"), and valid during the call.
  struct Visitor {
    // Returns whether the text is wanted.
    std::function<bool(std::string_view name)> begin;
    // Its text up to the next element's tag, with references and CDATA resolved, as bytes.
    std::function<void(std::string_view name, std::string_view text)> text;
  };

  explicit ElementScanner(Visitor visitor) : visitor_(std::move(visitor)) {}

  // May be called again with what follows.
  void feed(Bytes piece);
  // Whether it ends within a text that is wanted. What is there of that is given too.
  bool end();

 private:
  enum class State : std::uint8_t { text, markup, name, attributes, cdata };

  void take(char c);
  void in_markup(char c);
  void end_name(char c);
  void open(bool is_empty);
  void end_text();
  void add(char c);

  Visitor visitor_;
  State state_ = State::text;
  bool wanted_ = false;         // the text of `element_`
  std::string element_;         // whose text is read
  std::string name_;            // of a tag, as far as it is read; or what follows "<"
  std::size_t attributes_ = 0;  // bytes
  char last_ = 0;               // of the attributes
  std::string text_;
};

}  // namespace anchord::trust

// What a command has found or done, made once and as data: a document for programs, and text for people.
// show() prints one of them.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "anchord/base/error.h"
#include "render/output.h"

namespace anchord::ctl {

// Blocks, one behind the other. What is in them may be others' text: it is made safe to show where it is
// printed, but for what is given as_it_is().
class Text {
 public:
  using Facts = std::vector<std::pair<std::string, std::string>>;  // name and value, the values in one column
  using Table = std::vector<std::vector<std::string>>;             // the first row is the heading

  Text() = default;
  Text(std::string line) { this->line(std::move(line)); }

  Text& line(std::string text);
  Text& facts(Facts facts);
  Text& table(Table table);
  Text& as_it_is(std::string content);  // a certificate, what is in a file
  Text& append(const Text& other);

 private:
  struct Content {
    std::string bytes;
  };
  using Block = std::variant<std::string, Facts, Table, Content>;
  friend void print_text(const Text& text);

  std::vector<Block> blocks_;
};

// To standard output, at once: for what goes on for long.
void print_text(const Text& text);

// "No" is an answer, not a failure: both leave with exit code 1, but only a failure has an error line to
// print. What is urgent leaves with 2, as monitoring has it.
enum class Answer { yes, no, urgent };

struct Shown {
  Json json;
  Text text;
  Answer answer = Answer::yes;
  std::optional<Error> failure = {};  // it has failed, and there is something to show all the same
};

// To standard output.
void show(const Shown& shown, bool as_json);

}  // namespace anchord::ctl

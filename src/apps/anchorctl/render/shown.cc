#include "render/shown.h"

namespace anchord::ctl {
namespace {

template <class... Printers>
struct Each : Printers... {
  using Printers::operator()...;
};

}  // namespace

Text& Text::line(std::string text) {
  blocks_.emplace_back(std::move(text));
  return *this;
}

Text& Text::facts(Facts facts) {
  blocks_.emplace_back(std::move(facts));
  return *this;
}

Text& Text::table(Table table) {
  blocks_.emplace_back(std::move(table));
  return *this;
}

Text& Text::as_it_is(std::string content) {
  blocks_.emplace_back(Content{std::move(content)});
  return *this;
}

Text& Text::append(const Text& other) {
  blocks_.insert(blocks_.end(), other.blocks_.begin(), other.blocks_.end());
  return *this;
}

void print_text(const Text& text) {
  const Each printers{[](const std::string& line) { print_line(line); },
                      [](const Text::Facts& facts) { print_facts(facts); },
                      [](const Text::Table& table) { print_table(table); },
                      [](const Text::Content& content) { print(content.bytes); }};
  for (const Text::Block& block : text.blocks_) std::visit(printers, block);
}

void show(const Shown& shown, bool as_json) {
  if (as_json) {
    print_json(shown.json);
  } else {
    print_text(shown.text);
  }
}

}  // namespace anchord::ctl

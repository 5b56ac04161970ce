// What the log says of one look at the folders: a line for each cause, however many files
// it befalls, and one for what has changed. Thousands of files that cannot be read for one
// reason are one thing to know, not thousands.
//
// One thread's own. take() comes after each look and forgets what it gave.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace anchord::control {

class FileNews {
 public:
  // Files that a line names; of more it says how many.
  static constexpr std::size_t kNamed = 3;
  // Causes that one look says: a script that broke every file in its own way fills no disk.
  static constexpr std::size_t kMaxCauses = 20;

  struct Line {
    bool is_warning = false;
    std::string text;
  };

  // "'FILE' REASON", or "N files ('A', 'B', 'C' and M more): REASON".
  void odd(std::string_view file, const std::string& reason);
  void good_again(std::string_view file) { good_.add(file); }
  void added(std::string_view file) { added_.add(file); }
  void changed(std::string_view file) { changed_.add(file); }
  void gone(std::string_view file) { gone_.add(file); }

  std::vector<Line> take();

 private:
  struct Files {
    std::size_t count = 0;
    std::array<std::string, kNamed> first;

    void add(std::string_view file);
    std::string text() const;  // "'A', 'B', 'C' and 4 more"
  };

  std::map<std::string, Files> odd_;  // by cause
  std::size_t others_ = 0;            // beyond kMaxCauses
  Files good_;
  Files added_;
  Files changed_;
  Files gone_;
};

}  // namespace anchord::control

// Files to be looked at again by themselves: somebody still writes them, or their place may be
// free now. One thread's own; times are of the monotonic clock.
#pragma once

#include <map>
#include <set>
#include <string>

#include "anchord/base/clock.h"

namespace anchord::control {

class UnfinishedFiles {
 public:
  // A file is told of a moment before its writer has let go of it, and may be found
  // unfinished for that reason alone. Where the kernel does not say who writes, time does.
  void found(const std::string& file, Millis now);
  // With the next look, whatever was found.
  void look_again(const std::string& file) { files_[file] = {}; }
  void forget(const std::string& file) { files_.erase(file); }

  // How often it was found so in a row.
  unsigned looks(const std::string& file) const;

  // Those whose time has come; they stay until they are forgotten, or found again.
  std::set<std::string> due(Millis now) const;
  Millis next_look() const;

 private:
  struct File {
    unsigned looks = 0;
    Millis next_look = 0;
  };

  std::map<std::string, File> files_;
};

}  // namespace anchord::control

// Sees to it that what is served of broken files is served after a restart too: copies it to LastGood a few
// at a time, since each copy waits for the disk, and says what cannot be copied. One thread's own, but for
// stored().
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "anchord/base/bytes.h"
#include "anchord/base/clock.h"
#include "provisioning/file_problems.h"
#include "provisioning/last_good.h"

namespace anchord::control {

class LastGoodCopies {
 public:
  // `problems` outlives this one.
  LastGoodCopies(LastGood stored, FileProblems& problems) : stored_(std::move(stored)), problems_(problems) {}

  // The copies that there are. Helpers read it while nothing else happens here.
  const LastGood& stored() const { return stored_; }

  // What is served of that file is to be copied, unless it was.
  void want(const std::string& name);
  bool is_complete() const { return wanted_.empty(); }
  // Copies for so long, one at least. `content` says what is served of a file; none: nothing is any more.
  using Content = std::function<std::optional<Bytes>(const std::string& name)>;
  void copy_some(Millis time, const Content& content);

  // The file is good, or has gone.
  void forget(const std::string& name);
  void forget_all_but(const std::set<std::string>& names);

 private:
  LastGood stored_;
  FileProblems& problems_;
  std::set<std::string> wanted_;
};

}  // namespace anchord::control

// Which files that have gone from a folder are taken out of service, and when: most at
// once, but those that go together, as with a wrong rm or a volume that is not mounted, are
// held for a while, so that somebody can put them back.
//
// A file that has gone waits for a moment, in which others may follow, and then all that
// wait are judged together. One thread's own; times are of the monotonic clock.
#pragma once

#include <cstddef>
#include <deque>
#include <set>
#include <string>
#include <utility>

#include "anchord/base/clock.h"

namespace anchord::control {

class Removals {
 public:
  // "Many" is more than so many files, and more than one of so many that are served: what
  // somebody clears away by hand is not, in a small folder as in a large one.
  static constexpr std::size_t kMoreThan = 20;
  static constexpr std::size_t kOneOf = 10;
  // For others that go with it: rm and rsync take their time.
  static constexpr Millis kGather = 300;

  // With 0 nothing is held, nor gathered.
  explicit Removals(Millis hold) : hold_(hold) {}

  void missing(const std::string& name, Millis now);
  void back(const std::string& name) { waiting_.erase(name); }
  bool waits(const std::string& name) const { return waiting_.contains(name); }

  // Those to be taken out of service now. `served` counts all files of the folder that
  // are in service, those that wait among them.
  std::set<std::string> due(std::size_t served, Millis now);
  // Whatever waits is due.
  void confirm() { confirmed_ = true; }

  // How many are held, and until when; 0 while nothing is.
  std::size_t held() const { return held_until_ == kNever ? 0 : waiting_.size(); }
  Millis held_until() const { return held_until_; }
  Millis next_look() const;

 private:
  bool are_many(std::size_t served) const;

  Millis hold_;
  std::set<std::string> waiting_;
  Millis since_ = kNever;                            // when the first of those that wait was missed
  Millis held_until_ = kNever;                       // kNever: they are not held
  std::deque<std::pair<Millis, std::size_t>> done_;  // how many went lately without being held
  bool confirmed_ = false;
};

}  // namespace anchord::control

// Which files that have gone from a folder are taken out of service, and when: a few soon, but
// many, as with a wrong rm or a volume that is not mounted, are held for a while, so that
// somebody can put them back; whether they go at once or one after the other.
//
// A file that has gone waits until nothing more goes, the longer the more have gone lately: a
// slow deletion cannot be told from a single removal in any other way. Then all that wait are
// judged together. One thread's own; times are of the monotonic clock.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
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
  // A file waits until nothing has gone for so long, and for so much longer for each other that
  // went lately, up to the last; at most as long as many are held.
  static constexpr Millis kSettle = 2'000;
  static constexpr Millis kSettleForEach = 1'000;
  static constexpr Millis kSettleMost = 30'000;
  // Of times that many are held. "Lately" is so many before: none waits for longer where
  // there are only a few, though more and more go.
  static constexpr Millis kLately = 5;
  // Nor are many held for longer, though more and more go.
  static constexpr Millis kHeldMost = 10;

  // With 0 nothing is held, nor waits.
  explicit Removals(Millis hold) : hold_(hold) {}

  // Again of one that waits already is no news.
  void missing(const std::string& name, Millis now);
  void back(const std::string& name) { waiting_.erase(name); }
  bool waits(const std::string& name) const { return waiting_.contains(name); }

  // All that wait, held or not, by when they were missed.
  const std::map<std::string, Millis>& waiting() const { return waiting_; }

  // Those to be taken out of service now. `served` counts all files of the folder that
  // are in service, those that wait among them.
  std::set<std::string> due(std::size_t served, Millis now);
  // Whatever waits is due.
  void confirm() { confirmed_ = true; }

  // How many are held, and until when if no more go; 0 while nothing is.
  std::size_t held() const { return held_since_ == kNever ? 0 : waiting_.size(); }
  Millis held_until() const;
  // Nothing has gone for a moment: as many as are held now were meant.
  bool is_settled(Millis now) const { return now - last_ >= kSettle; }
  Millis next_look(Millis now) const;

 private:
  std::size_t lately() const;
  bool are_many(std::size_t served) const;
  Millis settled_at() const;
  std::set<std::string> take_due(std::size_t served, Millis now);
  std::set<std::string> take_all(Millis now);
  std::set<std::string> take_old(Millis now);

  Millis hold_;
  std::map<std::string, Millis> waiting_;            // and since when
  Millis last_ = 0;                                  // when the last was missed
  Millis held_since_ = kNever;                       // kNever: they are not held
  std::deque<std::pair<Millis, std::size_t>> done_;  // how many went lately without being held
  bool confirmed_ = false;
};

}  // namespace anchord::control

#include "provisioning/last_good_copies.h"

namespace anchord::control {
namespace {

// An error of one copy as one of all that fail alike: without the copy's path.
std::string unnamed(const Error& error) {
  const std::size_t begin = error.text.find('\'');
  const std::size_t end = error.text.rfind('\'');
  if (begin == end) return error.text;
  return error.text.substr(0, begin) + "it" + error.text.substr(end + 1);
}

}  // namespace

void LastGoodCopies::want(const std::string& name) {
  if (!stored_.holds(name)) wanted_.insert(name);
}

void LastGoodCopies::copy_some(Millis time, const Content& content) {
  for (const Millis end = monotonic_now() + time; !wanted_.empty();) {
    std::string name = std::move(wanted_.extract(wanted_.begin()).value());
    const std::optional<Bytes> served = content(name);
    if (!served) continue;
    const std::string file = std::string(kLastGoodPrefix) + name;
    // One that cannot be kept is tried again with the next look at everything.
    if (Status kept = stored_.keep(name, *served); kept) {
      problems_.clear(file);
    } else {
      problems_.set(file, "cannot be kept for after a restart: " + unnamed(kept.error()),
                    protocol::Served::last_good);
    }
    if (monotonic_now() >= end) break;
  }
}

void LastGoodCopies::forget(const std::string& name) {
  wanted_.erase(name);
  if (Status forgotten = stored_.forget(name); !forgotten)
    problems_.news().odd(std::string(kLastGoodPrefix) + name, unnamed(forgotten.error()));
  problems_.clear(std::string(kLastGoodPrefix) + name);
}

void LastGoodCopies::forget_all_but(const std::set<std::string>& names) {
  const std::set<std::string> there = stored_.names();
  for (const std::string& name : there)
    if (!names.contains(name)) forget(name);
}

}  // namespace anchord::control

// Copies of configurations that go out encrypted: told by what they hold, and not served.
#include <algorithm>

#include "provisioner.h"

namespace anchord::control {

void Provisioner::note_traits(const std::string& name, Known& known, MadeFiles& made) {
  forget_traits(name, known);
  known.traits = std::move(made.traits);
  known.recipient = std::move(made.recipient);
  known.withheld = false;
  if (known.recipient)
    for (std::uint64_t value : known.traits.values) ++secrets_[value];
  else if (known.traits.is_configuration())
    maybe_copies_.insert(name);
}

void Provisioner::forget_traits(const std::string& name, const Known& known) {
  maybe_copies_.erase(name);
  if (!known.recipient) return;
  for (std::uint64_t value : known.traits.values) {
    auto counted = secrets_.find(value);
    if (--counted->second == 0) secrets_.erase(counted);
  }
}

// The encrypted configuration that holds what this one does; empty when none does.
std::string Provisioner::copied_configuration(const Known& known) const {
  auto shared =
      std::ranges::find_if(known.traits.values, [&](auto value) { return secrets_.contains(value); });
  if (shared == known.traits.values.end()) return {};
  for (const auto& [name, other] : known_)
    if (other.recipient && std::ranges::binary_search(other.traits.values, *shared)) return name;
  return {};
}

// Before anything goes out: both a copy and what it is a copy of may be new.
void Provisioner::judge_copies() {
  for (const std::string& name : maybe_copies_) {
    Known& known = known_.at(name);
    const std::string copied = copied_configuration(known);
    if (!copied.empty()) {
      drop_endings(name, std::exchange(known.served, 0));
      if (!known.withheld)
        set_problem(std::string(kFiles) + name, copy_problem(*configured_device(copied)), Served::nothing);
      known.withheld = true;
    } else if (known.withheld) {
      known.withheld = false;
      look_again(name);  // which makes it anew, and serves it
    }
  }
}

}  // namespace anchord::control

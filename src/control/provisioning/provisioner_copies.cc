// What Copies say is not served.
#include "provisioning/provisioner.h"

namespace anchord::control {

// Before anything goes out: both a copy and what it is a copy of may be new.
void Provisioner::judge_copies() {
  for (const std::string& name : copies_.suspects()) {
    Known& known = known_.at(name);
    const std::string file = std::string(kFiles) + name;
    if (std::string problem = copies_.problem(name, context_->devices); !problem.empty()) {
      drop_endings(name, known.served);
      known.served = 0;
      whole_changes_ = changes_.size();
      known.withheld = true;
      problems_.warn(file, "");
      problems_.set(file, std::move(problem), Served::nothing);
    } else if (known.withheld) {
      look_again(name);  // which makes it anew, and serves it
      known.withheld = false;
    } else if (known.served != 0 && !known.warning.empty() && !problems_.has(file)) {
      problems_.warn(file, known.warning);
    }
  }
}

}  // namespace anchord::control

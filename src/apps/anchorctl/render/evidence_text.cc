#include "render/evidence_text.h"

#include <utility>

namespace anchord::ctl {

using trust::Evidence;

std::string meaning_of(Evidence evidence) {
  switch (evidence) {
    case Evidence::ordinary:
      return "a whole boot from one address, whichever that is, releases guards";
    case Evidence::strict:
      return "a whole boot releases guards only from the address where the phone was when it last accepted "
             "a list; for one that has another now there is 'anchorctl phone settle SEP...'";
    case Evidence::nothing:
      return "no boot releases guards: that takes 'anchorctl phone settle SEP...', or --force";
  }
  std::unreachable();
}

std::string left_to_attackers(Evidence evidence) {
  switch (evidence) {
    case Evidence::ordinary:
      return "who plays a whole boot in a phone's name makes it seem to have moved on; --allow keeps "
             "networks out";
    case Evidence::strict:
      return "the same, but only from the phone's own address: behind the same NAT, or on the way to it";
    case Evidence::nothing:
      return "to hold guards: what is given in a phone's name counts as what it may hold";
  }
  std::unreachable();
}

}  // namespace anchord::ctl

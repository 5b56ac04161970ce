// Phones by what is known of them, for commands that show or change many at once.
#pragma once

#include <string>

#include "anchord/report/known_phones.h"
#include "anchord/store/store.h"
#include "commands/option.h"

namespace anchord::ctl {

// What is chosen must be all of it.
struct PhoneSelection {
  bool behind = false;      // as 'phone recover --behind' means it
  unsigned unseen_for = 0;  // days since it was last heard of; 0: whenever
  std::string model;        // "8861", "CP-8861"; empty: any

  bool chooses() const { return behind || unseen_for != 0 || !model.empty(); }
};

Options selection_options(PhoneSelection& selection);

// Leaves those in `phones` that are chosen. One that was never heard of is not unseen for any time:
// nobody knows since when. Those that were removed are not chosen.
Status select(store::Store& store, const PhoneSelection& selection, UnixSeconds now,
              report::KnownPhones& phones);

}  // namespace anchord::ctl

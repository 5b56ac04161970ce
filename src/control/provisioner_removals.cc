// What takes the place of what, what has gone, and when it goes out of service.
#include <fmt/format.h>

#include "anchord/base/log.h"
#include "provisioner.h"

namespace anchord::control {

// A file that somebody else has signed must not pass for one that is signed here: beside F
// there is no F.sgn. In any of the helpers.
Status Provisioner::check_place(const std::string& name) const {
  if (!is_signed_name(name)) return {};
  const std::string base = unsigned_name(name);
  if (!known_.contains(base) && !files_.holds(base)) return {};
  return fail(fmt::format(
      "is not served: '{}' lies beside it and is signed under this name here; remove one of the two", base));
}

// A file has come whose signed form has that name.
void Provisioner::give_up_place(const std::string& served) {
  auto known = known_.find(served);
  if (known == known_.end()) return;
  bytes_ -= known->second.content.size();
  forget_traits(served, known->second);
  known_.erase(known);
  look_again(served);  // and refuse it
}

void Provisioner::look_again(const std::string& name) {
  unfinished_[std::string(kFiles) + name] = {};
}

void Provisioner::file_missing(const std::string& name) {
  if (known_.contains(name)) return gone_files_.missing(name, monotonic_now());
  forget_copy(name);
  clear_problem(std::string(kFiles) + name);
}

void Provisioner::remove_files(const std::set<std::string>& names) {
  for (const std::string& name : names) {
    remove(name);
    forget_copy(name);
    clear_problem(std::string(kFiles) + name);
  }
}

void Provisioner::do_removals() {
  const Millis now = monotonic_now();
  // Files first: those that go with their certificates are never served without.
  if (auto names = gone_files_.due(known_.size(), now); !names.empty()) remove_files(names);
  if (auto names = gone_devices_.due(in_folder_.size(), now); !names.empty()) remove_devices(names);
  say_held(gone_files_, said_held_files_, "files have gone from provisioning/");
  say_held(gone_devices_, said_held_devices_,
           "phones' certificates have gone from devices/, without which their configurations are served "
           "unencrypted");
}

// Once, and again whenever it is twice as many.
void Provisioner::say_held(const Removals& removals, std::size_t& said, std::string_view what) {
  const std::size_t held = removals.held();
  if (held == 0 && said > 0) log::info(fmt::format("{} {}: none is held any more", said, what));
  if (held > 0 && held >= 2 * said)
    log::warn(
        fmt::format("{} {}: what was in service stays for {} seconds; put them back, or let them go at "
                    "once with 'anchorctl confirm'",
                    held, what, limits_.hold_removals / 1000));
  if (held == 0 || held >= 2 * said) said = held;
}

}  // namespace anchord::control

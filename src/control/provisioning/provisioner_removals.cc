// What takes the place of what, what has gone, and when it goes out of service.
#include <fmt/core.h>

#include <algorithm>

#include "anchord/base/log.h"
#include "anchord/phone/file_kind.h"
#include "provisioning/provisioner.h"

namespace anchord::control {

// A file that somebody else has signed must not pass for one that is signed here: beside F
// there is no F.sgn. In any of the helpers.
Status Provisioner::check_place(const std::string& name) const {
  if (!is_signed_name(name)) return {};
  const std::string base(phone::plain_name(name));
  if (!known_.contains(base) && !files_.holds(base)) return {};
  return fail(fmt::format(
      "is not served: '{}' lies beside it and is signed under this name here; remove one of the two", base));
}

// A file has come whose signed form has that name.
void Provisioner::give_up_place(const std::string& served) {
  auto known = known_.find(served);
  if (known == known_.end()) return;
  bytes_ -= known->second.content.size();
  current_ -= known->second.memory;
  copies_.forget(served);
  known_.erase(known);
  look_again(served);  // and refuse it
}

void Provisioner::look_again(const std::string& name) {
  unfinished_.look_again(std::string(kFiles) + name);
}

void Provisioner::file_missing(const std::string& name) {
  if (known_.contains(name)) return gone_files_.missing(name, monotonic_now());
  forget_copy(name);
  problems_.clear(std::string(kFiles) + name);
}

void Provisioner::remove_files(const std::set<std::string>& names) {
  for (const std::string& name : names) {
    remove(name);
    forget_copy(name);
    problems_.clear(std::string(kFiles) + name);
  }
}

void Provisioner::do_removals() {
  const Millis now = monotonic_now();
  // Files first: those that go with their certificates are never served without.
  if (auto names = gone_files_.due(known_.size(), now); !names.empty()) {
    if (said_of_files_.most > 0) said_of_files_.most = names.size();
    remove_files(names);
  }
  auto due = gone_devices_.due(device_files_.size(), now);
  if (said_of_devices_.most > 0 && !due.empty()) said_of_devices_.most = due.size();
  if (auto names = devices_to_remove(std::move(due)); !names.empty()) remove_devices(names);
  say_held(gone_files_, said_of_files_, "files have gone from provisioning/");
  say_held(gone_devices_, said_of_devices_,
           "phones' certificates have gone from devices/, without which their configurations are served "
           "unencrypted");
}

// A certificate stays for as long as its phone's configuration, which has gone too, is in service.
std::set<std::string> Provisioner::devices_to_remove(std::set<std::string> due) {
  due.insert(after_their_files_.begin(), after_their_files_.end());
  if (due.empty()) return due;
  std::set<std::string> waiting;  // devices
  for (const auto& [name, since] : gone_files_.waiting())
    if (auto device = phone::configured_device(name)) waiting.insert(std::move(*device));
  std::set<std::string> later;
  for (const std::string& name : due)
    if (std::ranges::any_of(devices_of(name), [&](const auto& device) { return waiting.contains(device); }))
      later.insert(name);
  for (const std::string& name : later) due.erase(name);
  after_their_files_ = std::move(later);
  return due;
}

// Once, again whenever it is twice or half as many, and when no more go.
void Provisioner::say_held(const Removals& removals, SaidOfHeld& said, std::string_view what) {
  const std::size_t held = removals.held();
  if (held == 0) {
    if (said.most > 0) log::info(fmt::format("{} {}: none is held any more", said.most, what));
    said = {};
    return;
  }
  said.most = std::max(said.most, held);
  const bool more = held >= 2 * said.in_log || (held > said.in_log && removals.is_settled(monotonic_now()));
  if (!more && 2 * held > said.in_log) return;
  said.in_log = held;
  log::warn(
      fmt::format("{} {}: what was in service stays for {} seconds; put them back, or let them go at "
                  "once with 'anchorctl confirm'",
                  held, what, limits_.hold_removals / 1000));
}

}  // namespace anchord::control

#include "settled_boot.h"

#include <algorithm>
#include <utility>

namespace anchord::trust {
namespace {

// What one boot takes decides what the next one makes of what it refused; two lists can
// change no more often than this before nothing changes any more.
constexpr std::size_t kBootsToSettle = 4;

}  // namespace

VirtualPhone::Done settled_boot(PhoneMemory held, const Served& served, UnixSeconds now) {
  VirtualPhone phone({.tvs_servers = std::min(served.tvs.size(), kServersOfAll)}, std::move(held));
  VirtualPhone::Done done;
  for (std::size_t i = 0; i < kBootsToSettle; ++i) {
    PhoneMemory before = phone.memory();
    done = boot_in_memory(phone, served, now);
    if (before.ctl == phone.memory().ctl && before.itl == phone.memory().itl) break;
  }
  return done;
}

}  // namespace anchord::trust

#include "settled_boot.h"

#include <algorithm>
#include <utility>

#include "anchord/phone/file_kind.h"

namespace anchord::trust {
namespace {

// What one boot takes decides what the next one makes of what it refused; two lists can
// change no more often than this before nothing changes any more.
constexpr std::size_t kBootsToSettle = 4;

}  // namespace

VirtualPhone any_phone(PhoneMemory held, const Served& served) {
  return VirtualPhone({.tvs_servers = std::min(served.tvs.size(), kServersOfAll)}, std::move(held));
}

Served with_own_lists(Served served, const OwnLists& lists) {
  const std::string name = PhoneSettings{}.name;
  if (!lists.ctl.empty()) served.files[phone::own_list_file({name, ListKind::ctl})] = to_buffer(lists.ctl);
  if (!lists.itl.empty()) served.files[phone::own_list_file({name, ListKind::itl})] = to_buffer(lists.itl);
  return served;
}

VirtualPhone::Done settled_boot(PhoneMemory held, const Served& served, UnixSeconds now) {
  VirtualPhone phone = any_phone(std::move(held), served);
  VirtualPhone::Done done;
  for (std::size_t i = 0; i < kBootsToSettle; ++i) {
    PhoneMemory before = phone.memory();
    done = boot_in_memory(phone, served, now);
    if (before.ctl == phone.memory().ctl && before.itl == phone.memory().itl) break;
  }
  return done;
}

}  // namespace anchord::trust

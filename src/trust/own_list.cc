#include "anchord/trust/own_list.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "anchord/phone/file_kind.h"
#include "settled_boot.h"

namespace anchord::trust {
namespace {

std::string remedy(ListKind kind) {
  return fmt::format(
      "make it anew ('anchorctl {} build') or remove it, and phones take the cluster's list; resetting the "
      "phone does not help",
      kind == ListKind::itl ? "itl" : "ctl");
}

Bytes file_of(const Served& served, const char* name) {
  auto found = served.files.find(name);
  return found == served.files.end() ? Bytes() : Bytes(found->second);
}

// Says which phone would lock if these lists were served, and why; empty: none.
std::string who_would_lock(const OwnLists& lists, Served served, UnixSeconds now) {
  served = with_own_lists(std::move(served), lists);
  const Bytes ctl = file_of(served, phone::kCtlFileName);
  const Bytes itl = file_of(served, phone::kItlFileName);
  struct Holder {
    std::string_view who;
    Bytes ctl;
    Bytes itl;
  };
  const Bytes own_ctl = lists.ctl.empty() ? ctl : lists.ctl;
  const Bytes own_itl = lists.itl.empty() ? itl : lists.itl;
  // The two in the middle have come halfway from the cluster's lists to their own.
  for (const Holder& holder : {Holder{"a phone that holds nothing", {}, {}},
                               Holder{"a phone that holds the cluster's lists", ctl, itl},
                               Holder{"a phone that has taken its own CTL", own_ctl, itl},
                               Holder{"a phone that has taken its own ITL", ctl, own_itl},
                               Holder{"a phone that has taken it", own_ctl, own_itl}}) {
    VirtualPhone::Done done = settled_boot(
        {.ctl = to_buffer(holder.ctl), .itl = to_buffer(holder.itl), .configuration = {}}, served, now);
    if (done.end == BootEnd::locked) return fmt::format("it would lock {}: {}", holder.who, done.reason);
  }
  return "";
}

std::string fault_of(ListKind kind, Bytes list, const crypto::Certificate& present_signer,
                     const Served& cluster) {
  if (list.empty()) return "";
  Status good = check_own_list(kind, list, present_signer, cluster);
  return good ? "" : good.error().text;
}

}  // namespace

Result<crypto::Certificate> own_list_signer(ListKind kind, Bytes list) {
  auto verified = verify_trust_list(list);
  if (!verified) return fail("it is no trust list that phones take: " + verified.error().text);
  const std::string_view named = verified->list.header.file_name;
  if (named != phone::list_file_name(kind))
    return fail(
        fmt::format("it is named '{}' inside; phones expect '{}'", named, phone::list_file_name(kind)));
  return std::move(verified->signer);
}

Status check_own_list(ListKind kind, Bytes list, const crypto::Certificate& present_signer,
                      const Served& cluster) {
  ANCHORD_TRY_ASSIGN(auto signer, own_list_signer(kind, list));
  bool vouched = std::ranges::any_of(cluster.answered, [&](const KnownCertificate& known) {
    return known.certificate == signer &&
           std::ranges::find(known.roles, wire::Role::sast) != known.roles.end();
  });
  if (signer == present_signer || vouched) return {};
  return fail(
      fmt::format("it is signed by '{}' ({}), which is not the present list signer, and for which the "
                  "verification services do not vouch as a list signer (SAST): {}",
                  signer.subject().to_vendor(), crypto::short_hash(signer), remedy(kind)));
}

OwnListFaults judge_own_lists(const OwnLists& lists, const crypto::Certificate& present_signer,
                              const Served& cluster, UnixSeconds now) {
  OwnListFaults faults{.ctl = fault_of(ListKind::ctl, lists.ctl, present_signer, cluster),
                       .itl = fault_of(ListKind::itl, lists.itl, present_signer, cluster)};
  const OwnLists good{.ctl = faults.ctl.empty() ? lists.ctl : Bytes(),
                      .itl = faults.itl.empty() ? lists.itl : Bytes()};
  if (good.ctl.empty() && good.itl.empty()) return faults;
  std::string together = who_would_lock(good, cluster, now);
  if (together.empty()) return faults;
  auto fault = [&](ListKind kind, const std::string& why) { return why + "; " + remedy(kind); };
  const bool both = !good.ctl.empty() && !good.itl.empty();
  std::string itl_alone = both ? who_would_lock({.ctl = {}, .itl = good.itl}, cluster, now) : together;
  if (!good.ctl.empty()) faults.ctl = fault(ListKind::ctl, together);
  if (good.itl.empty() || itl_alone.empty()) return faults;
  faults.itl = fault(ListKind::itl, itl_alone);
  if (both && who_would_lock({.ctl = good.ctl, .itl = {}}, cluster, now).empty()) faults.ctl.clear();
  return faults;
}

std::string locks_who_holds(const OwnLists& held, const OwnLists& lists, const Served& cluster,
                            UnixSeconds now) {
  const PhoneMemory memory{.ctl = to_buffer(held.ctl), .itl = to_buffer(held.itl), .configuration = {}};
  VirtualPhone::Done done = settled_boot(memory, with_own_lists(cluster, lists), now);
  if (done.end != BootEnd::locked || settled_boot(memory, cluster, now).end == BootEnd::locked) return "";
  return fmt::format("it would lock its phone, by a list that it may hold: {}", done.reason);
}

}  // namespace anchord::trust

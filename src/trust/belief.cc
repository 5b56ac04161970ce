#include "anchord/trust/belief.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "anchord/trust/virtual_phone.h"
#include "anchord/wire/trust_list.h"
#include "held_list.h"

namespace anchord::trust {
namespace {

// The act that follows from an answer is judged with the signature and names; no certificate's
// validity is looked at, so that any time will do.
constexpr UnixSeconds kAnyTime = 0;

void add_sorted(std::vector<ListVersion>& versions, ListVersion version) {
  auto at = std::ranges::lower_bound(versions, version);
  if (at == versions.end() || *at != version) versions.insert(at, version);
}

class Observer {
 public:
  Observer(Belief& belief, const ListShelf& shelf, const Unrecorded& unrecorded, UnixSeconds now,
           Evidence evidence)
      : belief_(belief), shelf_(shelf), unrecorded_(unrecorded), now_(now), evidence_(evidence) {}

  void take(const Observation& seen) {
    switch (seen.what) {
      case Observation::What::list_asked:
        return asked(seen);
      case Observation::What::list_maybe_given:
        return may_hold_too(seen.kind, seen.version);
      case Observation::What::list_given:
        return given(seen);
      case Observation::What::vouched:
        return vouched(seen);
      case Observation::What::configuration_asked:
        return acted(seen);
    }
  }

 private:
  // A boot that ended before its configuration was asked for shows nothing: the phone may have
  // been switched off before it kept what it was given.
  void asked(const Observation& seen) {
    Belief::Kind& kind = belief_.of(seen.kind);
    kind.asked = std::max(kind.asked, seen.at);
    forget_given(seen.kind, seen.at);
    // A boot begins with the CTL; asking for the ITL, the phone has done with it.
    if (seen.kind == ListKind::ctl) return forget_given(ListKind::itl, seen.at);
    if (went_on(belief_.of(ListKind::ctl), seen)) settle();
  }

  void forget_given(ListKind which, Millis asked_at) {
    Belief::Kind& kind = belief_.of(which);
    if (kind.given != kNoList && asked_at > kind.given_at) kind.given = kNoList;
  }

  void may_hold_too(ListKind which, ListVersion version) {
    std::vector<ListVersion>& may = belief_.of(which).may;
    add_sorted(may, version);
    if (may.size() > Belief::kMaxMay) may = {kUnkeptList};
  }

  void given(const Observation& seen) {
    may_hold_too(seen.kind, seen.version);
    Belief::Kind& kind = belief_.of(seen.kind);
    // Told late: there is a newer one, or the next boot has begun.
    if (kind.given != kNoList && seen.at < kind.given_at) return;
    if (std::max(kind.asked, belief_.of(ListKind::ctl).asked) > seen.at) return;
    if (belief_.address != seen.from) {
      for (Belief::Kind& other : belief_.kinds) other.given = kNoList;
      belief_.address = seen.from;
    }
    kind.given = seen.version;
    kind.given_at = seen.at;
    kind.acted_at = 0;
  }

  void vouched(const Observation& seen) {
    std::vector<Belief::Voucher>& all = belief_.vouched;
    std::erase_if(all, [&](const auto& one) { return one.signer == seen.signer && one.from == seen.from; });
    if (all.size() == Belief::kMaxVouchers) all.erase(all.begin());
    all.push_back({seen.signer, seen.at, seen.from});
    settle();
  }

  void acted(const Observation& seen) {
    if (!went_on(belief_.of(ListKind::itl), seen)) return;
    belief_.proven = true;
    settle();
  }

  // Whether this is the first that the phone did, in the same boot, after it had dealt with the list.
  bool went_on(Belief::Kind& kind, const Observation& seen) const {
    if (kind.given == kNoList || kind.acted_at != 0 || seen.from != belief_.address) return false;
    // The next request on a connection is what shows that the list had arrived: both are of one moment.
    if (seen.at < kind.given_at || seen.at - kind.given_at > Belief::kSameBoot) return false;
    if (kind.asked > kind.given_at) return false;
    kind.acted_at = seen.at;
    return true;
  }

  // The phone has taken the CTL before it was given the ITL.
  void settle() {
    settle(ListKind::ctl);
    settle(ListKind::itl);
  }

  void settle(ListKind which) {
    Belief::Kind& kind = belief_.of(which);
    if (kind.given == kNoList || kind.acted_at == 0) return;
    if (!counts(belief_, evidence_) || !must_have_accepted(which)) return;
    belief_.home = belief_.address;
    kind.may = {kind.given};
    kind.accepted_at = now_;
    ++kind.settled;
    kind.given = kNoList;
    // When it judged the CTL it had the ITL from before.
    if (which == ListKind::itl) belief_.of(ListKind::ctl).given = kNoList;
  }

  bool must_have_accepted(ListKind which) const {
    const Belief::Kind& kind = belief_.of(which);
    bool answered = was_vouched_for(which);
    for (ListVersion ctl : may_hold(belief_, ListKind::ctl, unrecorded_))
      for (ListVersion itl : may_hold(belief_, ListKind::itl, unrecorded_)) {
        Acceptance how = shelf_.acceptance(ctl, itl, which, kind.given);
        if (how == Acceptance::never || (how == Acceptance::if_vouched && !answered)) return false;
      }
    return true;
  }

  // One answer about the signer of both lists serves both: a phone keeps it for the rest of the boot,
  // which begins with the CTL.
  Millis vouched_since(ListKind which) const {
    const Belief::Kind& kind = belief_.of(which);
    const Belief::Kind& ctl = belief_.of(ListKind::ctl);
    bool same_boot = which == ListKind::itl && ctl.asked != 0 && ctl.asked <= kind.given_at &&
                     kind.given_at - ctl.asked <= Belief::kSameBoot;
    return same_boot ? ctl.asked : kind.given_at;
  }

  bool was_vouched_for(ListKind which) const {
    const Belief::Kind& kind = belief_.of(which);
    const auto& signer = shelf_.signer(kind.given);
    return signer && std::ranges::any_of(belief_.vouched, [&](const Belief::Voucher& one) {
             return one.signer == *signer && one.from == belief_.address && one.at >= vouched_since(which) &&
                    one.at <= kind.acted_at;
           });
  }

  Belief& belief_;
  const ListShelf& shelf_;
  const Unrecorded& unrecorded_;
  UnixSeconds now_;
  Evidence evidence_;
};

}  // namespace

Acceptance acceptance_of(Bytes ctl, Bytes itl, ListKind kind, Bytes list) {
  VirtualPhone phone({}, {.ctl = to_buffer(ctl), .itl = to_buffer(itl), .configuration = {}});
  VirtualPhone::Want want = phone.boot(kAnyTime);
  if (kind == ListKind::itl) {
    want = phone.not_found(kAnyTime);  // CTLSEP<mac>.tlv
    want = phone.not_found(kAnyTime);  // CTLFile.tlv
  }
  want = phone.got_file(list, kAnyTime);
  if (std::holds_alternative<VirtualPhone::Ask>(want)) return Acceptance::if_vouched;
  const PhoneMemory& memory = phone.memory();
  return same_bytes(kind == ListKind::itl ? memory.itl : memory.ctl, list) ? Acceptance::always
                                                                           : Acceptance::never;
}

void ListShelf::add(ListVersion version, Bytes content) {
  if (version == kNoList || lists_.contains(version)) return;
  List& list = lists_[version];
  list.content = to_buffer(content);
  auto parsed = wire::parse_trust_list(list.content);
  if (!parsed) return;
  constexpr std::array kSigners{wire::Role::sast};
  if (auto signer = find_signer(list.content, parsed->header, kSigners)) list.signer = signer->sha256();
}

Bytes ListShelf::content(ListVersion version) const {
  auto found = lists_.find(version);
  return found == lists_.end() ? Bytes() : Bytes(found->second.content);
}

const std::optional<crypto::Sha256>& ListShelf::signer(ListVersion version) const {
  static const std::optional<crypto::Sha256> kNobody;
  auto found = lists_.find(version);
  return found == lists_.end() ? kNobody : found->second.signer;
}

Acceptance ListShelf::acceptance(ListVersion ctl, ListVersion itl, ListKind kind, ListVersion list) const {
  if ((kind == ListKind::itl ? itl : ctl) == list) return Acceptance::always;
  auto is_unkept = [&](ListVersion version) { return version != kNoList && !has(version); };
  if (!has(list) || is_unkept(ctl) || is_unkept(itl)) return Acceptance::if_vouched;
  auto [at, is_new] = remembered_.try_emplace({ctl, itl, kind, list}, Acceptance::never);
  if (is_new) at->second = acceptance_of(content(ctl), content(itl), kind, content(list));
  return at->second;
}

void observe(Belief& belief, std::span<const Observation> seen, std::uint64_t session, const ListShelf& shelf,
             const Unrecorded& unrecorded, UnixSeconds now, Evidence evidence) {
  if (belief.session != session) {
    for (Belief::Kind& kind : belief.kinds) kind.given = kNoList, kind.asked = 0;
    belief.vouched.clear();
    belief.session = session;
  }
  std::vector<const Observation*> in_order;
  in_order.reserve(seen.size());
  for (const Observation& one : seen) in_order.push_back(&one);
  // Observations of one moment stay in the order in which they were told, but that a boot ends with its
  // configuration: one shard may tell that this was asked for before another tells what was given.
  std::ranges::sort(in_order, {}, [](const Observation* one) {
    return std::tuple(one->at, one->what == Observation::What::configuration_asked, one);
  });
  Observer observer(belief, shelf, unrecorded, now, evidence);
  for (const Observation* one : in_order) observer.take(*one);
}

bool counts(const Belief& belief, Evidence evidence) {
  switch (evidence) {
    case Evidence::ordinary:
      return true;
    case Evidence::strict:
      return belief.home.empty() || belief.home == belief.address;
    case Evidence::nothing:
      return false;
  }
  std::unreachable();
}

std::vector<ListVersion> may_hold(const Belief& belief, ListKind kind, const Unrecorded& unrecorded) {
  std::vector<ListVersion> versions = belief.of(kind).may;
  for (ListVersion version : unrecorded[static_cast<std::size_t>(kind)]) add_sorted(versions, version);
  return versions;
}

}  // namespace anchord::trust

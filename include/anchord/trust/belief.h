// What the service believes of the trust lists that one phone holds: every list that it may
// hold, by what was seen of it. The rules and their reasons are in docs/lifecycle.md.
//
// A list that was *given* is one that the phone may hold. It is *accepted*, and all others are
// ruled out, only when the phone must have taken it:
//
//   - all of it was acknowledged, and
//   - by the phones' rules (virtual_phone.h) every list that the phone may hold accepts it
//     without a question, or the phone's question about the signer was answered *found* after
//     the list was given, and the answer was acknowledged, and
//   - the next act of the same boot shows that the phone was still running then: after a CTL it
//     asked for the ITL, after an ITL for its configuration, from the address that the list went
//     to and within kSameBoot, and had not asked for the list again.
//
// This holds only for observations that are told completely and in order: a batch has all that was observed
// until some moment, by all shards, and nothing later; where records are missing, or the machine
// was booted, a new session begins.
//
// An administrator may ask for more than that (Evidence).
//
// Anything less adds to what it may hold and rules out nothing. A belief always contains what
// the phone really holds, as long as what is observed is true (see docs/lifecycle.md for what
// an attacker can feign).
//
// No I/O. Millis are CLOCK_MONOTONIC's, of the machine boot that `session` names; nothing of
// different sessions is compared. UnixSeconds are seconds since 1970.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "anchord/base/bytes.h"
#include "anchord/base/clock.h"
#include "anchord/crypto/digest.h"
#include "anchord/trust/evidence.h"
#include "anchord/trust/trust_list.h"

namespace anchord::trust {

// The file table's version of a list's bytes.
using ListVersion = std::uint64_t;
constexpr ListVersion kNoList = 0;
// A list whose bytes are not kept: it could be any.
constexpr ListVersion kUnkeptList = ~ListVersion{0};

// How a phone that holds certain lists takes a new one.
enum class Acceptance : std::uint8_t {
  always,      // it knows the signer, holds this very list, or takes any
  if_vouched,  // it asks a verification service about the signer
  never,       // nothing that there is could make it trust the signer
};
// Empty bytes: it holds none of that kind. Asks the virtual phone.
Acceptance acceptance_of(Bytes ctl, Bytes itl, ListKind kind, Bytes list);

// The lists that phones were ever given, by version, and how they follow one another.
class ListShelf {
 public:
  void add(ListVersion version, Bytes content);
  bool has(ListVersion version) const { return lists_.contains(version); }
  // Empty for kNoList, and for what is not there.
  Bytes content(ListVersion version) const;
  std::size_t size() const { return lists_.size(); }

  // Remembered, since thousands of phones hold the same lists.
  Acceptance acceptance(ListVersion ctl, ListVersion itl, ListKind kind, ListVersion list) const;
  // SHA-256 of the certificate that signed the list, by the list's own records.
  const std::optional<crypto::Sha256>& signer(ListVersion version) const;

 private:
  struct List {
    Buffer content;
    std::optional<crypto::Sha256> signer;
  };
  std::map<ListVersion, List> lists_;
  mutable std::map<std::tuple<ListVersion, ListVersion, ListKind, ListVersion>, Acceptance> remembered_;
};

struct Observation {
  enum class What : std::uint8_t {
    list_asked,           // `kind`
    list_given,           // `kind`, `version`: all of it was acknowledged
    list_maybe_given,     // `kind`, `version`
    vouched,              // `signer`: answered *found* with the role SAST, and acknowledged
    configuration_asked,  // its own, whatever came of it
  };
  What what = What::list_asked;
  ListKind kind = ListKind::itl;
  ListVersion version = kNoList;
  crypto::Sha256 signer{};
  Millis at = 0;
  std::string from;  // the peer's address
};

// What one device is believed to hold. A new one holds nothing.
struct Belief {
  // More lists than this are as good as any: the belief becomes {kUnkeptList}.
  static constexpr std::size_t kMaxMay = 64;
  // No phone restarts, and gives up on both lists, in so short a time: whose requests for lists were
  // lost on the way would seem to go on with the boot before.
  static constexpr Millis kSameBoot = 30'000;
  // Signers that one boot asks about: of a CTL, an ITL and a configuration, with room.
  static constexpr std::size_t kMaxVouchers = 8;

  struct Kind {
    std::vector<ListVersion> may{kNoList};  // sorted, never empty
    Millis asked = 0;                       // when a list of this kind was last asked for
    // Delivered whole, and not known to be accepted yet. kNoList: none.
    ListVersion given = kNoList;
    Millis given_at = 0;
    Millis acted_at = 0;          // when the phone was seen to go on after that; 0: not yet
    UnixSeconds accepted_at = 0;  // when `may` last became one list; 0: never
    unsigned settled = 0;         // how often it did in this process

    bool operator==(const Kind&) const = default;
  };
  struct Voucher {
    crypto::Sha256 signer{};
    Millis at = 0;
    std::string from;
    bool operator==(const Voucher&) const = default;
  };

  std::array<Kind, kListKinds> kinds;
  std::vector<Voucher> vouched;  // the oldest first
  std::string address;           // where the boot under way comes from
  std::string home;              // where it was when it last accepted a list; empty: it never did
  std::uint64_t session = 0;     // which all Millis are of
  // It has booted as phones do: a list was given, and the configuration asked for. A name alone
  // is only somebody's claim.
  bool proven = false;

  Kind& of(ListKind kind) { return kinds[static_cast<std::size_t>(kind)]; }
  const Kind& of(ListKind kind) const { return kinds[static_cast<std::size_t>(kind)]; }
  bool operator==(const Belief&) const = default;
};

// Lists that it may hold besides what was observed, of each kind: given in a time of which
// records are missing.
using Unrecorded = std::array<std::vector<ListVersion>, kListKinds>;

// Takes the observations into the belief, in the order of their times.
void observe(Belief& belief, std::span<const Observation> seen, std::uint64_t session, const ListShelf& shelf,
             const Unrecorded& unrecorded, UnixSeconds now, Evidence evidence = Evidence::ordinary);
// Whether a boot from where it is now may rule lists out.
bool counts(const Belief& belief, Evidence evidence);

// The belief's `may`, and what is unrecorded when it was not accepted since.
std::vector<ListVersion> may_hold(const Belief& belief, ListKind kind, const Unrecorded& unrecorded);

}  // namespace anchord::trust

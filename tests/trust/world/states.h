// A cluster's states, what is served in each, and whether a phone that holds certain lists would be
// locked by it. Lists are built once and known by a version, as the store keeps them.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "anchord/trust/belief.h"
#include "anchord/trust/lifecycle.h"
#include "anchord/trust/served.h"
#include "anchord/trust/trust_list.h"
#include "identities.h"

namespace anchord::trust::world {

// What one phone holds, or may hold.
struct Held {
  ListVersion ctl = kNoList;
  ListVersion itl = kNoList;
  auto operator<=>(const Held&) const = default;
};

// Every list that was ever built in this world.
class Lists {
 public:
  // Of equal fields there is one list, whenever it is asked for.
  ListVersion built(const TrustListFields& fields, UnixSeconds now);
  const ListShelf& shelf() const { return shelf_; }
  std::size_t size() const { return shelf_.size(); }

 private:
  ListShelf shelf_;
  std::map<std::string, ListVersion> by_fields_;
};

struct State {
  Cluster cluster;
  Served served = {};  // to phones that have no list of their own
  ListVersion itl = kNoList;
  ListVersion ctl = kNoList;
  std::map<std::size_t, ListVersion> own = {};  // ITLs of single phones, by the phone

  ListVersion itl_for(std::size_t phone) const {
    auto found = own.find(phone);
    return found == own.end() ? itl : found->second;
  }
};
using StatePtr = std::shared_ptr<const State>;

// The name that who_would_lock()'s phones ask for their own list by.
inline constexpr char kJudgedOwnList[] = "ITLSEP000000000000.tlv";

class States {
 public:
  StatePtr make(const Cluster& cluster, std::map<std::size_t, ListVersion> own, UnixSeconds now);

  // What a phone with that list of its own finds.
  Served served_with(const State& state, ListVersion own) const;
  // Whether a phone that has no answers kept is locked there, however often it boots.
  bool locks(const StatePtr& state, ListVersion own, Held held, UnixSeconds now);
  // Whether the guard says that it would be.
  bool guard_says(const StatePtr& before, const StatePtr& after, ListVersion own_before,
                  ListVersion own_after, Held held, UnixSeconds now);

  Lists& lists() { return lists_; }
  const Lists& lists() const { return lists_; }

 private:
  Holders holders(Held held) const;

  Lists lists_;
  std::map<crypto::Sha256, Buffer> configurations_;  // by the signer
  // Forgotten with the world, which is short: states are kept alive by their keys.
  std::map<std::tuple<StatePtr, ListVersion, Held>, bool> locks_;
  std::map<std::tuple<StatePtr, StatePtr, ListVersion, ListVersion, Held>, bool> said_;
};

}  // namespace anchord::trust::world

#include "states.h"

#include <algorithm>

#include "anchord/base/hex.h"
#include "anchord/phone/file_kind.h"
#include "anchord/trust/signed_file.h"
#include "anchord/trust/virtual_phone.h"

namespace anchord::trust::world {
namespace {

constexpr std::string_view kConfiguration = "<device></device>\n";
constexpr char kPlainName[] = "XMLDefault.cnf.xml";
constexpr char kSignedName[] = "XMLDefault.cnf.xml.sgn";
constexpr std::size_t kBootsToSettle = 4;

}  // namespace

ListVersion Lists::built(const TrustListFields& fields, UnixSeconds now) {
  auto [at, is_new] = by_fields_.try_emplace(to_hex(fields_digest(fields)), by_fields_.size() + 1);
  if (is_new) shelf_.add(at->second, build_trust_list(fields, now).value());
  return at->second;
}

StatePtr States::make(const Cluster& cluster, std::map<std::size_t, ListVersion> own, UnixSeconds now) {
  auto state = std::make_shared<State>(State{.cluster = cluster, .own = std::move(own)});
  state->itl = lists_.built(itl_fields(cluster), now);
  state->served.files[phone::kItlFileName] = to_buffer(lists_.shelf().content(state->itl));
  if (cluster.has_ctl) {
    state->ctl = lists_.built(ctl_fields(cluster), now);
    state->served.files[phone::kCtlFileName] = to_buffer(lists_.shelf().content(state->ctl));
  }
  state->served.files[kPlainName] = to_buffer(as_bytes(kConfiguration));
  if (!cluster.rolling_back) {
    Buffer& file = configurations_[cluster.tftp.certificate.sha256()];
    if (file.empty())
      file = sign_file(kSignedName, as_bytes(kConfiguration), cluster.tftp, cluster.signing, now).value();
    state->served.files[kSignedName] = file;
  }
  state->served.answered = answered_by(cluster);
  for (const Identity& identity : cluster.tvs) state->served.tvs.push_back(identity.certificate);
  return state;
}

Served States::served_with(const State& state, ListVersion own) const {
  Served served = state.served;
  if (own != kNoList) served.files[kJudgedOwnList] = to_buffer(lists_.shelf().content(own));
  return served;
}

bool States::locks(const StatePtr& state, ListVersion own, Held held, UnixSeconds now) {
  auto [at, is_new] = locks_.try_emplace({state, own, held}, false);
  if (!is_new) return at->second;
  Holders lists = holders(held);
  VirtualPhone phone({.tvs_servers = kMaxTvsServers},
                     {.ctl = std::move(lists.ctl), .itl = std::move(lists.itl), .configuration = {}});
  Served served = served_with(*state, own);
  VirtualPhone::Done done;
  for (std::size_t i = 0; i < kBootsToSettle; ++i) {
    done = boot_in_memory(phone, served, now);
    if (done.end != BootEnd::degraded) break;
  }
  return at->second = done.end == BootEnd::locked;
}

bool States::guard_says(const StatePtr& before, const StatePtr& after, ListVersion own_before,
                        ListVersion own_after, Held held, UnixSeconds now) {
  auto [at, is_new] = said_.try_emplace({before, after, own_before, own_after, held}, false);
  if (!is_new) return at->second;
  Holders group = holders(held);
  at->second =
      who_would_lock(served_with(*before, own_before), served_with(*after, own_after), {&group, 1}, now)
          .has_value();
  return at->second;
}

Holders States::holders(Held held) const {
  const ListShelf& shelf = lists_.shelf();
  return {.ctl = to_buffer(shelf.content(held.ctl)),
          .itl = to_buffer(shelf.content(held.itl)),
          .count = 1,
          .first = {}};
}

}  // namespace anchord::trust::world

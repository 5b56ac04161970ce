#include "provisioning/signature_cache.h"

#include <algorithm>
#include <iterator>

#include "anchord/base/log.h"
#include "anchord/store/signatures.h"
#include "provisioning/room.h"

namespace anchord::control {

Result<SignatureCache> SignatureCache::load(store::Store store) {
  auto kept = saved_signatures(store);
  if (!kept) return std::unexpected(std::move(kept.error()).within("reading the kept signatures"));
  SavedSignatures before;
  for (store::SavedSignature& one : *kept) {
    std::string name = one.name;
    before.emplace(std::move(name), std::move(one));
  }
  return SignatureCache(std::move(store), std::move(before));
}

void SignatureCache::make_room(std::size_t signatures) {
  make_room_for(to_keep_, signatures);
}

void SignatureCache::keep(std::vector<store::SavedSignature> made) {
  std::ranges::move(made, std::back_inserter(to_keep_));
}

void SignatureCache::use(const std::string& name) {
  before_.erase(name);
  to_forget_.erase(name);
}

void SignatureCache::drop(const std::string& name, bool is_signed) {
  if (is_signed) to_forget_.insert(name);
  std::erase_if(to_keep_, [&](const store::SavedSignature& one) { return one.name == name; });
}

void SignatureCache::drop_unused() {
  for (const auto& [name, saved] : before_) to_forget_.insert(name);
  before_.clear();
}

void SignatureCache::save() {
  std::string problem;
  if (!to_keep_.empty() || !to_forget_.empty()) {
    std::vector<std::string> forget(to_forget_.begin(), to_forget_.end());
    if (Status saved = save_signatures(store_, to_keep_, forget); saved) {
      to_keep_.clear();
      to_forget_.clear();
    } else {
      problem = "signatures are not kept, and will be made again after a restart: " + saved.error().text;
    }
  }
  if (problem != problem_ && !problem.empty()) log::error("provisioning: " + problem);
  problem_ = std::move(problem);
}

}  // namespace anchord::control

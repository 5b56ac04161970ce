#include "process/publication.h"

#include <vector>

namespace anchord::control {

void Publication::take_files() {
  while (update_ || (update_ = provisioner_.take())) {
    builder_.apply(*update_);
    update_.reset();
    behind_ = true;
  }
}

void Publication::follow_staged() {
  if (!builder_.ready()) provisioner_.set_context(builder_.context());
  behind_ = true;
}

bool Publication::publish() {
  behind_ = true;
  if (update_ || !builder_.ready() || publisher_.reclaim() >= index::kMaxLiveViews) return false;
  publisher_.publish(builder_.view());
  behind_ = false;
  published_at_ = calendar_now();
  return true;
}

void Publication::keep_own_lists(Activity& activity) {
  std::vector<index::FileEntry> lists;
  std::map<std::string, std::uint64_t> versions;
  for (const std::string& name : builder_.own_lists().served()) {
    const index::FileEntry* list = view().files.find(name);
    if (list == nullptr) continue;
    versions[name] = list->version;
    lists.push_back(*list);
  }
  if (own_lists_ == versions) return;
  activity.serve_own(std::move(lists));
  own_lists_ = std::move(versions);
}

}  // namespace anchord::control

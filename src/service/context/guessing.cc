#include "context/guessing.h"

#include "downloads/provisioned_file.h"

namespace anchord::service {

bool is_guessing(ShardContext& shard, const io::Host& from, std::string_view name, std::string_view device) {
  if (device.empty()) return false;
  const View& view = shard.pins.current();
  const bool list = is_own_list(name);
  // The cluster's list is the same for every name.
  if (list && !view.own_lists) return false;
  const bool exists = list ? view.files.find(name) != nullptr : is_known_device(view.files, device);
  const auto asked = list ? GuessGuard::Asked::list : GuessGuard::Asked::configuration;
  const GuessGuard::Verdict verdict = shard.guard.judge(from, device, exists, asked, shard.ring.now());
  if (verdict == GuessGuard::Verdict::caught) (void)shard.log.guessing.push({.from = from});
  return verdict != GuessGuard::Verdict::answer;
}

}  // namespace anchord::service

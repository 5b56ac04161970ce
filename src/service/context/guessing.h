// Whether a request for a device's file is refused, because whoever asks may be guessing.
#pragma once

#include <string_view>

#include "context/shard_context.h"

namespace anchord::service {

// `name` is what was asked for, and `device` the device in it, which may be empty. A source that
// is caught is reported.
bool is_guessing(ShardContext& shard, const io::Host& from, std::string_view name, std::string_view device);

}  // namespace anchord::service

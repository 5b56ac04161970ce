// Every list that was issued, so that what phones hold can be judged; and those of single phones.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "anchord/base/bytes.h"
#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/store/store.h"
#include "anchord/trust/belief.h"

namespace anchord::store {

// A list that was issued: served to phones, and kept by version while one may hold it.
struct IssuedList {
  std::string name;  // "ITLFile.tlv"
  std::uint64_t version = 0;
  UnixSeconds built_at = 0;
  Buffer content;
};
Result<std::vector<IssuedList>> issued_lists(Store& store);  // newest first

// Lists of single phones that are in service now, by name; replaces what was said before. Each is
// kept among the issued ones.
struct OwnList {
  std::string name;  // "ITLSEP001122334455.tlv"
  Buffer content;
};
Status put_own_lists(Store& store, std::span<const OwnList> lists, UnixSeconds now);
Result<std::map<std::string, trust::ListVersion>> own_list_versions(Store& store);  // by name

}  // namespace anchord::store

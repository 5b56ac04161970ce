// The phones that are provisioned.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "anchord/base/error.h"
#include "anchord/store/store.h"
#include "anchord/trust/cluster.h"

namespace anchord::store {

// Puts all or none. For a phone that is there already, what the new value has replaces
// what is kept; a model or certificate that it lacks stays: naming a phone again
// must not end the encryption of its configuration. Names are phone::device_name()'s.
Status put_phones(Store& store, std::span<const trust::Phone> phones);

// Removes all or none; the error names the first one that is not there. Their certificates in devices/
// go with them. In the ledger they count no more until they are heard of again; who is only
// there, or in devices/, can be removed as well.
Status remove_phones(Store& store, std::span<const std::string> names);

// One that is not there is an error that says so.
Result<trust::Phone> find_phone(Store& store, std::string_view name);

}  // namespace anchord::store

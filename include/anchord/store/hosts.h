// The cluster's hosts: read without changing anything, and changed as lifecycle.h has it of other changes.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "anchord/base/error.h"
#include "anchord/crypto/private_key.h"
#include "anchord/store/lifecycle.h"
#include "anchord/store/store.h"
#include "anchord/trust/cluster.h"

namespace anchord::store {

// For those who only look: a store of an older version stays one, which Store::open() would bring to the
// present version. Fails as Store::open() does, with one line for an administrator.
Result<std::vector<trust::Host>> read_hosts(const std::filesystem::path& directory);

// By its name, in upper or lower case.
Result<trust::Host> find_host(Store& store, std::string_view name);

struct NewHost {
  trust::Host host;
  // Of its TVS key and certificate; by themselves as the first host's.
  std::optional<crypto::KeyKind> key = {};
  unsigned days = 0;  // up to kMaxDays
};

struct ChangedHost {
  trust::Host host;                          // as it is after the change; one that was removed, as it was
  crypto::Certificate tvs;                   // of its verification service
  std::optional<trust::Locked> locked = {};  // those who were locked by force
};

// A host behind the others, whose TVS certificate the lists name from then on. Making the key, which may take
// seconds, keeps nobody waiting. Nothing is taken from phones; but as long as one holds a list from before it
// does not trust the new host's verification service. A first EC certificate is refused where lists are
// signed with SHA-1.
Result<ChangedHost> add_host(Store& store, const NewHost& wanted, const ChangeRequest& request);

// The lists name its TVS certificate no more, which stays known as a replaced one does; its key is gone. The
// last host cannot be removed.
Result<ChangedHost> remove_host(Store& store, std::string_view name, const ChangeRequest& request);

// Lists name it by that from then on. Its TVS certificate stays, by which phones go; the next one that is
// regenerated for it has the new name.
Result<ChangedHost> rename_host(Store& store, std::string_view name, std::string_view to,
                                const ChangeRequest& request);

}  // namespace anchord::store

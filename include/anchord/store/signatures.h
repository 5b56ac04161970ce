// What is kept of signed files, so that they are not signed again at each start. Only a cache: it moves no
// counter and is not in the audit.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "anchord/base/bytes.h"
#include "anchord/base/error.h"
#include "anchord/store/store.h"

namespace anchord::store {

// What is kept of a signed file's last making.
struct SavedSignature {
  std::string name;     // as it is served: "SEP001122334455.cnf.xml.sgn"
  Buffer input_digest;  // of all that it was made from
  Buffer header;        // the whole signature header
  Buffer content_key;   // of encrypted files: key and IV, 32 bytes; else empty
};

// In no order; what was damaged is left out, to be made again.
Result<std::vector<SavedSignature>> saved_signatures(Store& store);

// Replaces or adds `put` and drops `forget`, in one transaction.
Status save_signatures(Store& store, std::span<const SavedSignature> put,
                       std::span<const std::string> forget);

}  // namespace anchord::store

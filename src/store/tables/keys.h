// The private keys' files. Each is named after its service and its certificate,
// so that a new key never overwrites an old one.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "anchord/base/error.h"
#include "anchord/base/trusted_folder.h"
#include "anchord/crypto/certificate.h"
#include "anchord/crypto/private_key.h"
#include "anchord/trust/cluster.h"

namespace anchord::store {

// "tvs-cucm1-0a1b2c3d.key"
std::string key_file_name(trust::Service service, std::string_view host,
                          const crypto::Certificate& certificate);

Status write_key(const std::filesystem::path& file, const crypto::PrivateKey& key);

// For a store that is there already: the file belongs to whom the database belongs to.
Status add_key(const std::filesystem::path& directory, const std::string& name,
               const crypto::PrivateKey& key);

// `owner` names the service in errors. The file must be readable by its owner
// alone, and its key be the certificate's.
Result<crypto::PrivateKey> read_key(const TrustedFolder& keys, const std::string& name,
                                    const crypto::Certificate& certificate, std::string_view owner);

}  // namespace anchord::store

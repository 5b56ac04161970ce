// The files a command line names: read with limits, errors name the file.
#pragma once

#include <string>
#include <vector>

#include "anchord/base/bytes.h"
#include "anchord/base/error.h"
#include "anchord/crypto/certificate.h"
#include "anchord/crypto/private_key.h"

namespace anchord::ctl {

// Firmware images are 8 to 27 MB; anything far larger is the wrong file.
constexpr std::size_t kMaxContentFile = std::size_t{64} << 20;

Result<Buffer> read_content(const std::string& path);
Result<crypto::Certificate> read_certificate(const std::string& path);
Result<std::vector<crypto::Certificate>> read_certificates(const std::string& path);  // at least one
Result<crypto::PrivateKey> read_key(const std::string& path);

// Written aside and renamed, readable by all: what a phone or another tool gets.
Status write_public(const std::string& path, Bytes content);

}  // namespace anchord::ctl

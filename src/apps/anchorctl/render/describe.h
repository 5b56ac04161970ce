// Serial numbers and names as people paste them, and the table of own certificates. How certificates look in
// documents is anchord/report/certificates.h's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "anchord/report/certificates.h"
#include "render/output.h"
#include "render/shown.h"

namespace anchord::ctl {

// The number of any usual spelling: "3e9d1cc5", "3E:9D:1C:C5", "0x3e9d1cc5", "serial=3E9D1CC5",
// "Serial Number: 3e:9d:1c:c5",
// "1050483909 (0x3e9d1cc5)", "-01" (a negative one: its bytes in a certificate).
std::optional<Buffer> serial_from_text(std::string_view text);

// A name as people paste it, in a spelling that services take: with "issuer=", "Subject:" or
// "DirName:" in front, with slashes between its attributes, or on several lines. What is in
// one of the two usual spellings stays as it is.
Result<std::string> name_from_paste(std::string_view text);

Text::Table own_certificates_table(const trust::Cluster& cluster, UnixSeconds now);

}  // namespace anchord::ctl

#include <array>

#include "anchord/base/hex.h"
#include "anchord/crypto/digest.h"
#include "anchord/trust/encrypted_file.h"
#include "xml_selection.h"

namespace anchord::trust {
namespace {

// What a phone needs to know before it can decrypt, and nobody may use.
constexpr std::array<std::string_view, 4> kKept = {"ipAddressMode", "loadInformation", "capfAuthMode",
                                                   "capfList"};

}  // namespace

Result<Buffer> reduced_config(Bytes plain_config, const crypto::Certificate& device) {
  ANCHORD_TRY_ASSIGN(auto selection, select_xml(plain_config, kKept));
  if (selection.root != "device") {
    return fail("its root element is not <device>: only a phone's configuration can be encrypted");
  }
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<device>\n";
  out += "  <fullConfig>false</fullConfig>\n";
  for (const std::string& element : selection.children) out += "  " + element + "\n";
  out += "  <certHash>" + to_hex(crypto::md5(device.der())) + "</certHash>\n";
  out += "  <encrConfig>true</encrConfig>\n</device>\n";
  return to_buffer(as_bytes(out));
}

}  // namespace anchord::trust

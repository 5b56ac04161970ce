// A configuration that can be reduced is well-formed, before and after, and reducing it
// again changes nothing.
#include <algorithm>

#include "anchord/crypto/self_signed.h"
#include "anchord/trust/config_traits.h"
#include "anchord/trust/encrypted_file.h"
#include "anchord/trust/xml.h"
#include "fuzz.h"

using namespace anchord;
using fuzz::require;

namespace {

crypto::Certificate make_device() {
  auto key = crypto::PrivateKey::generate(crypto::KeyKind::p256).value();
  return crypto::make_self_signed(
             key, {.subject = crypto::Name::parse("CN=SEP001122334455").value(), .not_before = 0, .days = 1})
      .value();
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const crypto::Certificate device = make_device();
  Bytes input(data, size);
  const trust::ConfigTraits traits = trust::config_traits(input);
  require(std::ranges::is_sorted(traits.values), "the values can be searched for");
  auto good = trust::check_xml(input);
  require(good || good.error().text.starts_with("line "), "an error says where it is");
  auto reduced = trust::reduced_config(input, device);
  if (!reduced) return 0;
  require(good.has_value(), "only what is well-formed is reduced");
  require(trust::check_xml(*reduced).has_value(), "what was reduced is well-formed");
  auto again = trust::reduced_config(*reduced, device);
  require(again && *again == *reduced, "it stays the same");
  return 0;
}

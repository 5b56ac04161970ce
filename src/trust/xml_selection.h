// Reads an XML document once: is it well-formed, what is its root element, and which
// of the root's own children are wanted.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "anchord/base/bytes.h"
#include "anchord/base/error.h"

namespace anchord::trust {

struct XmlSelection {
  std::string root;  // its name as it is written, prefix included
  // Whole elements in the document's order, as they are written there but in UTF-8.
  std::vector<std::string> children;
  std::string warning;  // as check_xml() returns it
};

// Fails as check_xml() does.
Result<XmlSelection> select_xml(Bytes document, std::span<const std::string_view> wanted);

}  // namespace anchord::trust

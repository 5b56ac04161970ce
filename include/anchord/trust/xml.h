// Whether a file is XML that phones take. A phone that is given broken XML drops all
// of it and asks again every half minute, so files are checked before they are served.
//
// UTF-8, UTF-16, ISO-8859-1 and ASCII, as the document says. Namespaces are not looked
// at: real configurations use prefixes that they do not declare.
#pragma once

#include <cstddef>

#include "anchord/base/bytes.h"
#include "anchord/base/error.h"

namespace anchord::trust {

// Elements within each other. Real files have ten; the limit stops a file that is all
// start tags from taking many times its size of memory.
constexpr std::size_t kMaxXmlDepth = 200;

// Fails with "line 12, column 5: mismatched tag" unless the document is well-formed
// (XML 1.0), nests at most kMaxXmlDepth deep and has no document type declaration:
// that could define entities, which grow without bound and read other files.
Status check_xml(Bytes document);

}  // namespace anchord::trust

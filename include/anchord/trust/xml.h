// Whether a file is XML that phones take. A phone that is given broken XML drops all
// of it and asks again every half minute, so files are checked before they are served.
//
// Any encoding that the C library's iconv knows, as the document's first bytes or its
// declaration say. Namespaces are not looked at: real configurations use prefixes that
// they do not declare.
#pragma once

#include <cstddef>
#include <string>

#include "anchord/base/bytes.h"
#include "anchord/base/error.h"

namespace anchord::trust {

// Elements within each other. Real files have ten; the limit stops a file that is all
// start tags from taking many times its size of memory.
constexpr std::size_t kMaxXmlDepth = 200;

// Fails with "line 12, column 5: mismatched tag" unless the document is well-formed
// (XML 1.0), nests at most kMaxXmlDepth deep and has no document type declaration:
// that could define entities, which grow without bound and read other files. Phones pass
// over control characters, over NUL and Ctrl-Z behind the end, and over a declaration
// that names another encoding than the byte order mark: the value is a warning that says
// line and column of the first of each, mostly empty.
Result<std::string> check_xml(Bytes document);

}  // namespace anchord::trust

// A document as UTF-8 text, whatever encoding it is in, without what phones pass over
// and XML forbids: bytes that editors leave behind the end, and control characters.
//
// Lines and columns in it are those of the document.
#pragma once

#include <string>
#include <string_view>

#include "anchord/base/bytes.h"
#include "anchord/base/error.h"

namespace anchord::trust {

struct XmlText {
  Bytes text;           // in the document itself, or in `made`
  Buffer made;          // moving it leaves `text` valid
  std::string warning;  // "line 1, column 9: ..."; mostly empty
};

// Fails with "line 1, column 31: ..." where the encoding is not known, or is another.
Result<XmlText> xml_text(Bytes document);

// "line 12, column 5: ...", of a byte of a text in UTF-8. Counted from 1; columns in
// characters.
std::string at_line_and_column(Bytes text, std::size_t offset, std::string_view what);

}  // namespace anchord::trust

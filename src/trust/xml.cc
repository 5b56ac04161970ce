#include "anchord/trust/xml.h"

#include <expat.h>
#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <new>
#include <utility>

#include "xml_selection.h"
#include "xml_text.h"

namespace anchord::trust {
namespace {

// The parser is fed by pieces and keeps what it is given, twice at the most: its memory
// follows the longest tag, not the document.
constexpr std::size_t kPiece = std::size_t{4} << 20;

class Parsing {
 public:
  explicit Parsing(std::span<const std::string_view> wanted)
      : wanted_(wanted), parser_(XML_ParserCreate("UTF-8"), XML_ParserFree) {
    if (parser_ == nullptr) throw std::bad_alloc();
    XML_SetUserData(parser_.get(), this);
    XML_SetElementHandler(parser_.get(), on_start, on_end);
    XML_SetStartDoctypeDeclHandler(parser_.get(), on_doctype);
    // With no other handlers it gets everything but tags, as written.
    if (!wanted.empty()) XML_SetDefaultHandler(parser_.get(), on_text);
  }

  Result<XmlSelection> run(Bytes document) {
    bool last = false;
    while (!last) {
      Bytes piece = document.first(std::min(document.size(), kPiece));
      document = document.subspan(piece.size());
      last = document.empty();
      if (XML_Parse(parser_.get(), as_text(piece).data(), static_cast<int>(piece.size()), last) !=
          XML_STATUS_OK)
        return fail(problem());
    }
    return std::move(out_);
  }

 private:
  static Parsing& of(void* self) { return *static_cast<Parsing*>(self); }
  static void on_start(void* self, const XML_Char* name, const XML_Char**) { of(self).start(name); }
  static void on_end(void* self, const XML_Char*) { of(self).end(); }
  static void on_text(void* self, const XML_Char* text, int size) {
    Parsing& parsing = of(self);
    if (parsing.taking_) parsing.out_.children.back().append(text, static_cast<std::size_t>(size));
  }
  static void on_doctype(void* self, const XML_Char*, const XML_Char*, const XML_Char*, int) {
    of(self).stop("a document type declaration, which phones have no use for: remove it");
  }

  void start(std::string_view name) {
    if (depth_ == kMaxXmlDepth)
      return stop(fmt::format("elements are nested more than {} deep", kMaxXmlDepth));
    if (depth_ == 0) out_.root = name;
    if (depth_ == 1 && std::ranges::find(wanted_, name) != wanted_.end()) {
      taking_ = true;
      out_.children.emplace_back();
    }
    ++depth_;
    if (taking_) XML_DefaultCurrent(parser_.get());
  }

  void end() {
    if (taking_) XML_DefaultCurrent(parser_.get());
    if (--depth_ == 1) taking_ = false;
  }

  // The parser still stands where this happens, and moves on before it ends.
  void stop(std::string_view why) {
    stopped_ = here(why);
    XML_StopParser(parser_.get(), XML_FALSE);
  }

  std::string problem() const {
    return stopped_.empty() ? here(XML_ErrorString(XML_GetErrorCode(parser_.get()))) : stopped_;
  }

  std::string here(std::string_view what) const {
    return fmt::format("line {}, column {}: {}", XML_GetCurrentLineNumber(parser_.get()),
                       XML_GetCurrentColumnNumber(parser_.get()) + 1, what);
  }

  std::span<const std::string_view> wanted_;
  std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)> parser_;
  XmlSelection out_;
  std::size_t depth_ = 0;
  bool taking_ = false;  // inside a wanted element
  std::string stopped_;  // by us, and why
};

}  // namespace

Result<XmlSelection> select_xml(Bytes document, std::span<const std::string_view> wanted) {
  ANCHORD_TRY_ASSIGN(auto text, xml_text(document));
  auto read = Parsing(wanted).run(text.text);
  if (read) read->warning = std::move(text.warning);
  return read;
}

Result<std::string> check_xml(Bytes document) {
  ANCHORD_TRY_ASSIGN(auto read, select_xml(document, {}));
  return std::move(read.warning);
}

}  // namespace anchord::trust

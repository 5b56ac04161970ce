#include "anchord/trust/config_traits.h"

#include <expat.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <new>
#include <string_view>

#include "anchord/base/ascii.h"
#include "anchord/trust/xml.h"
#include "xml_text.h"

namespace anchord::trust {
namespace {

// What of a value is looked at: no password is longer.
constexpr std::size_t kMaxValue = 1024;

// Parts of the names of elements with secrets, as sshPassword, authPassword, capfAuthString.
constexpr std::array<std::string_view, 6> kSecret = {"password",   "passwd", "passphrase",
                                                     "authstring", "secret", "sharedkey"};
// What a line registers with: one phone's alone, so that an older copy is told as well.
constexpr std::array<std::string_view, 2> kIdentity = {"authname", "contact"};

bool is_telling(std::string_view element) {
  const std::string name = lower_case(element);
  return std::ranges::any_of(kSecret, [&](auto part) { return name.contains(part); }) ||
         std::ranges::find(kIdentity, name) != kIdentity.end();
}

std::uint64_t hash_of(std::string_view kind, std::string_view value) {
  std::string both(kind);
  both += '\0';
  both += value;
  return std::hash<std::string>()(both);
}

class TraitReader {
 public:
  explicit TraitReader(ConfigTraits& out) : out_(out), parser_(XML_ParserCreate("UTF-8"), XML_ParserFree) {
    if (parser_ == nullptr) throw std::bad_alloc();
    XML_SetUserData(parser_.get(), this);
    XML_SetElementHandler(
        parser_.get(), [](void* self, const XML_Char* name, const XML_Char**) { of(self).start(name); },
        [](void* self, const XML_Char* name) { of(self).end(name); });
    XML_SetCharacterDataHandler(parser_.get(), [](void* self, const XML_Char* text, int size) {
      of(self).text(std::string_view(text, static_cast<std::size_t>(size)));
    });
    // Entities grow without bound.
    XML_SetStartDoctypeDeclHandler(parser_.get(), [](void* self, const XML_Char*, const XML_Char*,
                                                     const XML_Char*, int) { of(self).stop(); });
  }

  void run(Bytes text) {
    constexpr std::size_t kPiece = std::size_t{1} << 20;
    for (bool ok = true; ok && !text.empty(); text = text.subspan(std::min(text.size(), kPiece))) {
      Bytes piece = text.first(std::min(text.size(), kPiece));
      ok = XML_Parse(parser_.get(), as_text(piece).data(), static_cast<int>(piece.size()), XML_FALSE) ==
           XML_STATUS_OK;
    }
  }

 private:
  static TraitReader& of(void* self) { return *static_cast<TraitReader*>(self); }
  void stop() { XML_StopParser(parser_.get(), XML_FALSE); }

  void start(std::string_view name) {
    if (depth_ == 0) out_.root = name;
    if (!out_.is_configuration() || depth_ == kMaxXmlDepth) return stop();
    ++depth_;
    value_.clear();
  }
  void text(std::string_view more) {
    if (value_.size() < kMaxValue) value_ += more.substr(0, kMaxValue - value_.size());
  }
  void end(std::string_view name) {
    --depth_;
    if (std::string_view value = trimmed(value_); !value.empty() && is_telling(name))
      out_.values.push_back(hash_of(lower_case(name), value));
    value_.clear();
  }

  ConfigTraits& out_;
  std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)> parser_;
  std::size_t depth_ = 0;
  std::string value_;
};

// Firmware and pictures are large and cheaply told.
bool may_be_xml(Bytes document) {
  constexpr std::string_view kBefore("\xef\xbb\xbf\xfe\xff\0 \t\r\n", 10);
  const std::size_t at = as_text(document).substr(0, 64).find_first_not_of(kBefore);
  return at != std::string_view::npos && document[at] == '<';
}

}  // namespace

ConfigTraits config_traits(Bytes document) {
  ConfigTraits out;
  if (!may_be_xml(document)) return out;
  auto text = xml_text(document);
  Bytes content = text ? text->text : document;
  // A copy may have more in front than a configuration may.
  const std::size_t begin = as_text(content).find('<');
  TraitReader(out).run(content.subspan(std::min(begin, content.size())));
  if (!out.is_configuration()) return out;
  out.values.push_back(hash_of("", as_text(document)));
  std::ranges::sort(out.values);
  out.values.erase(std::ranges::unique(out.values).begin(), out.values.end());
  return out;
}

}  // namespace anchord::trust

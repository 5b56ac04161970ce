#include "anchord/trust/config_traits.h"

#include <algorithm>
#include <array>
#include <functional>
#include <string_view>

#include "element_scanner.h"
#include "text_forms.h"
#include "unpack.h"
#include "xml_text.h"

namespace anchord::trust {
namespace {

// Values of one file: a list of everybody's passwords has fewer.
constexpr std::size_t kMaxValues = std::size_t{1} << 18;
// Characters of ASCII that must be left of a value in another encoding: fewer tell nothing.
constexpr std::size_t kMinAscii = 4;

// Parts of the names of elements with secrets, as sshPassword, authPassword, capfAuthString.
constexpr auto kSecret = std::to_array<std::string_view>(
    {"password", "passwd", "passphrase", "passcode", "authstring", "secret", "sharedkey", "credential"});
// Whole names, since they are parts of others'.
constexpr auto kSecretNames = std::to_array<std::string_view>({"pin", "psk", "wpapsk", "wepkey"});
// What a line registers with: one phone's alone, so that an older copy is told as well.
constexpr auto kIdentity = std::to_array<std::string_view>({"authname", "contact"});
// Elements that only configurations have: a file that has one may hold a line's names.
constexpr auto kOfConfigurations =
    std::to_array<std::string_view>({"device", "devicepool", "deviceprotocol", "callmanagergroup",
                                     "sipprofile", "siplines", "commonprofile", "vendorconfig"});

bool is_one_of(std::string_view name, auto& names) {
  return std::ranges::find(names, name) != std::end(names);
}

bool is_secret(std::string_view name) {
  return is_one_of(name, kSecretNames) ||
         std::ranges::any_of(kSecret, [&](auto part) { return name.contains(part); });
}

std::string_view without_blanks(std::string_view value) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t begin = value.find_first_not_of(kBlanks);
  return begin == value.npos ? "" : value.substr(begin, value.find_last_not_of(kBlanks) - begin + 1);
}

std::uint64_t hash_of(std::string_view kind, std::string_view value) {
  std::string both(kind);
  both += '\0';
  both += value;
  return std::hash<std::string>()(both);
}

class TraitReader {
 public:
  void run(Bytes text) {
    feed(text);
    end();
  }

  // In pieces: what comes between two ends belongs together.
  void feed(Bytes piece) { scanner_.feed(piece); }
  void end() {
    const std::size_t before = secrets_.size();
    ends_in_secret_ = (scanner_.end() && secrets_.size() > before) || ends_in_secret_;
    scanner_ = ElementScanner(visitor());
  }

  const std::string& first() const { return first_; }

  void fill(ConfigTraits& out) {
    out.is_part = is_part_;
    out.has_secrets = !secrets_.empty();
    out.ends_in_secret = ends_in_secret_;
    out.values = std::move(secrets_);
    if (is_part_) out.values.insert(out.values.end(), identities_.begin(), identities_.end());
  }

 private:
  ElementScanner::Visitor visitor() {
    return {
        .begin = [this](std::string_view name) { return begin(name); },
        .text = [this](std::string_view name, std::string_view value) { add(name, without_blanks(value)); }};
  }

  bool begin(std::string_view name) {
    if (first_.empty()) first_ = name;
    is_part_ = is_part_ || is_one_of(name, kOfConfigurations);
    return is_secret(name) || is_one_of(name, kIdentity);
  }

  void add(std::string_view name, std::string_view value) {
    auto& values = is_secret(name) ? secrets_ : identities_;
    if (value.empty() || values.size() >= kMaxValues) return;
    values.push_back(hash_of(name, value));
    // The same in whatever encoding.
    std::string ascii;
    std::ranges::copy_if(value, std::back_inserter(ascii),
                         [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    if (ascii.size() != value.size() && ascii.size() >= kMinAscii) values.push_back(hash_of(name, ascii));
  }

  ElementScanner scanner_{visitor()};
  std::string first_;
  bool is_part_ = false;
  bool ends_in_secret_ = false;
  std::vector<std::uint64_t> secrets_;
  std::vector<std::uint64_t> identities_;
};

// Markup that is text in other markup, as in a web page.
std::string unescaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    const bool opens = rest.starts_with("&lt;");
    const bool closes = rest.starts_with("&gt;");
    out += opens ? '<' : closes ? '>' : rest.front();
    at += opens || closes ? 4 : 1;
  }
  return out;
}

}  // namespace

bool may_be_xml(Bytes document) {
  constexpr std::string_view kBefore("\xef\xbb\xbf\xfe\xff\0 \t\r\n", 10);
  const std::size_t at = as_text(document).substr(0, 64).find_first_not_of(kBefore);
  return at != std::string_view::npos && document[at] == '<';
}

std::uint64_t memory_of_traits(Bytes document) {
  // Elements with a value, of which a vector that grows holds up to three times as much.
  constexpr std::uint64_t kOfValue = 3 * sizeof(std::uint64_t);
  constexpr std::uint64_t kUnpackedOfElement = 16;
  const std::string_view text = as_text(document);
  const std::uint64_t unescaped = text.contains("&lt;") ? text.size() : 0;
  const std::uint64_t unpacked = most_unpacked(document);
  const std::uint64_t decoded = most_decoded(document);
  const std::uint64_t elements = static_cast<std::uint64_t>(std::ranges::count(text, '<')) +
                                 (unescaped + unpacked + decoded) / kUnpackedOfElement;
  return unescaped + unpacked + std::min<std::uint64_t>(elements, kMaxValues) * 2 * kOfValue;
}

ConfigTraits config_traits(Bytes document) {
  ConfigTraits out;
  TraitReader reader;
  reader.run(document);
  if (may_be_xml(document)) {
    if (auto text = xml_text(document); text && !text->made.empty()) reader.run(text->text);
    out.root = reader.first();
  }
  if (as_text(document).contains("&lt;")) reader.run(as_bytes(unescaped(as_text(document))));
  decode_text(document, [&](Bytes piece) { reader.feed(piece); }, [&] { reader.end(); });
  const std::string_view unseen = unpack(document, [&](Bytes content) { reader.run(content); });
  reader.fill(out);
  out.packed = unseen;
  if (out.is_configuration()) out.values.push_back(hash_of("", as_text(document)));
  std::ranges::sort(out.values);
  out.values.erase(std::ranges::unique(out.values).begin(), out.values.end());
  return out;
}

}  // namespace anchord::trust

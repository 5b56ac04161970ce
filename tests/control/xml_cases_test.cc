// What becomes of XML as it is found in the field: of every small file in tests/data/xml, as
// a phone's configuration and as any other file.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "provisioning/file_maker.h"
#include "state.h"

namespace anchord::control {
namespace {

enum class Then { taken, warned, refused };

struct Case {
  const char* file;
  Then as_configuration;
  const char* says;  // how the warning or the reason begins; other files are served with it
};

constexpr Case kCases[] = {
    {"amp-raw.xml", Then::refused, "line 1, column 37: not well-formed (invalid token)"},
    {"attr-lt.xml", Then::refused, "line 1, column 30: not well-formed (invalid token)"},
    {"blank.xml", Then::refused, "line 2, column 1: no element found"},
    {"bom-latin1-decl.xml", Then::warned, "line 1, column 29: the file is in UTF-8, not in ISO-8859-1"},
    {"bom-no-decl.xml", Then::taken, ""},
    {"cdata.xml", Then::taken, ""},
    {"charref-1f.xml", Then::warned, "line 1, column 12: a reference to a control character"},
    {"colon-name.xml", Then::taken, ""},
    {"comment-before-decl.xml", Then::refused,
     "line 1, column 11: XML or text declaration not at start of entity"},
    {"comment-before-root.xml", Then::taken, ""},
    {"comment-triple.xml", Then::refused, "line 1, column 19: not well-formed (invalid token)"},
    {"cr-only.xml", Then::taken, ""},
    {"crlf.xml", Then::taken, ""},
    {"ctrl-0b.xml", Then::warned, "line 1, column 12: a control character (0x0B)"},
    {"ctrl-1f.xml", Then::warned, "line 1, column 21: a control character (0x1F)"},
    {"deep201.xml", Then::refused, "line 1, column 606: elements are nested more than 200 deep"},
    {"doc-bom-twice.xml", Then::refused, "line 1, column 2: not well-formed (invalid token)"},
    {"doctype.xml", Then::refused,
     "line 1, column 38: a document type declaration, which phones have no use for: remove it"},
    {"double-dash-comment.xml", Then::refused, "line 1, column 18: not well-formed (invalid token)"},
    {"dup-attr.xml", Then::refused, "line 1, column 18: duplicate attribute"},
    {"empty.xml", Then::refused, "line 1, column 1: no element found"},
    {"enc-ASCII.xml", Then::taken, ""},
    {"enc-GB2312.xml", Then::taken, ""},
    {"enc-ISO-8859-1.xml", Then::taken, ""},
    {"enc-ISO-8859-2.xml", Then::taken, ""},
    {"enc-ISO8859-1.xml", Then::taken, ""},
    {"enc-ISO_8859-1.xml", Then::taken, ""},
    {"enc-Shift_JIS.xml", Then::taken, ""},
    {"enc-UTF-32.xml", Then::taken, ""},
    {"enc-UTF8.xml", Then::taken, ""},
    {"enc-cp1252.xml", Then::taken, ""},
    {"enc-iso-8859-15.xml", Then::taken, ""},
    {"enc-latin1.xml", Then::taken, ""},
    {"enc-us-ascii.xml", Then::taken, ""},
    {"enc-utf8.xml", Then::taken, ""},
    {"enc-windows-1251.xml", Then::taken, ""},
    {"enc-windows-1252.xml", Then::taken, ""},
    {"fffe.xml", Then::refused, "line 1, column 9: not well-formed (invalid token)"},
    {"leading-newline.xml", Then::refused,
     "line 2, column 1: XML or text declaration not at start of entity"},
    {"leading-space-nodecl.xml", Then::taken, ""},
    {"many-attrs.xml", Then::taken, ""},
    {"nbsp.xml", Then::refused, "line 1, column 12: undefined entity"},
    {"no-decl-latin1-bytes.xml", Then::refused, "line 1, column 74: not well-formed (invalid token)"},
    {"ns-undeclared.xml", Then::taken, ""},
    {"only-decl.xml", Then::refused, "line 1, column 22: no element found"},
    {"pi-in-middle.xml", Then::taken, ""},
    {"single-quotes.xml", Then::taken, ""},
    {"standalone.xml", Then::taken, ""},
    {"surrogate-utf8.xml", Then::refused, "line 1, column 9: not well-formed (invalid token)"},
    {"trailing-comment.xml", Then::taken, ""},
    {"trailing-ctrl-z.xml", Then::warned, "line 1, column 101: a Ctrl-Z behind the end"},
    {"trailing-nul.xml", Then::warned, "line 1, column 101: a NUL behind the end"},
    {"trailing-nuls.xml", Then::warned, "line 1, column 101: a NUL behind the end"},
    {"trailing-text.xml", Then::refused, "line 2, column 1: junk after document element"},
    {"two-roots.xml", Then::refused, "line 1, column 101: junk after document element"},
    {"unquoted-attr.xml", Then::refused, "line 1, column 26: not well-formed (invalid token)"},
    {"upper-XML-decl.xml", Then::refused, "line 1, column 6: not well-formed (invalid token)"},
    {"utf16be-bom.xml", Then::taken, ""},
    {"utf16le-bom-utf8-decl.xml", Then::warned, "line 1, column 31: the file is in UTF-16LE, not in utf-8"},
    {"utf16le-bom.xml", Then::taken, ""},
    {"utf16le-nobom.xml", Then::taken, ""},
    {"utf8-bom.xml", Then::taken, ""},
    {"utf8-decl-latin1-bytes.xml", Then::refused, "line 1, column 112: not well-formed (invalid token)"},
    {"utf8-decl-utf16.xml", Then::refused, "line 1, column 31: the file is not in UTF-16, as it says"},
    {"xml-1.1.xml", Then::taken, ""},
    {"xml-2.0.xml", Then::taken, ""},
};

class XmlCases : public testing::TestWithParam<Case> {
 protected:
  static Result<MadeFiles> make(const std::string& name, const Buffer& content) {
    static const ProvisioningContext context{
        .generation = 1,
        .signer = {test_certificate("tftp"),
                   crypto::PrivateKey::from_pem_or_der(test_file("certs/tftp.key")).value()}};
    return make_files(name, index::Blob(content), context, {}, 1'700'000'000);
  }
};
INSTANTIATE_TEST_SUITE_P(Field, XmlCases, testing::ValuesIn(kCases), [](const auto& one) {
  std::string name;
  for (char c : std::string_view(one.param.file))
    name += c == '-' ? "_" : c == '.' ? "" : c == '_' ? "0" : std::string(1, c);
  return name;
});

TEST_P(XmlCases, AsAConfiguration) {
  Buffer content = test_file(std::string("xml/") + GetParam().file);
  for (const char* name : {"SEP001122334455.cnf.xml", "XMLDefault.cnf.xml"}) {
    auto made = make(name, content);
    ASSERT_EQ(made.has_value(), GetParam().as_configuration != Then::refused) << made.error().text;
    const std::string said = made ? made->warning : made.error().text;
    EXPECT_EQ(said.empty(), GetParam().as_configuration == Then::taken) << said;
    EXPECT_NE(said.find(GetParam().says), std::string::npos) << said;
    if (!made) continue;
    EXPECT_TRUE(same_bytes(made->files.at(0).body->content.bytes(), content));
  }
}

TEST_P(XmlCases, UnderAnotherNameIsServedAsItIs) {
  Buffer content = test_file(std::string("xml/") + GetParam().file);
  auto made = make("English_United_States/dictionary.xml", content);
  ASSERT_TRUE(made) << made.error().text;
  EXPECT_EQ(made->files.size(), 3u);
  for (const index::FileChange& file : made->files)
    EXPECT_TRUE(same_bytes(file.body->content.bytes(), content)) << file.name;
  EXPECT_EQ(made->warning.empty(), GetParam().as_configuration == Then::taken) << made->warning;
  EXPECT_NE(made->warning.find(GetParam().says), std::string::npos) << made->warning;
}

TEST(XmlCasesTable, NamesEveryFile) {
  std::set<std::string> listed;
  for (const Case& one : kCases) listed.insert(one.file);
  std::set<std::string> there;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(ANCHORD_TEST_DATA) + "/xml"))
    there.insert(entry.path().filename());
  EXPECT_EQ(there, listed);
}

}  // namespace
}  // namespace anchord::control

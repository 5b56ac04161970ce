#include "anchord/wire/foreign_file.h"

#include "anchord/wire/signed_file.h"
#include "samples.h"

namespace anchord::wire {
namespace {

using namespace test;

// Version 1.1 and a length, then items; the header is filled up with padding.
Buffer foreign(const Buffer& items, std::string_view content) {
  auto size = static_cast<std::uint8_t>(10 + items.size() + 2);
  Buffer out = join({Buffer{1, 0, 2, 1, 1, 2, 0, 2, 0, size}, items, Buffer{13, 13}});
  out.insert(out.end(), content.begin(), content.end());
  return out;
}

TEST(ForeignFile, TheHeadersLengthSaysWhereTheContentBegins) {
  Buffer bytes = vector_file("foreign/SIP69xx.9-4-1-3SR3.zz.sgn");
  auto file = parse_foreign_file(bytes);
  ASSERT_TRUE(file) << error_of(file);
  EXPECT_EQ(file->version, (Version{1, 1}));
  EXPECT_EQ(file->header_length, 416u);
  EXPECT_EQ(file->content.size(), 194u);
  EXPECT_EQ(file->signer_name, "");  // nothing else can be read of this one
  EXPECT_FALSE(parse_signed_file(bytes));
}

TEST(ForeignFile, ShowsWhatItCanRead) {
  Buffer bytes = foreign({3,   0, 15, 4, 0,  3, 'C', '=', 0, 99, 0, 1, 7, 5, 0, 2, 1, 2,  // the signer
                          200, 0, 1,  0, 14, 0, 2,   'f', 0, 15, 0, 4, 0, 0, 1, 0},
                         "content");
  auto file = parse_foreign_file(bytes);
  ASSERT_TRUE(file) << error_of(file);
  EXPECT_EQ(file->signer_name, "C=");
  EXPECT_EQ(to_buffer(file->serial), (Buffer{1, 2}));
  EXPECT_EQ(file->file_name, "f");
  EXPECT_EQ(file->timestamp, 256u);
  EXPECT_EQ(as_text(file->content), "content");
  // However the header goes on: the content is found.
  for (std::size_t at = 10; at < bytes.size() - 7; ++at) {
    Buffer broken = bytes;
    broken[at] ^= 0xff;
    auto read = parse_foreign_file(broken);
    ASSERT_TRUE(read) << at;
    EXPECT_EQ(as_text(read->content), "content") << at;
  }
}

TEST(ForeignFile, NeedsTheFrontOfAHeader) {
  Buffer whole = foreign({}, "");
  EXPECT_TRUE(parse_foreign_file(whole));
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(parse_foreign_file(Bytes(whole).first(size))) << size;
  auto with = [&](std::size_t at, std::uint8_t value) {
    Buffer out = whole;
    out[at] = value;
    auto file = parse_foreign_file(out);
    return file ? std::string("taken") : file.error().text();
  };
  EXPECT_EQ(with(0, 2), "item 'version' at offset 0: is not where it must be");
  EXPECT_EQ(with(5, 3), "item 'header length' at offset 0: is not where it must be");
  EXPECT_EQ(with(9, 9), "item 'header length' at offset 5: ends before itself");
  EXPECT_EQ(with(9, 13), "item 'header length' at offset 5: runs past the end");
}

// What passes for one of the other kinds passes for this one never.
TEST(ForeignFile, IsOfNoVersionThatIsReadWhole) {
  for (Version own : {kTrustListVersion, kSignedFileVersion, kEncryptedFileVersion}) {
    Buffer bytes = foreign({}, "");
    bytes[3] = own.major;
    bytes[4] = own.minor;
    EXPECT_FALSE(parse_foreign_file(bytes));
  }
  EXPECT_FALSE(parse_foreign_file(vector_file("sha512/SEP001122334455.cnf.xml.sgn")));
}

}  // namespace
}  // namespace anchord::wire

// What is inside of a backup.
#include "backup/archive.h"

#include <gtest/gtest.h>

#include "fixture.h"

namespace anchord::store {
namespace {

const Entry kFolder{EntryKind::folder, "provisioning", 0755, 1700000000, 0};
const Entry kFile{EntryKind::file, "provisioning/a.xml", 0640, 1700000001, 5};

void append(Buffer& out, Bytes bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

Buffer example() {
  Buffer out = write_entry(kFolder);
  append(out, write_entry(kFile));
  append(out, as_bytes("hello"));
  append(out, write_end(2));
  return out;
}

// In pieces of so many bytes.
EntryReader::Source in_pieces(Bytes input, std::size_t size) {
  return [left = input, size]() mutable -> Result<Bytes> {
    Bytes piece = left.first(std::min(size, left.size()));
    left = left.subspan(piece.size());
    return piece;
  };
}

// Every path and content; or why not.
Result<std::vector<std::string>> read_all(Bytes input, std::size_t piece = 1 << 20) {
  EntryReader reader(in_pieces(input, piece));
  std::vector<std::string> out;
  for (;;) {
    auto entry = reader.next();
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) return out;
    out.push_back((*entry)->path);
    for (;;) {
      auto content = reader.content();
      if (!content) return std::unexpected(content.error());
      if (content->empty()) break;
      out.back() += as_text(*content);
    }
  }
}

TEST(Archive, GivesBackWhatWasPutInHoweverItIsDivided) {
  Buffer input = example();
  for (std::size_t piece = 1; piece <= input.size(); ++piece) {
    EntryReader reader(in_pieces(input, piece));
    EXPECT_EQ(reader.next().value(), kFolder);
    EXPECT_TRUE(reader.content().value().empty());
    EXPECT_EQ(reader.next().value(), kFile);
    // What is not read is passed over.
    EXPECT_EQ(reader.next().value(), std::nullopt) << piece;
    auto all = read_all(input, piece);
    ASSERT_TRUE(all) << all.error().text;
    EXPECT_EQ(*all, (std::vector<std::string>{"provisioning", "provisioning/a.xmlhello"}));
  }
}

TEST(Archive, EveryTruncationIsNoticed) {
  Buffer input = example();
  for (std::size_t size = 0; size < input.size(); ++size)
    EXPECT_FALSE(read_all(Bytes(input).first(size))) << size;
  input.push_back(0);
  expect_text(read_all(input).error().text, {"follows its end"});
}

TEST(Archive, MissingEntriesAreNoticed) {
  Buffer input = write_entry(kFolder);
  append(input, write_end(2));
  expect_text(read_all(input).error().text, {"missing"});
}

TEST(Archive, WhatBelongsInABackup) {
  auto file = [](std::string_view path) { return belongs_in_backup(EntryKind::file, path); };
  auto folder = [](std::string_view path) { return belongs_in_backup(EntryKind::folder, path); };
  for (std::string_view path :
       {"anchord.db", "keys/a.key", "provisioning/a", "provisioning/a/b/c", "devices/x.pem", "last-good/a",
        "anchord.conf", "provisioning/.hidden", "provisioning/a..b"})
    EXPECT_TRUE(file(path)) << path;
  for (std::string_view path : {"keys", "provisioning", "devices", "last-good", "provisioning/a"})
    EXPECT_TRUE(folder(path)) << path;
  for (std::string_view path : {"",
                                "/",
                                "/etc/passwd",
                                "..",
                                "../x",
                                "keys/../x",
                                "provisioning/../../x",
                                "provisioning/..",
                                "provisioning/.",
                                "provisioning//a",
                                "provisioning/",
                                "keys/a/b",
                                "keys",
                                "provisioning",
                                "other/a",
                                "anchord.db-wal",
                                "anchord.db-shm",
                                "anchord.db.new",
                                "control.sock",
                                "x.lock",
                                ".backup-1",
                                ".hidden",
                                "."})
    EXPECT_FALSE(file(path)) << path;
  for (std::string_view path : {"", "other", "keys/a", "anchord.db", "..", "provisioning/.."})
    EXPECT_FALSE(folder(path)) << path;
  EXPECT_FALSE(file(std::string_view("provisioning/a\0b", 16)));
  EXPECT_FALSE(file("provisioning/" + std::string(256, 'a')));
  std::string deep = "provisioning";
  while (deep.size() < 2 * (kMaxEntryDepth - 1) + 12) deep += "/a";
  EXPECT_TRUE(file(deep));
  EXPECT_FALSE(file(deep + "/a"));
  std::string wide = "provisioning";
  while (wide.size() <= kMaxEntryPath) wide += "/" + std::string(200, 'a');
  EXPECT_FALSE(file(wide));
}

TEST(Archive, PathsThatLeadElsewhereAreRefused) {
  for (const char* path : {"../etc/passwd", "/etc/passwd", "other/file", "keys/../../x", ""}) {
    Entry entry = kFile;
    entry.path = path;
    Buffer input = write_entry(entry);
    append(input, as_bytes("hello"));
    append(input, write_end(1));
    auto all = read_all(input);
    ASSERT_FALSE(all) << path;
    expect_text(all.error().text, {"leads elsewhere"});
  }
}

TEST(Archive, OddModesTimesAndKindsAreRefused) {
  Buffer input = example();
  std::size_t mode = 1 + 2 + kFolder.path.size();
  for (auto [at, value] : {std::pair{std::size_t{0}, 3}, std::pair{mode, 0x08}, std::pair{mode, 0x02},
                           std::pair{mode + 2, 0xff}, std::pair{mode + 2, 0x01}}) {
    Buffer changed = input;
    changed[at] = static_cast<std::uint8_t>(value);
    EXPECT_FALSE(read_all(changed)) << at;
  }
}

TEST(Archive, SizeThatIsNotThereIsNoticed) {
  Entry entry = kFile;
  entry.size = ~std::uint64_t{0};
  Buffer input = write_entry(entry);
  append(input, as_bytes("hello"));
  expect_text(read_all(input).error().text, {"ends too early"});
}

}  // namespace
}  // namespace anchord::store

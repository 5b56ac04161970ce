#include "anchord/index/file_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace anchord::index {
namespace {

FileChange put(std::string name, std::string_view content) {
  return {std::move(name), FileBody{.content = Blob(to_buffer(as_bytes(content)))}};
}

FileTable with(const FileTable& table, std::vector<FileChange> changes) {
  return table.with(changes);
}

FileTable of(std::vector<std::string> names) {
  std::vector<FileChange> changes;
  for (std::string& name : names) changes.push_back(put(name, "content of " + name));
  return FileTable().with(changes);
}

std::string found(const FileTable& table, std::string_view asked) {
  const FileEntry* entry = table.find(asked);
  return entry == nullptr ? "" : entry->name;
}

TEST(FileTable, EmptyFindsNothing) {
  FileTable table;
  EXPECT_EQ(table.size(), 0u);
  for (std::string_view asked : {std::string_view(""), std::string_view("/"), std::string_view("\0", 1),
                                 std::string_view("/\0", 2), std::string_view("a")}) {
    EXPECT_EQ(table.find(asked), nullptr);
    EXPECT_EQ(of({"a.xml"}).find(asked), nullptr);
  }
}

TEST(FileTable, GivesTheContentAndItsHash) {
  FileTable table = with({}, {put("a", "same"), put("b", "same"), put("c", "other"), put("d", "")});
  EXPECT_EQ(as_text(table.find("c")->body.content.bytes()), "other");
  EXPECT_EQ(table.find("d")->body.size(), 0u);
  EXPECT_EQ(table.find("a")->version, table.find("b")->version);
  EXPECT_NE(table.find("a")->version, table.find("c")->version);
}

TEST(FileTable, FoldsTheCaseOfAsciiLettersOnly) {
  FileTable table = of({"RingList.xml", "a[b", "caf\xc3\xa9"});
  EXPECT_EQ(found(table, "RINGLIST.XML"), "RingList.xml");
  EXPECT_EQ(found(table, "ringlist.xml"), "RingList.xml");
  EXPECT_EQ(found(table, "RingList.xm"), "");
  EXPECT_EQ(found(table, "A{B"), "");  // '[' and '{' differ in the bit of case
  EXPECT_EQ(found(table, "A[B"), "a[b");
  EXPECT_EQ(found(table, "CAF\xc3\x89"), "");
  EXPECT_EQ(found(table, "CAF\xc3\xa9"), "caf\xc3\xa9");
}

TEST(FileTable, ExactWinsThenTheFirstInByteOrder) {
  FileTable table = of({"ring.xml", "RING.XML", "Ring.xml"});
  EXPECT_EQ(table.size(), 3u);
  EXPECT_EQ(found(table, "ring.xml"), "ring.xml");
  EXPECT_EQ(found(table, "Ring.xml"), "Ring.xml");
  EXPECT_EQ(found(table, "RING.XML"), "RING.XML");
  EXPECT_EQ(found(table, "rinG.xml"), "RING.XML");
  EXPECT_EQ(found(with(table, {{"RING.XML", {}}}), "rinG.xml"), "Ring.xml");
  EXPECT_EQ(found(with(table, {{"RING.XML", {}}, {"Ring.xml", {}}}), "RING.XML"), "ring.xml");
}

TEST(FileTable, ForgivesOneSlashAndOneNul) {
  FileTable table = of({"g3-tones.xml", "German/be-sip.jar"});
  EXPECT_EQ(found(table, "/g3-tones.xml"), "g3-tones.xml");
  EXPECT_EQ(found(table, "/G3-TONES.XML"), "g3-tones.xml");
  EXPECT_EQ(found(table, std::string_view("g3-tones.xml\0", 13)), "g3-tones.xml");
  EXPECT_EQ(found(table, std::string_view("/g3-tones.xml\0", 14)), "g3-tones.xml");
  EXPECT_EQ(found(table, "german/BE-sip.jar"), "German/be-sip.jar");
  EXPECT_EQ(found(table, "//g3-tones.xml"), "");
  EXPECT_EQ(found(table, "g3-tones.xml/"), "");
  EXPECT_EQ(found(table, std::string_view("g3-tones.xml\0\0", 14)), "");
  EXPECT_EQ(found(table, std::string_view("\0g3-tones.xml", 13)), "");
  EXPECT_EQ(found(table, std::string_view("g3\0tones.xml", 12)), "");
}

TEST(FileTable, LongNamesAreNotFound) {
  const std::string longest(kMaxFileName, 'a');
  FileTable table = of({longest});
  EXPECT_EQ(found(table, longest), longest);
  EXPECT_EQ(found(table, "/" + longest + std::string(1, '\0')), longest);
  EXPECT_EQ(found(table, std::string(kMaxFileName, 'A')), longest);
  EXPECT_EQ(found(table, longest + "a"), "");
  EXPECT_EQ(found(table, std::string(100'000, 'a')), "");
}

TEST(FileTable, NamesAFileMayNotBear) {
  EXPECT_TRUE(is_file_name("a"));
  EXPECT_TRUE(is_file_name(std::string(kMaxFileName, 'a')));
  EXPECT_FALSE(is_file_name(""));
  EXPECT_FALSE(is_file_name("/a"));
  EXPECT_FALSE(is_file_name(std::string_view("a\0b", 3)));
  EXPECT_FALSE(is_file_name(std::string(kMaxFileName + 1, 'a')));
}

TEST(FileTableDeathTest, AWrongNameIsTheCallersBug) {
  EXPECT_DEATH(of({"/a"}), "is_file_name");
}

TEST(FileTable, AnEntryThatIsHeldOutlivesItsTable) {
  std::shared_ptr<const FileEntry> held;
  {
    const FileTable table = with({}, {put("f", "small"), put("F", "large")});
    held = table.hold(*table.find("F"));
    EXPECT_EQ(held.get(), table.find("F"));
  }
  EXPECT_EQ(as_text(held->body.content.bytes()), "large");
}

TEST(FileTable, ReplacesAndRemoves) {
  const FileTable first = with({}, {put("a", "one"), put("b", "two")});
  const FileTable second = with(first, {put("a", "three"), {"b", {}}, {"never there", {}}});
  EXPECT_EQ(first.size(), 2u);
  EXPECT_EQ(second.size(), 1u);
  EXPECT_EQ(as_text(first.find("a")->body.content.bytes()), "one");
  EXPECT_EQ(as_text(second.find("a")->body.content.bytes()), "three");
  EXPECT_NE(first.find("a")->version, second.find("a")->version);
  EXPECT_NE(first.find("b"), nullptr);
  EXPECT_EQ(second.find("b"), nullptr);
  // One differing in case only is another file.
  EXPECT_EQ(with(first, {{"A", {}}}).size(), 2u);
}

TEST(FileTable, ChangesOfOneBatchApplyInTheirOrder) {
  FileTable table = with({}, {put("a", "1"), {"a", {}}, put("a", "2"), put("b", "1"), {"b", {}}});
  EXPECT_EQ(table.size(), 1u);
  EXPECT_EQ(as_text(table.find("a")->body.content.bytes()), "2");
}

TEST(FileTable, AChangeSharesAllElse) {
  std::vector<FileChange> changes;
  for (int i = 0; i < 5000; ++i) changes.push_back(put("SEP" + std::to_string(i) + ".cnf.xml", "x"));
  const FileTable first = FileTable().with(changes);
  const FileTable second = with(first, {put("new", "y"), {"SEP7.cnf.xml", {}}});
  for (int i = 0; i < 5000; ++i) {
    if (i == 7) continue;
    const FileEntry* entry = first.find("SEP" + std::to_string(i) + ".cnf.xml");
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(second.find(entry->name), entry);
  }
}

TEST(FileTable, AgreesWithAMapUnderRandomChanges) {
  std::mt19937_64 random(7);
  std::map<std::string, std::string> model;
  FileTable table;
  for (int round = 0; round < 200; ++round) {
    std::vector<FileChange> changes;
    for (std::uint64_t i = random() % 200; i-- > 0;) {
      std::string name = "sep" + std::to_string(random() % 3000);
      for (char& c : name) {
        if (random() % 8 == 0) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      }
      if (random() % 3 == 0) {
        changes.push_back({name, {}});
        model.erase(name);
      } else {
        changes.push_back(put(name, std::to_string(random())));
        model[name] = as_text(changes.back().body->content.bytes());
      }
    }
    table = table.with(changes);
  }
  ASSERT_EQ(table.size(), model.size());
  std::size_t visited = 0;
  table.for_each([&](const FileEntry& entry) {
    ++visited;
    ASSERT_TRUE(model.contains(entry.name));
    EXPECT_EQ(as_text(entry.body.content.bytes()), model[entry.name]);
  });
  EXPECT_EQ(visited, model.size());
  for (const auto& [name, content] : model) EXPECT_EQ(found(table, name), name);
}

}  // namespace
}  // namespace anchord::index

#include "downloads/provisioned_file.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace anchord::service {
namespace {

index::FileTable table_of(std::initializer_list<const char*> names) {
  std::vector<index::FileChange> changes;
  for (const char* name : names)
    changes.push_back({.name = name, .body = index::FileBody{.content = index::Blob(Buffer{1})}});
  return index::FileTable().with(changes);
}

std::string found(const index::FileTable& files, std::string_view asked) {
  const index::FileEntry* file = find_file(files, asked);
  return file == nullptr ? "" : file->name;
}

TEST(FindFile, AListThatADeviceHasNotIsTheClusters) {
  index::FileTable files = table_of({"ITLFile.tlv", "CTLFile.tlv", "ITLSEP001122334455.tlv"});
  EXPECT_EQ(found(files, "ITLSEP001122334455.tlv"), "ITLSEP001122334455.tlv");
  EXPECT_EQ(found(files, "CTLSEP001122334455.tlv"), "CTLFile.tlv");
  EXPECT_EQ(found(files, "ITLSEP0A1B2C3D4E5F.tlv"), "ITLFile.tlv");
  EXPECT_EQ(found(files, "/itlsep0a1b2c3d4e5f.TLV"), "ITLFile.tlv");
  EXPECT_EQ(found(files, std::string_view("ITLSEP0A1B2C3D4E5F.tlv\0", 23)), "ITLFile.tlv");
}

TEST(FindFile, OnlyListsFallBack) {
  index::FileTable files = table_of({"ITLFile.tlv", "CTLFile.tlv"});
  for (const char* asked :
       {"SEP001122334455.tlv", "ITLSEP00112233445.tlv", "ITLSEP0011223344556.tlv", "ITLSEP00112233445G.tlv",
        "ITLSEP001122334455.tlv.sgn", "ITLSEP001122334455", "ITLSEP001122334455.", "ITLATA001122334455.tlv",
        "XTLSEP001122334455.tlv", "ITLSEP001122334455.cnf.xml", "a/ITLSEP001122334455.tlv", "ITL", ""})
    EXPECT_EQ(found(files, asked), "") << asked;
  EXPECT_EQ(found(table_of({"CTLFile.tlv"}), "ITLSEP001122334455.tlv"), "");
}

TEST(FindFile, WhatLooksLikeAPathIsAName) {
  index::FileTable files = table_of({"ITLFile.tlv", "Desktops/320x212x16/List.xml"});
  EXPECT_EQ(found(files, "desktops/320x212x16/list.xml"), "Desktops/320x212x16/List.xml");
  std::string overlong(300, 'a');
  for (std::string_view asked :
       {std::string_view("../ITLFile.tlv"), std::string_view("./ITLFile.tlv"),
        std::string_view("//ITLFile.tlv"), std::string_view("\\ITLFile.tlv"),
        std::string_view("Desktops\\320x212x16\\List.xml"), std::string_view("Desktops/../ITLFile.tlv"),
        std::string_view("/etc/passwd"), std::string_view("Desktops/320x212x16"),
        std::string_view("Desktops/320x212x16/"), std::string_view("Desktops"), std::string_view("/"),
        std::string_view("."), std::string_view(".."), std::string_view("ITLFile.tlv\n"),
        std::string_view("\x1bITLFile.tlv"), std::string_view("ITLFile.tlv\0\0", 13),
        std::string_view("ITLFile%2etlv"), std::string_view(overlong)})
    EXPECT_EQ(found(files, asked), "") << asked;
}

std::string meant(const index::FileTable& files, std::string_view asked) {
  std::array<char, index::kMaxFileName> room;
  return std::string(name_meant(files, asked, room));
}

TEST(NameMeant, IsWithoutWhatPhonesPutAroundIt) {
  index::FileTable files = table_of({"lists/services.xml", "what?.xml"});
  const std::string query = "?locale=English_United_States&name=SEP001122334455";
  EXPECT_EQ(meant(files, "lists/services.xml"), "lists/services.xml");
  EXPECT_EQ(meant(files, "//lists/.//services.xml" + query), "lists/services.xml");
  EXPECT_EQ(meant(files, "/lists/services.xml" + query + std::string(300, 'x')), "lists/services.xml");
  EXPECT_EQ(meant(files, "SEP001122334455.cnf.xml?x"), "SEP001122334455.cnf.xml");
  EXPECT_EQ(meant(files, std::string_view("a\0", 2)), "a");
  // A file that bears the whole name goes first.
  EXPECT_EQ(meant(files, "/WHAT?.xml"), "WHAT?.xml");
  EXPECT_EQ(meant(files, "what?.xml?a=b"), "what");
  for (std::string_view none : {"..", "../lists/services.xml", "lists/../lists/services.xml", "lists/", "/",
                                "?", "/?a", "", "lists/..?a"})
    EXPECT_EQ(meant(files, none), "") << none;
  EXPECT_EQ(meant(files, std::string(256, 'a')), "");
}

TEST(DeviceIn, FindsTheDevice) {
  EXPECT_EQ(device_in("SEP001122334455.cnf.xml.sgn"), "SEP001122334455");
  EXPECT_EQ(device_in("/sepAAbbCC334455.cnf.xml"), "sepAAbbCC334455");
  EXPECT_EQ(device_in("ITLSEP001122334455.tlv"), "SEP001122334455");
  EXPECT_EQ(device_in("ctlSEP001122334455.tlv"), "SEP001122334455");
  EXPECT_EQ(device_in("SEP001122334455"), "SEP001122334455");
  for (const char* none : {"", "SEP", "SEP00112233445", "SEP0011223344556.cnf.xml", "SEP00112233445x.cnf.xml",
                           "XMLDefault.cnf.xml", "XSEP001122334455.cnf.xml", "ITLFile.tlv", "ITL",
                           "a/SEP001122334455.cnf.xml", "SEP001122334455_x"})
    EXPECT_EQ(device_in(none), "") << none;
}

TEST(IsRecorded, WhatNamesADeviceAndWhatAllPhonesAskFor) {
  for (const char* name : {"ITLFile.tlv", "CTLFile.tlv", "XMLDefault.cnf.xml", "xmldefault.CNF.xml.sgn"})
    EXPECT_TRUE(is_recorded("", name)) << name;
  for (const char* name : {"", "ITLFile", "Ringlist.xml", "SEP001122334455.cnf.xml"}) {
    EXPECT_FALSE(is_recorded("", name)) << name;
    EXPECT_TRUE(is_recorded("SEP001122334455", name)) << name;
  }
}

TEST(IsKnownDevice, HasAConfigurationSignedOrPlain) {
  index::FileTable files =
      table_of({"SEP001122334455.cnf.xml.sgn", "SEP00112233EEEE.cnf.xml", "SEP00112233FFFF.cnf.xml.enc.sgn"});
  EXPECT_TRUE(is_known_device(files, "SEP001122334455"));
  EXPECT_TRUE(is_known_device(files, "sep001122334455"));
  EXPECT_FALSE(is_known_device(files, "SEP001122334456"));
  EXPECT_TRUE(is_known_device(files, "SEP00112233EEEE"));  // nothing is signed while rolling back
  EXPECT_FALSE(is_known_device(files, "SEP00112233FFFF"));
  EXPECT_FALSE(is_known_device(files, std::string(300, 'S')));
}

}  // namespace
}  // namespace anchord::service

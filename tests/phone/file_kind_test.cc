// The names of phones' files, taken apart and put together.
#include "anchord/phone/file_kind.h"

#include <gtest/gtest.h>

namespace anchord::phone {
namespace {

constexpr std::string_view kDevice = "SEP00112233AABB";

TEST(FileName, IsTakenApartAsItIsPutTogether) {
  for (const FileKindRow& row : kFileKinds) {
    const std::string_view device = row.of_device ? kDevice : std::string_view();
    for (FileForm form : kFileForms) {
      const std::string name = file_name(row.kind, device, form);
      const FileName parsed = parse_file_name(name);
      EXPECT_EQ(parsed.kind, row.kind) << name;
      EXPECT_EQ(parsed.device, device) << name;
      EXPECT_EQ(parsed.rest, ending_of(form)) << name;
      EXPECT_EQ(form_of(name), form) << name;
      EXPECT_EQ(plain_name(name), file_name(row.kind, device)) << name;
      EXPECT_EQ(device_in_file_name(name), device) << name;
    }
  }
}

TEST(FileName, IsAsPhonesAskForIt) {
  EXPECT_EQ(file_name(FileKind::configuration, kDevice, FileForm::enc_sgn),
            "SEP00112233AABB.cnf.xml.enc.sgn");
  EXPECT_EQ(file_name(FileKind::configuration, kDevice), "SEP00112233AABB.cnf.xml");
  EXPECT_EQ(file_name(FileKind::default_configuration, {}, FileForm::sgn), "XMLDefault.cnf.xml.sgn");
  EXPECT_EQ(file_name(FileKind::own_ctl, kDevice), "CTLSEP00112233AABB.tlv");
  EXPECT_EQ(file_name(FileKind::itl), "ITLFile.tlv");
  EXPECT_EQ(ending_of(FileForm::sha512), ".sha512");
}

TEST(FileName, IsReadInAnyCase) {
  const FileName parsed = parse_file_name("itlsep00112233aabb.TLV");
  EXPECT_EQ(parsed.kind, FileKind::own_itl);
  EXPECT_EQ(parsed.device, "sep00112233aabb");
  EXPECT_EQ(parse_file_name("XMLDEFAULT.CNF.XML.SGN").kind, FileKind::default_configuration);
  EXPECT_EQ(form_of("ringlist.XML.Enc.Sgn"), FileForm::enc_sgn);
}

TEST(FileName, OfNoKindIsOther) {
  for (const char* name : {"", "ITL", "ITLFile", "ITLFile.tlvx", "Ringlist.xml", "SEP00112233AABB",
                           "SEP00112233AABB.tlv", "SEP00112233AABB.cnf.xmlx", "SEP00112233AAB.cnf.xml",
                           "SEP00112233AABBC.cnf.xml", "ITLSEP00112233AABB", "ITLSEP00112233AABG.tlv",
                           "a/SEP00112233AABB.cnf.xml", "xSEP00112233AABB.cnf.xml",
                           "New_Zealand/g3-tones.xml", "SIP69xx.9-4-1-3SR3.zz.sgn", "sip88xx.14-0-1.loads"})
    EXPECT_EQ(parse_file_name(name).kind, FileKind::other) << name;
}

TEST(FileName, FitsTheRoomOrIsEmpty) {
  std::array<char, 22> room;
  EXPECT_EQ(file_name_in(room, FileKind::configuration, kDevice, FileForm::plain), "");
  std::array<char, 23> enough;
  EXPECT_EQ(file_name_in(enough, FileKind::configuration, kDevice, FileForm::plain),
            "SEP00112233AABB.cnf.xml");
  EXPECT_EQ(file_name_in(enough, FileKind::configuration, std::string(300, 'S'), FileForm::plain), "");
  EXPECT_EQ(file_name_in({}, FileKind::itl, {}, FileForm::plain), "");
}

TEST(FileName, SaysTheDeviceWhateverFollows) {
  EXPECT_EQ(device_in_file_name("SEP001122334455.txt"), "SEP001122334455");
  EXPECT_EQ(device_in_file_name("ctlsep001122334455.tlv"), "sep001122334455");
  for (const char* none : {"", "ITL", "SEP", "SEP001122334455_x", "a/SEP001122334455.cnf.xml", "ITLFile.tlv"})
    EXPECT_EQ(device_in_file_name(none), "") << none;
}

TEST(ListName, IsTakenApartAndPutTogether) {
  EXPECT_EQ(list_name("itlfile.TLV"), (ListName{"", ListKind::itl}));
  EXPECT_EQ(list_name("CTLFile.tlv"), (ListName{"", ListKind::ctl}));
  EXPECT_EQ(own_list_name("ITLSEP001122334455.tlv"), (ListName{"SEP001122334455", ListKind::itl}));
  EXPECT_EQ(own_list_name("ctlsep00112233aabb.TLV"), (ListName{"SEP00112233AABB", ListKind::ctl}));
  EXPECT_EQ(own_list_file({"SEP00112233AABB", ListKind::ctl}), "CTLSEP00112233AABB.tlv");
  EXPECT_EQ(own_list_name("ITLFile.tlv"), std::nullopt);
  for (const char* name : {"", "ITLSEP00112233445.tlv", "ITLSEP0011223344556.tlv", "ITLSEP00112233445G.tlv",
                           "ITLSEP001122334455.tl", "XTLSEP001122334455.tlv", "a/ITLSEP001122334455.tlv",
                           "ITLSEP001122334455.tlv.sgn", "ITLATA001122334455.tlv", "ITLFile.tlv.sgn",
                           "SEP001122334455.cnf.xml", "XMLDefault.cnf.xml"})
    EXPECT_EQ(list_name(name), std::nullopt) << name;
}

TEST(Configuration, IsFoundInAnyFolder) {
  EXPECT_EQ(configured_device("old/sep00112233aabb.CNF.xml"), "SEP00112233AABB");
  EXPECT_TRUE(is_default_configuration("old/xmldefault.cnf.XML"));
  for (const char* none : {"", "SEP00112233AABB.cnf.xml.sgn", "SEP00112233AABB.cnf.xml.bak",
                           "SEP00112233AABB.xml", "SEP00112233AABB.cnf.xml/a", "ATA00112233AABB.cnf.xml"})
    EXPECT_EQ(configured_device(none), std::nullopt) << none;
  for (const char* none : {"", "XMLDefault.cnf.xml.sgn", "XMLDefault.xml", "XMLDefault.cnf.xml/a"})
    EXPECT_FALSE(is_default_configuration(none)) << none;
}

TEST(Configuration, OfAnotherDeviceIsToldByItsEnding) {
  EXPECT_TRUE(is_configuration_name("ATA00112233AABB.cnf.xml"));
  EXPECT_TRUE(is_configuration_name("a/gk00112233AABB.CNF.XML"));
  EXPECT_FALSE(is_configuration_name("ATA00112233AABB.cnf.xml.sgn"));
  EXPECT_TRUE(is_xml_name("RINGLIST.XML"));
  EXPECT_FALSE(is_xml_name("Ringlist.xml.sgn"));
}

}  // namespace
}  // namespace anchord::phone

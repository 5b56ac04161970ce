// Phones' certificates in devices/: which are found, refused and removed.
#include "anchord/store/device_files.h"

#include <sys/stat.h>

#include "fixture.h"

namespace anchord::store {
namespace {

class DeviceFolder : public StoreTest {
 protected:
  void put(const std::string& name, const crypto::Certificate& certificate) {
    write(name, as_text(certificate.der()));
  }
  void write(const std::string& name, std::string_view content) {
    std::ofstream(dir_ / "devices" / name, std::ios::binary) << content;
  }
  std::vector<DeviceFile> all() { return read_device_files(dir_).value(); }
};

TEST_F(DeviceFolder, FilesAreNamedAsPhonesAre) {
  EXPECT_TRUE(all().empty());
  const auto first = example_certificate("CP-8861-SEP001122334455");
  put("SEP001122334455.pem", first);
  put("00112233445a.pem", example_certificate("any"));
  write("README", "text");
  write(".SEP001122334456.pem", "hidden");
  write("SEP001122334456.pem~", "somebody's");
  write("SEP001122334457.crt", "x");
  auto files = all();
  ASSERT_EQ(files.size(), 3u);
  EXPECT_EQ(files[0].file, "00112233445a.pem");
  EXPECT_EQ(files[0].device, "SEP00112233445A");
  EXPECT_TRUE(files[0].certificate);
  EXPECT_EQ(files[1].device, "SEP001122334455");
  EXPECT_EQ(files[1].certificate, first);
  EXPECT_EQ(files[1].problem, "");
  EXPECT_EQ(files[2].device, "SEP001122334457");
  EXPECT_FALSE(files[2].certificate);
}

TEST_F(DeviceFolder, WhatNamesAPhoneAndIsNotNamedAsItsCertificateIsNamedLast) {
  put("#SEP001122334455.pem#", example_certificate("one"));
  put("SEP001122334455.pem", example_certificate("two"));
  put("phone.pem", example_certificate("CP-8861-SEP00112233445A"));
  put("ca.pem", example_certificate("authority"));
  fs::create_directory(dir_ / "devices/old-SEP000000000003");
  auto files = all();
  ASSERT_EQ(files.size(), 3u);
  EXPECT_EQ(files[0].file, "SEP001122334455.pem");
  EXPECT_TRUE(files[0].certificate);
  EXPECT_EQ(files[1].file, "#SEP001122334455.pem#");
  EXPECT_EQ(files[1].device, "SEP001122334455");
  EXPECT_EQ(files[2].device, "SEP00112233445A");
  EXPECT_EQ(files[2].problem,
            "is not named as a device's certificate is, SEP and twelve digits and .pem: rename it to "
            "'SEP00112233445A.pem', or remove it; without another one nothing new of the configuration of "
            "SEP00112233445A is served");
}

TEST_F(DeviceFolder, WhatNamesAnotherPhoneIsRefusedAndSaysWhatToDo) {
  put("SEP001122334455.pem", example_certificate("CP-8861-SEP00112233445A"));
  auto files = all();
  ASSERT_EQ(files.size(), 1u);
  EXPECT_FALSE(files[0].certificate);
  EXPECT_EQ(files[0].problem,
            "names SEP00112233445A, another phone: name the file after that one, or, where they differ on "
            "purpose, remove it and use 'anchorctl phone add SEP001122334455 --certificate FILE --force'");
}

TEST_F(DeviceFolder, WhatCannotBeReadHasAReason) {
  write("SEP000000000001.pem", "text");
  write("SEP000000000002.pem", std::string(kMaxDeviceFile + 1, 'x'));
  fs::create_directory(dir_ / "devices/SEP000000000003.pem");
  ASSERT_EQ(::mkfifo((dir_ / "devices/SEP000000000004.pem").c_str(), 0600), 0);
  auto files = all();
  ASSERT_EQ(files.size(), 4u);
  for (const DeviceFile& one : files) {
    EXPECT_FALSE(one.certificate) << one.file;
    EXPECT_NE(one.problem, "") << one.file;
  }
}

TEST_F(DeviceFolder, OfTwoForOnePhoneTheFirstIsUsed) {
  const auto first = example_certificate("first");
  put("001122334455.pem", first);
  put("SEP001122334455.pem", example_certificate("second"));
  auto files = all();
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(files[0].certificate, first);
  EXPECT_FALSE(files[1].certificate);
  EXPECT_EQ(files[1].problem, "is not used: '001122334455.pem' is of the same phone; remove one of the two");
}

TEST_F(DeviceFolder, GoesWithThePhone) {
  Store store = open();
  put("SEP001122334455.pem", example_certificate("one"));
  put("001122334455.pem", example_certificate("two"));
  put("SEP001122334455.PEM", example_certificate("three"));
  write("SEP001122334455 and SEP00112233445A.txt", "of both");
  put("SEP00112233445A.pem", example_certificate("other"));
  std::vector<std::string> names{"SEP001122334455", "SEP000000000001"};
  auto refused = remove_phones(store, names);
  ASSERT_FALSE(refused);
  expect_text(refused.error().text, {"no phone 'SEP000000000001'"});
  EXPECT_EQ(all().size(), 6u);
  names.pop_back();
  ASSERT_TRUE(remove_phones(store, names));
  ASSERT_EQ(all().size(), 3u);
  EXPECT_EQ(all()[0].device, "SEP00112233445A");
  EXPECT_EQ(all()[1].file, "SEP001122334455 and SEP00112233445A.txt");
  EXPECT_EQ(audit_entries(store, 1).value()[0].what, "removed phone SEP001122334455");
  EXPECT_FALSE(remove_phones(store, names));
}

TEST_F(DeviceFolder, AFolderThatIsNoneIsEmptyOrNamed) {
  fs::remove(dir_ / "devices");
  EXPECT_TRUE(all().empty());
  std::ofstream(dir_ / "devices") << "a file";
  auto files = read_device_files(dir_);
  ASSERT_FALSE(files);
  expect_text(files.error().text, {"cannot read", "devices"});
}

}  // namespace
}  // namespace anchord::store

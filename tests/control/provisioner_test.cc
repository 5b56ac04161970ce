// The provisioner on a real folder: what it makes, keeps, refuses and forgets.
#include <fmt/core.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "anchord/store/phones.h"
#include "anchord/trust/signed_file.h"
#include "provisioning.h"

namespace anchord::control {
namespace {

TEST_F(Provisioning, SaysHowFarItIs) {
  for (const char* name : {"a", "b", "c"}) write(name, "x");
  provisioner_ = Provisioner::start(options_.state, {.max_file = 1 << 20, .max_folder = 1 << 24},
                                    store::Store::open(options_.state).value())
                     .value();
  EXPECT_EQ(provisioner_->progress(), "");
  set_context();
  EXPECT_EQ(provisioner_->progress(), "signing 3 of 3 files");
  EXPECT_FALSE(provisioner_->at_work());
  EXPECT_EQ(provisioner_->report().made, 3U);
  EXPECT_EQ(provisioner_->report().to_make, 3U);
}

TEST_F(Provisioning, ServesWhatIsThereAtTheStartAndWhatComesAndGoes) {
  write("a.xml", "<a/>");
  write("de/b.xml", "<b/>");
  start();
  EXPECT_EQ(files_.size(), 6u);
  EXPECT_TRUE(serves("de/b.xml.sgn", "<b/>"));
  write("c.xml", "<c/>");
  until([&] { return serves("c.xml.sgn", "<c/>"); });
  write("a.xml", "<a>2</a>");
  until([&] { return serves("a.xml.sgn", "<a>2</a>") && serves("a.xml", "<a>2</a>"); });
  write("new/folder/d.txt", "d");
  until([&] { return serves("new/folder/d.txt", "d"); });
  std::filesystem::remove_all(options_.state / "provisioning/new");
  std::filesystem::remove(options_.state / "provisioning/a.xml");
  until([&] { return files_.size() == 6u; });
  EXPECT_EQ(files_.find("a.xml.sgn"), nullptr);
  EXPECT_EQ(provisioner_->report().files, 2u);
}

TEST_F(Provisioning, ABrokenFileStaysAsItWasAndIsNamed) {
  start();
  write("SEP00112233000A.cnf.xml", "<a>1</a>");
  until([&] { return serves("SEP00112233000A.cnf.xml", "<a>1</a>"); });
  write("SEP00112233000A.cnf.xml", "<a>\n<a>");
  until([&] { return !problem("provisioning/SEP00112233000A.cnf.xml").empty(); });
  EXPECT_NE(problem("provisioning/SEP00112233000A.cnf.xml").find("line 2"), std::string::npos)
      << problem("provisioning/SEP00112233000A.cnf.xml");
  EXPECT_EQ(provisioner_->report().problems.at("provisioning/SEP00112233000A.cnf.xml").served,
            protocol::Served::last_good);
  EXPECT_TRUE(serves("SEP00112233000A.cnf.xml", "<a>1</a>"));
  write("SEP00112233000A.cnf.xml", "<a>1</a>");  // the very same as before
  until([&] { return problem("provisioning/SEP00112233000A.cnf.xml").empty(); });
  write("SEP00112233000B.cnf.xml", "no");
  until([&] { return !problem("provisioning/SEP00112233000B.cnf.xml").empty(); });
  std::filesystem::remove(options_.state / "provisioning/SEP00112233000B.cnf.xml");
  until([&] { return problem("provisioning/SEP00112233000B.cnf.xml").empty(); });
}

TEST_F(Provisioning, SignaturesAreKeptForTheNextStart) {
  for (int i = 0; i < 20; ++i) write("f" + std::to_string(i), std::to_string(i));
  start();
  EXPECT_EQ(provisioner_->report().signatures_made, 40u);
  Buffer header = to_buffer(files_.find("f7.sgn")->body.header.bytes());
  write("f3", "changed");
  until([&] { return serves("f3", "changed"); });
  std::filesystem::remove(options_.state / "provisioning/f4");
  until([&] { return files_.find("f4") == nullptr; });
  start();
  EXPECT_EQ(provisioner_->report().signatures_made, 0u);
  EXPECT_EQ(provisioner_->report().signatures_kept, 38u);
  EXPECT_TRUE(same_bytes(files_.find("f7.sgn")->body.header.bytes(), header));
  EXPECT_EQ(saved_signatures(*store_).value().size(), 38u);
  // What went while nobody looked is forgotten too.
  provisioner_.reset();
  std::filesystem::remove(options_.state / "provisioning/f5");
  start();
  EXPECT_EQ(saved_signatures(*store_).value().size(), 36u);
}

TEST_F(Provisioning, ANewSignerSignsEverythingInOneUpdate) {
  write("SEP00112233000A.cnf.xml", "<a/>");
  write("XMLDefault.cnf.xml", "<Default/>");
  start();
  // Broken on the disk; its last good content is what is signed again.
  write("SEP00112233000A.cnf.xml", "<a>");
  until([&] { return !problem("provisioning/SEP00112233000A.cnf.xml").empty(); });
  other_signer_ = true;
  set_context();
  auto signer = store_->load(store::KeyUse::without_keys).value().cluster.capf.certificate;
  for (const char* name : {"SEP00112233000A.cnf.xml.sgn", "XMLDefault.cnf.xml.sgn"}) {
    const index::FileBody& body = files_.find(name)->body;
    EXPECT_TRUE(trust::verify_header(name, body.header.bytes(), body.content.bytes(), signer)) << name;
  }
  mode_ = trust::Mode::mixed;
  set_context();
  EXPECT_EQ(files_.find("XMLDefault.cnf.xml"), nullptr);
  EXPECT_EQ(files_.find("XMLDefault.cnf.xml.sgn"), nullptr);
  EXPECT_NE(files_.find("SEP00112233000A.cnf.xml.sgn"), nullptr);
  mode_ = trust::Mode::nonsecure;
  set_context();
  EXPECT_TRUE(serves("XMLDefault.cnf.xml.sgn", "<Default/>"));
}

TEST_F(Provisioning, ADevicesCertificateComesAndGoes) {
  const std::string file = "SEP001122334455.cnf.xml";
  write(file, as_text(test_file(file)));
  start();
  EXPECT_EQ(files_.find(file + ".enc.sgn"), nullptr);
  EXPECT_NE(files_.find(file), nullptr);
  std::filesystem::path pem = options_.state / "devices/SEP001122334455.pem";
  std::filesystem::copy_file(std::string(ANCHORD_TEST_DATA) + "/certs/phone.crt", pem);
  until([&] { return files_.find(file + ".enc.sgn") != nullptr; });
  EXPECT_EQ(files_.find(file), nullptr);
  // A broken one does not end the encryption.
  std::ofstream(pem) << "broken";
  until([&] { return !problem("devices/SEP001122334455.pem").empty(); });
  EXPECT_EQ(files_.find(file), nullptr);
  EXPECT_NE(files_.find(file + ".enc.sgn"), nullptr);
  start();
  EXPECT_EQ(files_.find(file), nullptr);
  EXPECT_EQ(files_.find(file + ".sgn"), nullptr);
  EXPECT_EQ(problem("provisioning/" + file),
            "cannot be encrypted: the certificate of SEP001122334455 cannot be used");
  EXPECT_EQ(served("provisioning/" + file), protocol::Served::nothing);
  std::filesystem::remove(pem);
  until([&] { return files_.find(file) != nullptr; });
  EXPECT_EQ(files_.find(file + ".enc.sgn"), nullptr);
  until([&] { return provisioner_->report().problems.empty(); });
  // The store's own word.
  trust::Phone phone{.name = "SEP001122334455", .certificate = test_certificate("phone")};
  ASSERT_TRUE(put_phones(*store_, {&phone, 1}));
  set_context();
  EXPECT_NE(files_.find(file + ".enc.sgn"), nullptr);
  EXPECT_EQ(files_.find(file), nullptr);
}

TEST_F(Provisioning, ACertificateThatNamesAnotherPhoneIsRefused) {
  const std::string file = "SEP00112233445A.cnf.xml";
  write(file, "<device/>");
  write("../devices/SEP00112233445A.pem", as_text(test_file("certs/phone.crt")));
  start();
  EXPECT_EQ(problem("devices/SEP00112233445A.pem"),
            "names SEP001122334455, another phone: name the file after that one, or, where they differ on "
            "purpose, remove it and use 'anchorctl phone add SEP00112233445A --certificate FILE --force'");
  EXPECT_EQ(files_.find(file), nullptr);  // meant to be encrypted, so no secret goes out
  EXPECT_EQ(files_.find(file + ".enc.sgn"), nullptr);
  // By command it is taken.
  std::filesystem::remove(options_.state / "devices/SEP00112233445A.pem");
  trust::Phone phone{.name = "SEP00112233445A", .certificate = test_certificate("phone")};
  ASSERT_TRUE(put_phones(*store_, {&phone, 1}));
  set_context();
  until([&] { return files_.find(file + ".enc.sgn") != nullptr && provisioner_->report().problems.empty(); });
  EXPECT_EQ(files_.find(file), nullptr);
}

TEST_F(Provisioning, OneCertificateOfTwoPhonesIsWarnedOf) {
  const std::string shared =
      "is the certificate of {}, too: whoever has its key can read the configurations of both; give each "
      "phone its own";
  write("../devices/SEP000000000002.pem", as_text(test_file("certs/capf.crt")));
  start();
  EXPECT_TRUE(provisioner_->report().warnings.empty());
  write("../devices/SEP000000000001.pem", as_text(test_file("certs/capf.crt")));
  until([&] { return provisioner_->report().warnings.size() == 2; });
  EXPECT_EQ(warning("devices/SEP000000000001.pem"), fmt::format(fmt::runtime(shared), "SEP000000000002"));
  EXPECT_EQ(warning("devices/SEP000000000002.pem"), fmt::format(fmt::runtime(shared), "SEP000000000001"));
  std::filesystem::remove(options_.state / "devices/SEP000000000001.pem");
  until([&] { return provisioner_->report().warnings.empty(); });
  // One that was given by command counts too.
  trust::Phone phone{.name = "SEP000000000003", .certificate = test_certificate("capf")};
  ASSERT_TRUE(put_phones(*store_, {&phone, 1}));
  set_context();
  until([&] { return provisioner_->report().warnings.size() == 1; });
  EXPECT_EQ(warning("devices/SEP000000000002.pem"), fmt::format(fmt::runtime(shared), "SEP000000000003"));
}

TEST_F(Provisioning, OfTwoCertificatesForOnePhoneTheFirstIsUsedAndTheOtherTakesItsPlace) {
  const std::string file = "SEP001122334455.cnf.xml";
  write(file, "<device/>");
  write("../devices/SEP001122334455.pem", as_text(test_file("certs/phone.crt")));
  start();
  write("../devices/001122334455.pem", as_text(test_file("certs/app-ec.crt")));  // encrypts nothing
  until([&] { return !problem("devices/SEP001122334455.pem").empty() && serves(file, "<device/>"); });
  EXPECT_EQ(problem("devices/SEP001122334455.pem"),
            "is not used: '001122334455.pem' is of the same phone; remove one of the two");
  EXPECT_EQ(problem("devices/001122334455.pem"), "");
  std::filesystem::remove(options_.state / "devices/001122334455.pem");
  until([&] { return files_.find(file) == nullptr; });
  EXPECT_NE(files_.find(file + ".enc.sgn"), nullptr);
  EXPECT_EQ(problem("devices/SEP001122334455.pem"), "");
}

TEST_F(Provisioning, ACertificateThatWasNeverGoodLeavesWhatWasServedAndSaysSo) {
  const std::string file = "SEP001122334455.cnf.xml";
  write(file, as_text(test_file(file)));
  start();
  std::ofstream(options_.state / "devices/SEP001122334455.pem") << std::string(70'000, 'x');
  until([&] { return !problem("provisioning/" + file).empty(); });
  EXPECT_EQ(problem("devices/SEP001122334455.pem"),
            "has 70000 bytes; the limit is 65536 (of a file with a certificate)");
  EXPECT_EQ(
      problem("provisioning/" + file),
      "cannot be encrypted: the certificate of SEP001122334455 cannot be used, and its last good version "
      "is not encrypted either");
  EXPECT_EQ(served("provisioning/" + file), protocol::Served::last_good);
  EXPECT_NE(files_.find(file), nullptr);
  // The file itself is good, and after a restart none of its secrets go out.
  stop();
  EXPECT_FALSE(std::filesystem::exists(copy()));
  start();
  EXPECT_EQ(files_.size(), 0u);
}

TEST_F(Provisioning, AFileIsLookedAtForAsLongAsItIsUnfinished) {
  // No look at everything finds it meanwhile.
  start({.max_file = 1 << 20, .max_folder = 1 << 24, .rescan = 1000 * time_bound()});
  write("other", "x");
  std::filesystem::path path = options_.state / "provisioning/a";
  // It is told of when it is linked. That it was closed outside of the folder is not.
  std::ofstream writer(options_.state / "a");
  writer << "whole" << std::flush;
  std::filesystem::create_hard_link(options_.state / "a", path);
  until([&] { return serves("other", "x"); });
  // Where looks come at once they are behind the first few by then, and come at long intervals.
  ::poll(nullptr, 0, 1'500);
  EXPECT_EQ(files_.find("a"), nullptr);
  writer.close();
  until([&] { return serves("a", "whole"); });
}

TEST_F(Provisioning, ABrokenFilesLastGoodVersionIsServedAfterARestart) {
  write("de/SEP00112233000A.cnf.xml", "<a>1</a>");
  write("b.txt", "b");
  start();
  EXPECT_FALSE(std::filesystem::exists(copy()));
  write("de/SEP00112233000A.cnf.xml", "<a>");
  until([&] { return !problem("provisioning/de/SEP00112233000A.cnf.xml").empty(); });
  stop();
  EXPECT_EQ(as_text(read_file(copy("de/SEP00112233000A.cnf.xml"), 100).value()), "<a>1</a>");
  EXPECT_FALSE(std::filesystem::exists(copy("b.txt")));
  for (const char* folder : {"", "de"})
    EXPECT_EQ(std::filesystem::status(copy(folder)).permissions(), std::filesystem::perms::owner_all)
        << folder;
  EXPECT_EQ(std::filesystem::status(copy("de/SEP00112233000A.cnf.xml")).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  for (int i = 0; i < 2; ++i) {
    start();
    EXPECT_TRUE(serves("de/SEP00112233000A.cnf.xml.sgn", "<a>1</a>"));
    EXPECT_EQ(served("provisioning/de/SEP00112233000A.cnf.xml"), protocol::Served::last_good);
    EXPECT_EQ(provisioner_->report().signatures_made, 0u);
  }
  write("de/SEP00112233000A.cnf.xml", "<a>2</a>");
  until([&] {
    return serves("de/SEP00112233000A.cnf.xml.sgn", "<a>2</a>") &&
           problem("provisioning/de/SEP00112233000A.cnf.xml").empty();
  });
  EXPECT_FALSE(std::filesystem::exists(copy()));
}

TEST_F(Provisioning, ACopyGoesWithItsFile) {
  for (const char* name : {"SEP00112233000A.cnf.xml", "SEP00112233000B.cnf.xml", "SEP00112233000C.cnf.xml"})
    write(name, "<a/>");
  start();
  for (const char* name : {"SEP00112233000A.cnf.xml", "SEP00112233000B.cnf.xml", "SEP00112233000C.cnf.xml"})
    write(name, "no");
  until([&] {
    return std::filesystem::exists(copy("SEP00112233000A.cnf.xml")) &&
           std::filesystem::exists(copy("SEP00112233000B.cnf.xml")) &&
           std::filesystem::exists(copy("SEP00112233000C.cnf.xml"));
  });
  std::filesystem::remove(options_.state / "provisioning/SEP00112233000A.cnf.xml");
  until([&] {
    return files_.find("SEP00112233000A.cnf.xml") == nullptr &&
           !std::filesystem::exists(copy("SEP00112233000A.cnf.xml"));
  });
  // While nobody looks; and mended to what it was.
  stop();
  std::filesystem::remove(options_.state / "provisioning/SEP00112233000B.cnf.xml");
  write("SEP00112233000C.cnf.xml", "<a/>");
  start();
  EXPECT_EQ(files_.find("SEP00112233000B.cnf.xml"), nullptr);
  EXPECT_TRUE(serves("SEP00112233000C.cnf.xml", "<a/>"));
  EXPECT_FALSE(std::filesystem::exists(copy()));
}

TEST_F(Provisioning, ACopyOfADevicesFileIsEncryptedTooOrNotServed) {
  const std::string file = "SEP001122334455.cnf.xml";
  std::filesystem::path pem = options_.state / "devices/SEP001122334455.pem";
  write(file, as_text(test_file(file)));
  start();
  write(file, "<broken");
  until([&] { return std::filesystem::exists(copy(file)); });
  stop();
  std::filesystem::copy_file(std::string(ANCHORD_TEST_DATA) + "/certs/phone.crt", pem);
  start();
  EXPECT_EQ(files_.find(file), nullptr);
  EXPECT_NE(files_.find(file + ".enc.sgn"), nullptr);
  stop();
  std::ofstream(pem) << "broken";
  start();
  EXPECT_EQ(files_.size(), 0u);
  EXPECT_EQ(served("provisioning/" + file), protocol::Served::nothing);
  EXPECT_NE(problem("provisioning/" + file).find("not well-formed"), std::string::npos);
  EXPECT_NE(
      problem("provisioning/" + file).find("nor can its last good version be served: cannot be encrypted"),
      std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(copy(file)));
}

TEST_F(Provisioning, WhenACopyCannotBeKeptThatIsSaidAndNothingElseSuffers) {
  // No folder can be made there.
  std::ofstream(copy()) << "a file";
  write("SEP00112233000A.cnf.xml", "<a>1</a>");
  start();
  write("SEP00112233000A.cnf.xml", "<a>");
  until([&] { return !problem("last-good/SEP00112233000A.cnf.xml").empty(); });
  EXPECT_EQ(problem("last-good/SEP00112233000A.cnf.xml").find("cannot be kept for after a restart: "), 0u);
  EXPECT_TRUE(serves("SEP00112233000A.cnf.xml", "<a>1</a>"));
  write("SEP00112233000B.cnf.xml", "<b/>");
  until([&] { return serves("SEP00112233000B.cnf.xml.sgn", "<b/>"); });
  std::filesystem::remove(copy());
  provisioner_->rescan();
  until([&] {
    return problem("last-good/SEP00112233000A.cnf.xml").empty() &&
           std::filesystem::exists(copy("SEP00112233000A.cnf.xml"));
  });
  write("SEP00112233000A.cnf.xml", "<a>2</a>");
  until([&] { return serves("SEP00112233000A.cnf.xml", "<a>2</a>"); });
  EXPECT_TRUE(provisioner_->report().problems.empty());
}

TEST_F(Provisioning, OddXmlIsServedAndWarnedOf) {
  start();
  write("dictionary.xml", "<a>\n\x1f</a>");
  until([&] { return serves("dictionary.xml.sgn", "<a>\n\x1f</a>"); });
  EXPECT_EQ(warning("provisioning/dictionary.xml"),
            "has what XML does not allow: line 2, column 1: a control character (0x1F)");
  EXPECT_TRUE(provisioner_->report().problems.empty());
  write("dictionary.xml", "<a/>");
  until([&] { return warning("provisioning/dictionary.xml").empty(); });
}

TEST_F(Provisioning, WhatOthersSignedIsServedWhereNothingIsSignedHere) {
  const std::string firmware(as_text(test_file("foreign/SIP69xx.9-4-1-3SR3.zz.sgn")));
  write("SIP69xx.zz.sgn", firmware);
  start();
  EXPECT_TRUE(serves("SIP69xx.zz.sgn", firmware));
  EXPECT_EQ(files_.size(), 1u);
  EXPECT_TRUE(provisioner_->report().problems.empty());
  EXPECT_EQ(provisioner_->report().signatures_made, 0u);
  // The place of what is signed here is given up, and taken again.
  write("SIP69xx.zz", "plain");
  until([&] { return serves("SIP69xx.zz.sgn", "plain") && !problem("provisioning/SIP69xx.zz.sgn").empty(); });
  EXPECT_NE(problem("provisioning/SIP69xx.zz.sgn").find("'SIP69xx.zz' lies beside it"), std::string::npos);
  EXPECT_EQ(provisioner_->report().files, 1u);
  std::filesystem::remove(options_.state / "provisioning/SIP69xx.zz");
  until([&] { return serves("SIP69xx.zz.sgn", firmware) && problem("provisioning/SIP69xx.zz.sgn").empty(); });
  EXPECT_EQ(files_.size(), 1u);
  start();
  EXPECT_TRUE(serves("SIP69xx.zz.sgn", firmware));
}

// Of a phone whose configuration goes out encrypted, however a copy is called.
TEST_F(Provisioning, CopiesOfAnEncryptedConfigurationAreNotServed) {
  const std::string file = "SEP001122334455.cnf.xml";
  const std::string content(as_text(test_file(file)));
  std::filesystem::path pem = options_.state / "devices/SEP001122334455.pem";
  write(file, content);
  write(file + ".bak", content);
  write("old/BAK_" + file + "_", "<device/>");
  write("saved.orig", content.substr(0, content.size() / 2) + content.substr(content.size() / 2));
  write("SEP001122334455.png", "\x89PNG");
  write("rings/SEP001122334455.xml", "<ringlist/>");
  write("other.xml", "<device><sshPassword>another</sshPassword></device>");
  start();
  EXPECT_TRUE(serves(file + ".bak", content));  // as the configuration is
  EXPECT_TRUE(serves("saved.orig", content));
  std::filesystem::copy_file(std::string(ANCHORD_TEST_DATA) + "/certs/phone.crt", pem);
  until([&] { return files_.find(file + ".enc.sgn") != nullptr && files_.find("saved.orig") == nullptr; });
  files_.for_each([&](const index::FileEntry& entry) {
    EXPECT_EQ(as_text(entry.body.content.bytes()).find("not-a-real-password"), std::string_view::npos)
        << entry.name;
  });
  for (const std::string& copy : {file + ".bak", "old/BAK_" + file + "_", std::string("saved.orig"),
                                  std::string("SEP001122334455.png")}) {
    EXPECT_EQ(files_.find(copy), nullptr) << copy;
    EXPECT_EQ(files_.find(copy + ".sgn"), nullptr) << copy;
    EXPECT_TRUE(
        problem("provisioning/" + copy).starts_with("is a copy of the configuration of SEP001122334455"))
        << copy << problem("provisioning/" + copy);
    EXPECT_EQ(served("provisioning/" + copy), protocol::Served::nothing) << copy;
  }
  EXPECT_NE(files_.find("rings/SEP001122334455.xml"), nullptr);
  EXPECT_NE(files_.find("other.xml"), nullptr);
  // One that comes later, changed, and one that is there at the start.
  write("later.txt", "\n<device><x/><sshPassword>not-a-real-password</sshPassword><cut>");
  until([&] { return !problem("provisioning/later.txt").empty(); });
  EXPECT_EQ(files_.find("later.txt"), nullptr);
  start();
  EXPECT_EQ(files_.find("later.txt"), nullptr);
  EXPECT_EQ(files_.find("saved.orig.sgn"), nullptr);
  // Without the certificate everything is in the clear again.
  std::filesystem::remove(pem);
  until([&] {
    return serves(file, content) && serves("saved.orig.sgn", content) && serves(file + ".bak", content);
  });
  until([&] { return provisioner_->report().problems.empty(); });
}

// Nor is one that is no document any more.
TEST_F(Provisioning, CopiesAreToldByWhatIsLeftOfThem) {
  const std::string file = "SEP001122334455.cnf.xml";
  const std::string content(as_text(test_file("copies/phone.cnf.xml")));
  const std::string secret = content.substr(content.find("<sshPassword>"), 60);
  std::string wide;
  for (char c : content) wide += {c, '\0'};
  write(file, content);
  write("../devices/SEP001122334455.pem", as_text(test_file("certs/phone.crt")));
  const std::map<std::string, std::string> copies{
      {"cut.txt", content.substr(0, 250)},
      {"tail.txt", content.substr(content.find("<sshPassword>"))},
      {"twice.xml", content + content},
      {"broken.xml", "<device><a></b>" + secret},
      {"other-root.xml", "<old>" + content.substr(content.find("<device>")) + "</old>"},
      {"rings.xml", "<ringlist>" + secret + "</ringlist>"},
      {"mark.xml", "\xef\xbb\xbf" + content},
      {"swap", std::string("b0VIM 8.2\0\0\0", 12) + content},
      {"wide.xml", "\xff\xfe" + wide},
      {"wide.bin", wide.substr(3)},
      {"XMLDefault.cnf.xml", content},
      {"packed.gz", std::string(as_text(test_file("copies/phone.tar.gz")))},
      {"packed.jar", std::string(as_text(test_file("copies/phone.zip")))},
      {"packed.bz2", std::string(as_text(test_file("copies/phone.cnf.xml.bz2")))},
      {"backup.SEP-00-11-22-33-44-55", "of another time"},
      {"001122334455.xml", "<old><sshPassword>of another time</sshPassword></old>"}};
  for (const auto& [name, copy] : copies) write(name, copy);
  // Their passwords are their own.
  const std::string other =
      "<device><sipProfile/><sshPassword>other</sshPassword><x>" + secret.substr(13, 10);
  write("template.xml", other);
  write("SEP001122334466.cnf.xml", "<device><sshPassword>only-for-tests-4711</sshPassword></device>");
  write("directory.xml", "<CiscoIPPhoneDirectory><contact>c0ffee-1001</contact></CiscoIPPhoneDirectory>");
  start();
  for (const auto& [name, copy] : copies) {
    EXPECT_EQ(files_.find(name), nullptr) << name;
    EXPECT_EQ(files_.find(name + ".sgn"), nullptr) << name;
    EXPECT_TRUE(problem("provisioning/" + name)
                    .starts_with(name == "packed.bz2" ? "is packed (bzip2), so that nobody sees here"
                                                      : "is a copy of the configuration of SEP001122334455"))
        << name << " " << problem("provisioning/" + name);
  }
  EXPECT_TRUE(serves("template.xml.sgn", other));
  // Only its beginning is left of the password.
  write("half.txt", content.substr(0, content.find("4711")));
  until([&] { return problem("provisioning/half.txt").starts_with("ends within a password or the like"); });
  EXPECT_EQ(files_.find("half.txt"), nullptr);
  std::filesystem::remove(options_.state / "provisioning/half.txt");
  until([&] { return problem("provisioning/half.txt").empty(); });
  EXPECT_NE(files_.find("SEP001122334466.cnf.xml"), nullptr);
  EXPECT_NE(files_.find("directory.xml"), nullptr);
  EXPECT_EQ(provisioner_->report().problems.size(), copies.size());
  // What is odd in those matters no more; the template is not well-formed.
  EXPECT_EQ(provisioner_->report().warnings.size(), 1u);
  EXPECT_NE(warning("provisioning/template.xml"), "");
}

// Its configuration may be what lies there under another name.
TEST_F(Provisioning, WhileAPhoneHasNoConfigurationNobodysIsServed) {
  const std::string file = "SEP001122334455.cnf.xml";
  const std::string content(as_text(test_file("copies/phone.cnf.xml")));
  write(file, content);
  write("../devices/SEP001122334455.pem", as_text(test_file("certs/phone.crt")));
  start();
  std::filesystem::rename(options_.state / "provisioning" / file, options_.state / "provisioning/moved.xml");
  until([&] { return files_.find(file + ".sgn") == nullptr && !problem("provisioning/moved.xml").empty(); });
  const std::string reason =
      "holds a configuration with secrets, perhaps that of SEP001122334455, which goes out encrypted and has "
      "none here, and is not served in the clear: rename it, or keep it outside of the folder";
  until([&] { return problem("provisioning/moved.xml") == reason; });
  EXPECT_EQ(files_.find("moved.xml"), nullptr);
  // Other kinds of devices ask for such a name; a phone does not for that one.
  write("ATA001122334466.cnf.xml", "<device><sshPassword>another</sshPassword></device>");
  write("ringlist.xml", "<CiscoIPPhoneRingList/>");
  for (int i = 0; i < 2; ++i) {
    start();
    EXPECT_EQ(files_.find("moved.xml"), nullptr);
    EXPECT_EQ(problem("provisioning/moved.xml"), reason);
    EXPECT_NE(files_.find("ATA001122334466.cnf.xml"), nullptr);
    EXPECT_NE(files_.find("ringlist.xml"), nullptr);
    // The same of one whose certificate cannot be used.
    write("../devices/SEP001122334455.pem", "broken");
  }
  std::filesystem::remove(options_.state / "devices/SEP001122334455.pem");
  until([&] { return serves("moved.xml.sgn", content) && provisioner_->report().problems.empty(); });
}

// Whoever puts it there means that the phone's configuration is to be encrypted.
TEST_F(Provisioning, WhatNamesAPhoneAmongTheCertificatesAndCannotBeTakenKeepsItsSecretsHere) {
  const std::string file = "SEP001122334455.cnf.xml";
  const std::string pem(as_text(test_file("certs/phone.crt")));  // names the phone
  write(file, "<device/>");
  write("SEP00112233445A.cnf.xml", "<device/>");
  const std::string misnamed =
      "is not named as a device's certificate is, SEP and twelve digits and .pem: rename it to "
      "'SEP001122334455.pem', or remove it; without another one nothing new of the configuration of "
      "SEP001122334455 is served";
  for (const auto& [name, content, reason] : std::vector<std::array<std::string, 3>>{
           {"SEP001122334455.PEM", pem, misnamed},
           {"sep001122334455.Pem", "", misnamed},
           {"SEP001122334455.crt", pem, misnamed},
           {"SEP001122334455", pem, misnamed},
           {"SEP001122334455.pem.bak", "old", misnamed},
           {"00-11-22-33-44-55.pem", pem, misnamed},
           {"CP-8861-SEP001122334455.pem", pem, misnamed},
           {"#SEP001122334455.pem#", "", misnamed},
           {"old/SEP001122334455.pem", pem, misnamed},
           {"SEP001122334455.pem/certificate", pem, misnamed},
           {"phone.pem", pem, misnamed},
           {"SEP001122334455.pem", pem + pem,
            "cannot be used: 2 certificates where one must be: split the file"}}) {
    write("../devices/" + name, content);
    start();
    EXPECT_EQ(files_.find(file), nullptr) << name;
    EXPECT_NE(files_.find("SEP00112233445A.cnf.xml"), nullptr) << name;
    EXPECT_EQ(problem("provisioning/" + file),
              "cannot be encrypted: the certificate of SEP001122334455 cannot be used")
        << name;
    EXPECT_EQ(problem("devices/" + name), reason);
    std::filesystem::remove_all(options_.state / "devices" / name.substr(0, name.find('/')));
    until([&] { return serves(file, "<device/>") && provisioner_->report().problems.empty(); });
  }
  std::filesystem::create_directory(options_.state / "devices/SEP001122334455.pem");
  start();
  EXPECT_EQ(files_.find(file), nullptr);
  EXPECT_EQ(problem("devices/SEP001122334455.pem"), "is a folder");
  std::filesystem::remove(options_.state / "devices/SEP001122334455.pem");
  until([&] { return serves(file, "<device/>") && provisioner_->report().problems.empty(); });
  // It names nobody.
  write("../devices/ca.pem", as_text(test_file("certs/capf.crt")));
  start();
  EXPECT_EQ(problem("devices/ca.pem"),
            "is not named as a device's certificate is, SEP and twelve digits and .pem");
  EXPECT_TRUE(serves(file, "<device/>"));
}

TEST_F(Provisioning, AGoodCertificateThatIsRenamedStays) {
  const std::string file = "SEP001122334455.cnf.xml";
  const std::filesystem::path devices = options_.state / "devices";
  write(file, as_text(test_file(file)));
  write("../devices/SEP001122334455.pem", as_text(test_file("certs/phone.crt")));
  start({.max_file = 1 << 20, .max_folder = 1 << 24, .hold_removals = 100});
  // Beside a good one another does no harm.
  write("../devices/SEP001122334455.pem.old", "old");
  until([&] { return !problem("devices/SEP001122334455.pem.old").empty(); });
  EXPECT_EQ(served("devices/SEP001122334455.pem.old"), protocol::Served::nothing);
  std::filesystem::remove(devices / "SEP001122334455.pem.old");
  until([&] { return provisioner_->report().problems.empty(); });
  std::filesystem::rename(devices / "SEP001122334455.pem", devices / "SEP001122334455.PEM");
  until([&] { return served("devices/SEP001122334455.PEM") == protocol::Served::last_good; });
  write(file, "<device><new/></device>");
  write("tick", "x");
  until([&] { return serves("tick", "x"); });
  EXPECT_EQ(files_.find(file), nullptr);
  EXPECT_NE(files_.find(file + ".enc.sgn"), nullptr);
  std::filesystem::remove(devices / "SEP001122334455.PEM");
  until([&] { return serves(file, "<device><new/></device>"); });
}

TEST_F(Provisioning, ACertificateThatGoesWithItsConfigurationNeverGoesFirst) {
  const std::string file = "SEP001122334455.cnf.xml";
  write(file, as_text(test_file(file)));
  for (int i = 0; i < 30; ++i) write("f" + std::to_string(i), "x");
  write("../devices/SEP001122334455.pem", as_text(test_file("certs/phone.crt")));
  start({.max_file = 1 << 20, .max_folder = 1 << 24, .hold_removals = 3'600'000});
  // The files are held, and one certificate is not many.
  std::filesystem::remove(options_.state / "provisioning" / file);
  for (int i = 0; i < 30; ++i)
    std::filesystem::remove(options_.state / "provisioning" / ("f" + std::to_string(i)));
  std::filesystem::remove(options_.state / "devices/SEP001122334455.pem");
  until([&] {
    return provisioner_->report().held.files == 31 && provisioner_->report().gone_certificates == 1;
  });
  ::poll(nullptr, 0, static_cast<int>(Removals::kSettle) + 500);
  write("tick", "x");
  until([&] { return serves("tick", "x"); });
  EXPECT_EQ(files_.find(file), nullptr);
  EXPECT_NE(files_.find(file + ".enc.sgn"), nullptr);
  EXPECT_EQ(provisioner_->report().gone_certificates, 1u);
  provisioner_->confirm_removals();
  until([&] {
    return files_.find(file + ".enc.sgn") == nullptr && provisioner_->report().gone_certificates == 0;
  });
  EXPECT_EQ(files_.find(file), nullptr);
}

TEST_F(Provisioning, ManyRemovalsAreHeldUntilTheyAreConfirmed) {
  for (int i = 0; i < 60; ++i) write("f" + std::to_string(i), "x");
  start({.max_file = 1 << 20, .max_folder = 1 << 24, .hold_removals = 3'600'000});
  std::filesystem::remove(options_.state / "provisioning/f0");
  until([&] { return files_.find("f0") == nullptr; });
  for (int i = 10; i < 60; ++i)
    std::filesystem::remove(options_.state / "provisioning" / ("f" + std::to_string(i)));
  until([&] { return provisioner_->report().held.files == 50; });
  EXPECT_NE(provisioner_->report().held.until, 0);
  EXPECT_TRUE(serves("f10", "x"));
  write("f10", "back");
  until([&] { return serves("f10.sgn", "back") && provisioner_->report().held.files == 49; });
  provisioner_->confirm_removals();
  until([&] { return files_.find("f59") == nullptr; });
  EXPECT_EQ(provisioner_->report().held.files, 0u);
  EXPECT_EQ(provisioner_->report().files, 10u);
  EXPECT_TRUE(serves("f10", "back"));
}

TEST_F(Provisioning, ManyDevicesCertificatesAreHeldToo) {
  const std::string pem(as_text(test_file("certs/capf.crt")));  // names no phone
  auto name = [](int i) { return fmt::format("SEP0011223300{:02X}", i); };
  for (int i = 0; i < 25; ++i) {
    write(name(i) + ".cnf.xml", "<device/>");
    write("../devices/" + name(i) + ".pem", pem);
  }
  start({.max_file = 1 << 20, .max_folder = 1 << 24, .hold_removals = 3'600'000});
  EXPECT_EQ(files_.find(name(3) + ".cnf.xml"), nullptr);
  for (int i = 0; i < 25; ++i) std::filesystem::remove(options_.state / "devices" / (name(i) + ".pem"));
  until([&] { return provisioner_->report().held.certificates == 25; });
  EXPECT_NE(files_.find(name(3) + ".cnf.xml.enc.sgn"), nullptr);
  EXPECT_EQ(files_.find(name(3) + ".cnf.xml"), nullptr);
  provisioner_->confirm_removals();
  until([&] { return serves(name(24) + ".cnf.xml", "<device/>"); });
  EXPECT_EQ(provisioner_->report().held.certificates, 0u);
}

// Root reads everything, but for a thread that has given that up: the service's threads
// begin with what this one has.
class WithoutOverride {
 public:
  WithoutOverride() {
    ::syscall(SYS_capget, &head_, before_.data());
    auto less = before_;
    less[0].effective &= ~(1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH);
    ::syscall(SYS_capset, &head_, less.data());
  }
  ~WithoutOverride() { ::syscall(SYS_capset, &head_, before_.data()); }
  WithoutOverride(const WithoutOverride&) = delete;
  WithoutOverride& operator=(const WithoutOverride&) = delete;

 private:
  __user_cap_header_struct head_{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> before_{};
};

// It would look as if no phone had a certificate.
TEST_F(Provisioning, NothingStartsWithAFolderThatMayBeListedAndNotEntered) {
  WithoutOverride without;
  const std::filesystem::path devices = options_.state / "devices";
  std::filesystem::permissions(devices, std::filesystem::perms::owner_read);
  auto started = Provisioner::start(options_.state, {.max_file = 1 << 20, .max_folder = 1 << 24},
                                    store::Store::open(options_.state).value());
  std::filesystem::permissions(devices, std::filesystem::perms::owner_all);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().text, "cannot open the folder '" + devices.string() + "': Permission denied");
}

TEST_F(Provisioning, AFolderThatCannotBeLookedIntoIsOneProblem) {
  WithoutOverride without;
  for (int i = 0; i < 50; ++i) write("de/f" + std::to_string(i), "x");
  start();
  const std::filesystem::path folder = options_.state / "provisioning/de";
  for (auto mode : {std::filesystem::perms::none, std::filesystem::perms::owner_read}) {
    std::filesystem::permissions(folder, mode);
    provisioner_->rescan();
    until([&] { return !problem("provisioning/de").empty(); });
    EXPECT_EQ(problem("provisioning/de"), "cannot be read: Permission denied");
    EXPECT_EQ(served("provisioning/de"), protocol::Served::last_good);
    for (int look = 0; look < 3; ++look) {
      provisioner_->rescan();
      write("tick", std::to_string(look));
      until([&] { return serves("tick", std::to_string(look)); });
      EXPECT_EQ(provisioner_->report().problems.size(), 1u);
      EXPECT_TRUE(serves("de/f49.sgn", "x"));
    }
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all);
    provisioner_->rescan();
    until([&] { return provisioner_->report().problems.empty(); });
    EXPECT_TRUE(serves("de/f49.sgn", "x"));
  }
}

TEST_F(Provisioning, LimitsNameWhatIsBeyondThem) {
  write("large", std::string(2000, 'x'));
  write("a", std::string(900, 'x'));
  write("b", std::string(900, 'x'));
  start({.max_file = 1000, .max_folder = 1500});
  EXPECT_EQ(problem("provisioning/large"), "has 2000 bytes; the limit is 1000 (--max-file-size)");
  // Whichever came second.
  EXPECT_EQ(problem("provisioning/a") + problem("provisioning/b"),
            "would take the folder beyond 1500 bytes (--max-folder-size)");
  EXPECT_NE(files_.find("a.sgn") == nullptr, files_.find("b.sgn") == nullptr);
  EXPECT_EQ(files_.size(), 3u);
}

TEST_F(Provisioning, AFullDiskUnderTheCacheCostsOnlyTheCache) {
  start();
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  // Nothing can be written beyond that: enough for a small file, not for the database.
  rlimit small{.rlim_cur = 4096, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  write("a", "x");
  until([&] { return serves("a.sgn", "x") && !provisioner_->report().cache_problem.empty(); });
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  write("b", "y");
  until([&] { return serves("b.sgn", "y") && provisioner_->report().cache_problem.empty(); });
  EXPECT_EQ(saved_signatures(*store_).value().size(), 4u);
}

}  // namespace
}  // namespace anchord::control

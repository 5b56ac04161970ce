// The provisioner on a real folder: what it makes, keeps, refuses and forgets.
#include "provisioner.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>

#include "../time_bound.h"
#include "anchord/trust/signed_file.h"
#include "state.h"

namespace anchord::control {
namespace {

// Ends a test that hangs; nothing here is timed.

class Provisioning : public State {
 protected:
  void SetUp() override {
    State::SetUp();
    ::signal(SIGIO, SIG_IGN);
    store_.emplace(make_store());
  }
  void TearDown() override {
    provisioner_.reset();
    State::TearDown();
  }

  void start(ProvisioningLimits limits = {.max_file = 1 << 20, .max_folder = 1 << 24}) {
    provisioner_.reset();
    files_ = {};
    provisioner_ =
        Provisioner::start(options_.state, limits, store::Store::open(options_.state).value()).value();
    set_context();
  }
  void set_context() {
    auto cluster = store_->load(store::KeyUse::with_keys).value().cluster;
    auto context =
        std::make_shared<ProvisioningContext>(ProvisioningContext{.generation = ++generation_,
                                                                  .signer = cluster.tftp,
                                                                  .recovery = cluster.recovery.certificate,
                                                                  .mode = mode_});
    if (other_signer_) context->signer = {cluster.capf.certificate, cluster.capf.key};
    for (const trust::Phone& phone : cluster.phones) context->devices.emplace(phone.name, phone.certificate);
    provisioner_->set_context(context);
    until([&] { return generation_ == seen_; });
  }
  // Takes updates until that is so.
  template <class Condition>
  void until(Condition&& condition) {
    Millis end = monotonic_now() + time_bound();
    while (!condition()) {
      ASSERT_LT(monotonic_now(), end) << "waited in vain";
      pollfd waiting{provisioner_->descriptor(), POLLIN, 0};
      ::poll(&waiting, 1, 20);
      while (auto update = provisioner_->take()) {
        EXPECT_GE(update->generation, seen_);
        seen_ = update->generation;
        files_ = files_.with(update->changes);
      }
    }
  }
  void write(const std::string& name, std::string_view text) {
    std::filesystem::path path = options_.state / "provisioning" / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  bool serves(const std::string& name, std::string_view text) {
    const index::FileEntry* file = files_.find(name);
    return file != nullptr && as_text(file->body.content.bytes()) == text;
  }
  std::string problem(const std::string& file) {
    auto report = provisioner_->report();
    auto found = report.problems.find(file);
    return found == report.problems.end() ? "" : found->second.reason;
  }
  std::optional<Provisioner::Served> served(const std::string& file) {
    auto report = provisioner_->report();
    auto found = report.problems.find(file);
    return found == report.problems.end() ? std::nullopt : std::optional(found->second.served);
  }
  std::filesystem::path copy(const std::string& name = "") {
    return name.empty() ? options_.state / "last-good" : options_.state / "last-good" / name;
  }
  void stop() { provisioner_.reset(); }

  std::optional<store::Store> store_;
  std::unique_ptr<Provisioner> provisioner_;
  index::FileTable files_;
  std::uint64_t generation_ = 0;
  std::uint64_t seen_ = 0;
  trust::Mode mode_ = trust::Mode::nonsecure;
  bool other_signer_ = false;
};

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
  write("a.xml", "<a>1</a>");
  until([&] { return serves("a.xml", "<a>1</a>"); });
  write("a.xml", "<a>\n<a>");
  until([&] { return !problem("provisioning/a.xml").empty(); });
  EXPECT_NE(problem("provisioning/a.xml").find("line 2"), std::string::npos) << problem("provisioning/a.xml");
  EXPECT_EQ(provisioner_->report().problems.at("provisioning/a.xml").served, Provisioner::Served::last_good);
  EXPECT_TRUE(serves("a.xml", "<a>1</a>"));
  write("a.xml", "<a>1</a>");  // the very same as before
  until([&] { return problem("provisioning/a.xml").empty(); });
  write("b.xml", "no");
  until([&] { return !problem("provisioning/b.xml").empty(); });
  std::filesystem::remove(options_.state / "provisioning/b.xml");
  until([&] { return problem("provisioning/b.xml").empty(); });
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
  EXPECT_EQ(store_->saved_signatures().value().size(), 38u);
  // What went while nobody looked is forgotten too.
  provisioner_.reset();
  std::filesystem::remove(options_.state / "provisioning/f5");
  start();
  EXPECT_EQ(store_->saved_signatures().value().size(), 36u);
}

TEST_F(Provisioning, ANewSignerSignsEverythingInOneUpdate) {
  write("a.xml", "<a/>");
  write("XMLDefault.cnf.xml", "<Default/>");
  start();
  // Broken on the disk; its last good content is what is signed again.
  write("a.xml", "<a>");
  until([&] { return !problem("provisioning/a.xml").empty(); });
  other_signer_ = true;
  set_context();
  auto signer = store_->load(store::KeyUse::without_keys).value().cluster.capf.certificate;
  for (const char* name : {"a.xml.sgn", "XMLDefault.cnf.xml.sgn"}) {
    const index::FileBody& body = files_.find(name)->body;
    EXPECT_TRUE(trust::verify_header(name, body.header.bytes(), body.content.bytes(), signer)) << name;
  }
  mode_ = trust::Mode::mixed;
  set_context();
  EXPECT_EQ(files_.find("XMLDefault.cnf.xml"), nullptr);
  EXPECT_EQ(files_.find("XMLDefault.cnf.xml.sgn"), nullptr);
  EXPECT_NE(files_.find("a.xml.sgn"), nullptr);
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
            "cannot be encrypted: the certificate of SEP001122334455 cannot be read");
  EXPECT_EQ(served("provisioning/" + file), Provisioner::Served::nothing);
  std::filesystem::remove(pem);
  until([&] { return files_.find(file) != nullptr; });
  EXPECT_EQ(files_.find(file + ".enc.sgn"), nullptr);
  until([&] { return provisioner_->report().problems.empty(); });
  // The store's own word.
  trust::Phone phone{.name = "SEP001122334455", .certificate = test_certificate("phone")};
  ASSERT_TRUE(store_->put_phones({&phone, 1}));
  set_context();
  EXPECT_NE(files_.find(file + ".enc.sgn"), nullptr);
  EXPECT_EQ(files_.find(file), nullptr);
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
      "cannot be encrypted: the certificate of SEP001122334455 cannot be read, and its last good version "
      "is not encrypted either");
  EXPECT_EQ(served("provisioning/" + file), Provisioner::Served::last_good);
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
  write("de/a.xml", "<a>1</a>");
  write("b.txt", "b");
  start();
  EXPECT_FALSE(std::filesystem::exists(copy()));
  write("de/a.xml", "<a>");
  until([&] { return !problem("provisioning/de/a.xml").empty(); });
  stop();
  EXPECT_EQ(as_text(read_file(copy("de/a.xml"), 100).value()), "<a>1</a>");
  EXPECT_FALSE(std::filesystem::exists(copy("b.txt")));
  for (const char* folder : {"", "de"})
    EXPECT_EQ(std::filesystem::status(copy(folder)).permissions(), std::filesystem::perms::owner_all)
        << folder;
  EXPECT_EQ(std::filesystem::status(copy("de/a.xml")).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  for (int i = 0; i < 2; ++i) {
    start();
    EXPECT_TRUE(serves("de/a.xml.sgn", "<a>1</a>"));
    EXPECT_EQ(served("provisioning/de/a.xml"), Provisioner::Served::last_good);
    EXPECT_EQ(provisioner_->report().signatures_made, 0u);
  }
  write("de/a.xml", "<a>2</a>");
  until([&] { return serves("de/a.xml.sgn", "<a>2</a>") && problem("provisioning/de/a.xml").empty(); });
  EXPECT_FALSE(std::filesystem::exists(copy()));
}

TEST_F(Provisioning, ACopyGoesWithItsFile) {
  for (const char* name : {"a.xml", "b.xml", "c.xml"}) write(name, "<a/>");
  start();
  for (const char* name : {"a.xml", "b.xml", "c.xml"}) write(name, "no");
  until([&] {
    return std::filesystem::exists(copy("a.xml")) && std::filesystem::exists(copy("b.xml")) &&
           std::filesystem::exists(copy("c.xml"));
  });
  std::filesystem::remove(options_.state / "provisioning/a.xml");
  until([&] { return files_.find("a.xml") == nullptr && !std::filesystem::exists(copy("a.xml")); });
  // While nobody looks; and mended to what it was.
  stop();
  std::filesystem::remove(options_.state / "provisioning/b.xml");
  write("c.xml", "<a/>");
  start();
  EXPECT_EQ(files_.find("b.xml"), nullptr);
  EXPECT_TRUE(serves("c.xml", "<a/>"));
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
  EXPECT_EQ(served("provisioning/" + file), Provisioner::Served::nothing);
  EXPECT_NE(problem("provisioning/" + file).find("not well-formed"), std::string::npos);
  EXPECT_NE(
      problem("provisioning/" + file).find("nor can its last good version be served: cannot be encrypted"),
      std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(copy(file)));
}

TEST_F(Provisioning, WhenACopyCannotBeKeptThatIsSaidAndNothingElseSuffers) {
  // No folder can be made there.
  std::ofstream(copy()) << "a file";
  write("a.xml", "<a>1</a>");
  start();
  write("a.xml", "<a>");
  until([&] { return !problem("last-good/a.xml").empty(); });
  EXPECT_EQ(problem("last-good/a.xml").find("cannot be kept for after a restart: "), 0u);
  EXPECT_TRUE(serves("a.xml", "<a>1</a>"));
  write("b.xml", "<b/>");
  until([&] { return serves("b.xml.sgn", "<b/>"); });
  std::filesystem::remove(copy());
  provisioner_->rescan();
  until([&] { return problem("last-good/a.xml").empty() && std::filesystem::exists(copy("a.xml")); });
  write("a.xml", "<a>2</a>");
  until([&] { return serves("a.xml", "<a>2</a>"); });
  EXPECT_TRUE(provisioner_->report().problems.empty());
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
  EXPECT_EQ(store_->saved_signatures().value().size(), 4u);
}

}  // namespace
}  // namespace anchord::control

// The provisioner where one allocation after the other fails: nothing half made goes out, and all comes
// to be served in the end.
#include <gtest/gtest.h>

#include "../control/provisioning.h"
#include "../failing_new.h"
#include "anchord/base/log.h"
#include "anchord/store/phones.h"
#include "anchord/trust/signed_file.h"

namespace anchord::control {
namespace {

// Pauses are short: each failure waits.
ProvisioningLimits limits() {
  return {.max_file = 1 << 20, .max_folder = 1 << 24, .retry_memory = 1};
}

const std::string kPhone = "SEP001122334455.cnf.xml";
const std::string kCopy = "copy.bak";  // of a part of that

class WithoutMemory : public Provisioning {
 protected:
  void SetUp() override {
    Provisioning::SetUp();
    log::set_level(log::Level::off);
    trust::Phone phone{.name = "SEP001122334455", .certificate = test_certificate("phone")};
    ASSERT_TRUE(put_phones(*store_, {&phone, 1}));
    write_all(0);
  }
  void TearDown() override {
    Provisioning::TearDown();
    log::set_level(log::Level::info);
  }

  static std::string plain(int version) { return "<a>" + std::to_string(version) + "</a>"; }
  static std::string phones(int version) {
    return "<device><sshPassword>s3cret</sshPassword><phonePassword>p" + std::to_string(version) +
           "</phonePassword></device>";
  }
  void write_all(int version) {
    write("a.xml", plain(version));
    write(kPhone, phones(version));
    write(kCopy,
          "<!-- " + std::to_string(version) + " --><device><sshPassword>s3cret</sshPassword></device>");
  }

  // Of whatever version: what goes out is whole.
  void expect_whole() {
    const index::FileEntry* file = files_.find("a.xml");
    const index::FileEntry* signed_file = files_.find("a.xml.sgn");
    ASSERT_EQ(file == nullptr, signed_file == nullptr);
    if (file != nullptr) {
      EXPECT_TRUE(file->body.content.shares_with(signed_file->body.content));
    }
    EXPECT_EQ(files_.find(kPhone), nullptr) << "a secret goes out in the clear";
    EXPECT_EQ(files_.find(kCopy), nullptr) << "a secret goes out in the clear";
    const index::FileEntry* reduced = files_.find(kPhone + ".sgn");
    ASSERT_EQ(reduced == nullptr, files_.find(kPhone + ".enc.sgn") == nullptr);
  }
  void take() {
    while (auto update = provisioner_->take()) {
      seen_ = update->generation;
      files_ = files_.with(update->changes);
      expect_whole();
    }
  }
  // What was reported is said when it does not come to it.
  std::string problems() const {
    std::string out;
    const ProvisioningReport report = provisioner_->report();
    for (const auto& [file, problem] : report.problems) out += file + " " + problem.reason + "; ";
    return out;
  }
  template <class Condition>
  void whole_until(Condition&& condition, const char* what = "it is served") {
    const Millis end = monotonic_now() + time_bound();
    for (take(); !condition() && !HasFatalFailure(); take()) {
      ASSERT_LT(monotonic_now(), end) << "waited in vain: " << what << "; " << problems();
      pollfd waiting{provisioner_->descriptor(), POLLIN, 0};
      ::poll(&waiting, 1, 20);
    }
  }
  std::uint64_t encrypted() const {
    const index::FileEntry* file = files_.find(kPhone + ".enc.sgn");
    return file != nullptr ? file->version : 0;
  }

  SpareHere spare_;
};

// Of blocks that are stored as they are.
std::string gzip_of(std::string_view content) {
  std::string out("\x1f\x8b\x08\0\0\0\0\0\0\x03", 10);
  constexpr std::size_t kBlock = 65'000;
  for (std::size_t at = 0; at < content.size(); at += kBlock) {
    const std::string_view block = content.substr(at, kBlock);
    out += at + kBlock >= content.size() ? '\1' : '\0';
    for (std::size_t size : {block.size(), ~block.size()}) {
      out += static_cast<char>(size & 0xff);
      out += static_cast<char>(size >> 8 & 0xff);
    }
    out += block;
  }
  return out;
}

// Each allocation at the front, and the further behind the fewer of them.
std::int64_t next_of(std::int64_t n) {
  return n + 1 + n / 40;
}

TEST_F(WithoutMemory, FilesThatChangeComeInTheEnd) {
  start(limits());
  whole_until([&] { return encrypted() != 0 && serves("a.xml", plain(0)); });
  int version = 0;
  std::int64_t tried = 0;
  for (std::int64_t n = 0;; n = next_of(n), ++tried) {
    const std::uint64_t before = encrypted();
    FailElsewhere failing(n);
    ++version;
    write_all(version);
    whole_until([&] { return encrypted() != before && serves("a.xml", plain(version)); });
    ASSERT_FALSE(HasFailure()) << "allocation " << n;
    if (!failing.happened()) break;
  }
  EXPECT_GT(tried, 50);
  EXPECT_GT(provisioner_->failures(), 0u);
  whole_until([&] {
    const auto problems = provisioner_->report().problems;
    return problems.size() == 1 && problems.begin()->first == "provisioning/" + kCopy;
  });
}

TEST_F(WithoutMemory, AnotherSignerComesInTheEnd) {
  start(limits());
  whole_until([&] { return encrypted() != 0; });
  std::int64_t tried = 0;
  for (std::int64_t n = 0;; n = next_of(n), ++tried) {
    FailElsewhere failing(n);
    other_signer_ = !other_signer_;
    const auto signer = other_signer_ ? store_->load(store::KeyUse::with_keys)->cluster.capf.certificate
                                      : store_->load(store::KeyUse::with_keys)->cluster.tftp.certificate;
    set_context();
    auto is_signed = [&](const std::string& name) {
      const index::FileEntry* file = files_.find(name);
      return file != nullptr &&
             trust::verify_header(name, file->body.header.bytes(), file->body.content.bytes(), signer);
    };
    whole_until([&] { return is_signed("a.xml.sgn") && is_signed(kPhone + ".enc.sgn"); });
    ASSERT_FALSE(HasFailure()) << "allocation " << n;
    if (!failing.happened()) break;
  }
  EXPECT_GT(tried, 50);
}

TEST_F(WithoutMemory, AStartComesInTheEnd) {
  std::int64_t tried = 0;
  for (std::int64_t n = 0;; n = next_of(n), ++tried) {
    FailElsewhere failing(n);
    start(limits());
    whole_until([&] { return encrypted() != 0 && serves("a.xml", plain(0)); });
    ASSERT_FALSE(HasFailure()) << "allocation " << n;
    if (!failing.happened()) break;
  }
  EXPECT_GT(tried, 50);
}

// A certificate that is gone from the folder is gone here too, and not before its phone's configuration.
TEST_F(WithoutMemory, WhatGoesIsGoneInTheEnd) {
  const std::string phone = "SEP001122334466.cnf.xml";
  const std::filesystem::path certificate = options_.state / "devices/SEP001122334466.pem";
  start(limits());
  std::int64_t tried = 0;
  for (std::int64_t n = 0;; n = next_of(n), ++tried) {
    std::ofstream(certificate) << test_certificate("capf").to_pem();
    write(phone, phones(0));
    whole_until([&] { return files_.find(phone + ".enc.sgn") != nullptr; }, "it is encrypted");
    FailElsewhere failing(n);
    std::filesystem::remove(options_.state / "provisioning" / phone);
    whole_until([&] { return files_.find(phone + ".enc.sgn") == nullptr; }, "it is gone");
    ASSERT_EQ(files_.find(phone), nullptr);
    std::filesystem::remove(certificate);
    write(phone, phones(1));
    whole_until([&] { return files_.find(phone + ".enc.sgn") == nullptr && serves(phone, phones(1)); },
                "it is served in the clear");
    ASSERT_FALSE(HasFailure()) << "allocation " << n;
    if (!failing.happened()) break;
  }
  EXPECT_GT(tried, 50);
}

// What a budget is asked for covers what the making of a file really takes.
TEST_F(WithoutMemory, NoMoreIsTakenThanWasAskedFor) {
  constexpr std::size_t kSize = 3 << 20;
  const std::string filling(kSize, 'x');
  std::string tags;
  while (tags.size() < kSize) tags += "<loadInformation model=\"1\">ab</loadInformation>\n";
  std::string pins;
  while (pins.size() < kSize) pins += "<pin>" + std::to_string(pins.size()) + "</pin>\n";
  struct Case {
    const char* name;
    std::string content;
  };
  auto cluster = store_->load(store::KeyUse::with_keys).value().cluster;
  ProvisioningContext context{.generation = 1, .signer = cluster.tftp};
  for (const trust::Phone& phone : cluster.phones) context.devices.emplace(phone.name, phone.certificate);
  for (const auto& [name, content] :
       {Case{"firmware.bin", filling}, Case{"page.html", "x&lt;" + filling}, Case{"in.gz", gzip_of(filling)},
        Case{"twice.gz", gzip_of(gzip_of(tags))}, Case{"tags.txt", "x" + tags}, Case{"pins.txt", "x" + pins},
        Case{"ring.xml", "<a>" + filling + "</a>"}, Case{"b.xml", "<a>" + filling + "\x01</a>"},
        Case{"SEP00112233AAAA.cnf.xml", "<device>" + tags + "</device>"},
        Case{"SEP001122334455.cnf.xml", "<device>" + tags + "</device>"}}) {
    const index::Blob blob(to_buffer(as_bytes(content)));
    const std::uint64_t asked = memory_to_make(name, blob.bytes(), context);
    std::jthread([&] {
      restart_peak();
      auto made = make_files(name, blob, context, {}, calendar_now());
      EXPECT_TRUE(made) << name;
    }).join();
    EXPECT_LE(static_cast<std::uint64_t>(peak_elsewhere()), asked + kMemoryOfFile) << name;
  }
}

}  // namespace
}  // namespace anchord::control

// Documents that commands and the admin endpoint share.
#include <gtest/gtest.h>

#include "anchord/base/file.h"
#include "anchord/report/audit.h"
#include "anchord/report/certificates.h"
#include "anchord/report/ledger_view.h"
#include "anchord/report/problems.h"

namespace anchord::report::test {
namespace {

trust::KnownCertificate known(const char* name) {
  const auto file = read_file(std::string(ANCHORD_TEST_DATA) + "/certs/" + name + ".crt", 100'000).value();
  return {.certificate = crypto::Certificate::from_pem_or_der(file).value(),
          .roles = {wire::Role::sast},
          .ttl = 60,
          .own = {}};
}

TEST(Report, TellsOfACertificateByTheSameNamesEverywhere) {
  const trust::KnownCertificate one = known("app-ec");
  const UnixSeconds now = one.certificate.not_after() - 10 * kSecondsPerDay;
  const Json json = known_json(one, now);
  EXPECT_EQ(json["days_left"], 10);
  EXPECT_EQ(json["sha256"], hash_text(one.certificate));
  EXPECT_EQ(json["roles"], Json::array({"sast"}));
  EXPECT_TRUE(json["own"].is_null());
  const Json of_certificate = certificate_json(one.certificate, now);
  for (const auto& [name, value] : of_certificate.items()) EXPECT_EQ(json[name], value) << name;
}

TEST(Report, WarnsOfCertificatesInTime) {
  const crypto::Certificate certificate = known("app-ec").certificate;
  const UnixSeconds end = certificate.not_after();
  EXPECT_EQ(expiry_warning("it", certificate, end - 91 * kSecondsPerDay), std::nullopt);
  EXPECT_TRUE(expiry_warning("it", certificate, end - 5 * kSecondsPerDay)->contains("URGENT"));
  EXPECT_TRUE(expiry_warning("it", certificate, end + 1)->contains("HAS EXPIRED"));
  EXPECT_EQ(expiry_level(certificate, end + 1), "expired");
}

TEST(Report, SaysWhetherThereAreOlderChanges) {
  const Audit audit{.entries = {{.time = 0, .who = "<script>", .what = "made it", .forced = true}},
                    .more = true};
  EXPECT_EQ(audit_document(audit), Json({{"entries", Json::array({{{"time", "1970-01-01T00:00:00Z"},
                                                                   {"who", "<script>"},
                                                                   {"what", "made it"},
                                                                   {"forced", true}}})},
                                         {"more", true}}));
}

TEST(Report, SamplesPhones) {
  NameSample sample;
  EXPECT_EQ(sample.text(), "0");
  for (int i = 0; i < 7; ++i) sample.add("SEP" + std::to_string(i));
  Json out;
  add_sample(out, "behind", sample);
  EXPECT_EQ(out["behind"], 7);
  EXPECT_EQ(out["first"]["behind"].size(), NameSample::kFirst);
}

TEST(Report, AsksForABackup) {
  EXPECT_TRUE(backup_warning({.last = {}, .holds_tftp_key = false})->contains("backup create"));
  EXPECT_EQ(backup_warning({.last = {}, .holds_tftp_key = true}), std::nullopt);
}

}  // namespace
}  // namespace anchord::report::test

// Certificates from the open verification service's database.
#include "anchord/store/import.h"

#include <gtest/gtest.h>

#include "fixture.h"

namespace anchord::store {
namespace {

// As its own tool makes it.
constexpr char kTheirTable[] = R"sql(
CREATE TABLE certificates (certificate_hash TEXT PRIMARY KEY, serial_number TEXT NOT NULL,
  subject_name TEXT NOT NULL, issuer_name TEXT NOT NULL, certificate TEXT NOT NULL, roles TEXT NOT NULL,
  ttl INTEGER) WITHOUT ROWID
)sql";

class Import : public testing::Test {
 protected:
  Database database() { return Database::open(file_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE).value(); }
  void run(const std::string& sql) {
    auto theirs = database();
    ASSERT_TRUE(theirs.run(sql));
  }
  // PEM as a blob, as their tool writes it.
  void add(const crypto::Certificate& certificate, std::string_view roles, std::string_view hash) {
    auto theirs = database();
    std::string pem = certificate.to_pem();
    ASSERT_TRUE(execute(theirs, "INSERT INTO certificates VALUES (?, '', '', '', ?, ?, 3600)", hash,
                        as_bytes(pem), roles));
  }
  std::string error() {
    auto read = read_tvsd_database(file_);
    return read ? "" : read.error().text;
  }
  // Of a table with these columns and one row.
  std::string error_of_row(const std::string& values) {
    run("DELETE FROM certificates; INSERT INTO certificates VALUES (" + values + ")");
    return error();
  }

  Folder folder_;
  fs::path file_ = folder_.path / "tvs.sqlite3";
  crypto::Certificate first_ = example_certificate("first"), second_ = example_certificate("second");
};

TEST_F(Import, ReadsTheirDatabase) {
  run(kTheirTable);
  add(first_, "SAST,CCM+TFTP,APP-SERVER", hash_of(first_));
  add(second_, "TVS", hash_of(second_));
  auto read = read_tvsd_database(file_);
  ASSERT_TRUE(read) << read.error().text;
  ASSERT_EQ(read->size(), 2U);
  bool in_order = (*read)[0].certificate == first_;
  const auto& one = (*read)[in_order ? 0 : 1];
  EXPECT_EQ(one.certificate, first_);
  EXPECT_EQ(one.roles, (std::vector{wire::Role::sast, wire::Role::ccm_tftp, wire::Role::app_server}));
  EXPECT_EQ(one.ttl, 3600U);
  EXPECT_EQ((*read)[in_order ? 1 : 0].certificate, second_);
}

TEST_F(Import, TakesOtherSpellings) {
  run("CREATE TABLE Certificates (HASH text, PEM text, Roles text, TTL integer)");
  auto theirs = database();
  for (std::string_view roles : {"sast,tftp", "0,3", "SAST, TFTP", "Sast,TFTP,tftp"}) {
    ASSERT_TRUE(theirs.run("DELETE FROM certificates"));
    ASSERT_TRUE(execute(theirs, "INSERT INTO certificates VALUES ('', ?, ?, NULL)", first_.to_pem(), roles));
    auto read = read_tvsd_database(file_);
    ASSERT_TRUE(read) << read.error().text;
    ASSERT_EQ(read->size(), 1U);
    EXPECT_EQ(read->front().roles, (std::vector{wire::Role::sast, wire::Role::tftp}));
    EXPECT_EQ(read->front().ttl, trust::kDefaultTtl);
  }
}

TEST_F(Import, IsOnlyRead) {
  run(kTheirTable);
  add(first_, "TVS", hash_of(first_));
  auto before = fs::last_write_time(file_);
  ASSERT_TRUE(read_tvsd_database(file_));
  EXPECT_EQ(fs::last_write_time(file_), before);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path), {}), 1);
}

TEST_F(Import, ABadRowIsNamed) {
  run("CREATE TABLE certificates (hash, certificate, roles, ttl)");
  std::string pem = "'" + first_.to_pem() + "'";
  expect_text(error_of_row("'abcd', 'no certificate', 'TVS', 1"),
              {file_.string(), "row 1", "hash abcd", "certificate"});
  expect_text(error_of_row("'abcd', NULL, 'TVS', 1"), {"row 1"});
  expect_text(error_of_row("NULL, " + pem + ", '', 1"), {"row 1", "no roles"});
  expect_text(error_of_row("NULL, " + pem + ", NULL, 1"), {"no roles"});
  expect_text(error_of_row("NULL, " + pem + ", 'TVS,,SAST', 1"), {"no role ''"});
  expect_text(error_of_row("NULL, " + pem + ", 'TVS,ROOT', 1"), {"no role 'ROOT'"});
  expect_text(error_of_row("NULL, " + pem + ", '9', 1"), {"no role '9'"});
  expect_text(error_of_row("NULL, " + pem + ", '65536', 1"), {"no role"});
  expect_text(error_of_row("NULL, " + pem + ", 'TVS', -1"), {"TTL"});
  expect_text(error_of_row("NULL, " + pem + ", 'TVS', 4294967296"), {"TTL"});
  expect_text(error_of_row("NULL, " + pem + ", 'TVS', 'soon'"), {"TTL"});
  expect_text(error_of_row("'" + hash_of(second_) + "', " + pem + ", 'TVS', 1"), {"another certificate's"});
  EXPECT_EQ(error_of_row("'" + hash_of(first_) + "', " + pem + ", 'TVS', 4294967295"), "");
  expect_text(error_of_row("NULL, zeroblob(2000000), 'TVS', 1"), {"so large"});
}

TEST_F(Import, OneBadRowOfManyIsEnough) {
  run(kTheirTable);
  for (int i = 0; i < 20; ++i) {
    auto certificate = example_certificate("number " + std::to_string(i));
    add(certificate, i == 13 ? "ROOT" : "TVS", hash_of(certificate));
  }
  expect_text(error(), {"row ", "hash ", "no role 'ROOT'"});
}

TEST_F(Import, OtherFilesAreNamedAsSuch) {
  expect_text(error(), {"cannot open"});
  std::ofstream(file_)
      << "-----BEGIN CERTIFICATE----- and so on, long enough to be looked at as a database is";
  expect_text(error(), {"not an SQLite database"});
  fs::remove(file_);
  run("CREATE TABLE others (id)");
  expect_text(error(), {"no table 'certificates'"});
  run("CREATE TABLE certificates (hash, roles)");
  expect_text(error(), {"no column 'certificate'"});
  run("DROP TABLE certificates; CREATE TABLE certificates (pem)");
  expect_text(error(), {"no column 'roles'"});
  run("DROP TABLE certificates; CREATE VIEW certificates AS SELECT '' AS certificate, '' AS roles");
  expect_text(error(), {"no table 'certificates'"});
  file_ = folder_.path;
  expect_text(error(), {"not a file"});
}

TEST_F(Import, EmptyFileAndTable) {
  std::ofstream(file_).flush();
  expect_text(error(), {"no table"});
  run(kTheirTable);
  EXPECT_TRUE(read_tvsd_database(file_).value().empty());
}

TEST_F(Import, DamageIsNoticed) {
  run(kTheirTable);
  for (int i = 0; i < 40; ++i) {
    auto certificate = example_certificate("number " + std::to_string(i));
    add(certificate, "TVS", hash_of(certificate));
  }
  std::fstream bytes(file_, std::ios::in | std::ios::out | std::ios::binary);
  for (std::streamoff page = 2; page < 8; ++page) {
    bytes.seekp(page * 4096);
    bytes << std::string(200, '\xff');
  }
  bytes.close();
  EXPECT_NE(error(), "");
}

}  // namespace
}  // namespace anchord::store

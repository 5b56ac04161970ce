// The files of who may ask: what is taken, and what is refused with one line.
#include "anchord/admin/access.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "anchord/crypto/self_signed.h"

namespace anchord::admin::test {
namespace {

class AdminAccess : public testing::Test {
 protected:
  AdminAccess() {
    std::string name = (std::filesystem::temp_directory_path() / "anchord-access-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  ~AdminAccess() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(std::string_view text, mode_t mode = 0600) {
    const std::filesystem::path path = folder_ / "file";
    std::filesystem::remove(path);
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }
  static std::string problem(const Result<crypto::Secret>& read) { return read ? "" : read.error().text; }
  static std::string problem(const Result<crypto::TlsContext>& read) { return read ? "" : read.error().text; }

  std::filesystem::path folder_;
};

const std::string kFileToken = "0123456789abcdef-._~+/=";

TEST_F(AdminAccess, TakesATokenOfOneLine) {
  EXPECT_EQ(read_token(write(kFileToken)).value().text(), kFileToken);
  EXPECT_EQ(read_token(write(kFileToken + "\n")).value().text(), kFileToken);
  EXPECT_EQ(read_token(write(kFileToken, 0640)).value().text(), kFileToken);
}

TEST_F(AdminAccess, RefusesTokensThatOthersKnow) {
  for (const mode_t mode : {0604u, 0602u, 0620u, 0666u}) {
    EXPECT_TRUE(problem(read_token(write(kFileToken, mode))).contains("chmod 600")) << mode;
  }
}

TEST_F(AdminAccess, RefusesWhatIsNoToken) {
  for (const std::string& text :
       {std::string(), std::string("short"), std::string(15, 'a'), std::string(513, 'a'),
        kFileToken + " " + kFileToken, kFileToken + "\n" + kFileToken, kFileToken + "\""}) {
    EXPECT_TRUE(problem(read_token(write(text))).contains("holds no token")) << text;
  }
  EXPECT_TRUE(problem(read_token(folder_ / "absent")).contains("cannot be opened"));
  EXPECT_TRUE(problem(read_token(folder_)).contains("no regular file"));
  EXPECT_TRUE(problem(read_token(write(std::string(100'000, 'a')))).contains("--admin-token"));
}

TEST_F(AdminAccess, TakesACertificateWithItsKey) {
  const auto make = [](const char* name) {
    crypto::PrivateKey key = crypto::PrivateKey::generate(crypto::KeyKind::p256).value();
    crypto::Certificate certificate =
        crypto::make_self_signed(key, {.subject = crypto::Name::parse(name).value(),
                                       .not_before = calendar_now() - 3600,
                                       .days = 10,
                                       .addresses = {"127.0.0.1"}})
            .value();
    return std::pair(certificate.to_pem(), std::string(key.to_pem().text()));
  };
  const auto one = make("CN=one");
  const auto two = make("CN=two");
  EXPECT_EQ(problem(read_tls(write(one.first + one.second))), "");
  EXPECT_EQ(problem(read_tls(write(one.second + one.first))), "");
  EXPECT_TRUE(problem(read_tls(write(one.first))).contains("private key"));
  EXPECT_TRUE(problem(read_tls(write(one.second))).contains("--admin-tls"));
  EXPECT_TRUE(problem(read_tls(write(one.first + two.second))).contains("not that of the first certificate"));
  EXPECT_TRUE(problem(read_tls(write(one.first + one.second, 0644))).contains("chmod 600"));
  EXPECT_TRUE(problem(read_tls(write("nothing"))).contains("--admin-tls"));
}

}  // namespace
}  // namespace anchord::admin::test

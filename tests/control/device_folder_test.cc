// Which certificates of the folder are in use, file by file.
#include "provisioning/device_folder.h"

#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

#include "state.h"

namespace anchord::control {
namespace {

constexpr char kDevice[] = "SEP001122334455";
constexpr char kFile[] = "SEP001122334455.pem";

class Devices : public State {
 protected:
  void SetUp() override {
    State::SetUp();
    ::signal(SIGIO, SIG_IGN);
    store::Store store = make_store();
    given_.emplace(context_of(store));
    folder_on_disk_.emplace(control::Folder::open(options_.state / "devices").value());
    devices_.emplace(*folder_on_disk_, unfinished_, problems_, 0);
  }
  void write(const std::string& name, std::string_view text) {
    std::ofstream(options_.state / "devices" / name) << text;
    devices_->read(name, false);
  }
  void remove(const std::string& name) {
    std::filesystem::remove(options_.state / "devices" / name);
    devices_->read(name, false);
    devices_->remove(devices_->take_due_removals(gone_files_, monotonic_now()));
  }
  // "none", "unreadable" or "used".
  std::string state_of(const std::string& device) {
    const auto context = devices_->merged_into(*given_);
    auto found = context->devices.find(device);
    if (found == context->devices.end()) return "none";
    return found->second ? "used" : "unreadable";
  }
  std::string problem(const std::string& name) {
    auto found = problems_.problems().find("devices/" + name);
    return found == problems_.problems().end() ? "" : found->second.reason;
  }

  const std::string phone_ = std::string(as_text(test_file("certs/phone.crt")));
  std::optional<control::Folder> folder_on_disk_;
  UnfinishedFiles unfinished_;
  FileProblems problems_;
  Removals gone_files_{0};
  std::optional<ProvisioningContext> given_;
  std::optional<DeviceFolder> devices_;
};

TEST_F(Devices, ACertificateComesAndGoes) {
  EXPECT_EQ(state_of(kDevice), "none");
  write(kFile, phone_);
  EXPECT_EQ(state_of(kDevice), "used");
  EXPECT_TRUE(devices_->has_certificates());
  EXPECT_TRUE(devices_->is_known(kFile, devices_->files().at(kFile)));
  devices_->doubt_all();
  EXPECT_EQ(devices_->files().at(kFile), FileStamp());
  remove(kFile);
  EXPECT_EQ(state_of(kDevice), "none");
  EXPECT_TRUE(devices_->files().empty());
}

TEST_F(Devices, ABrokenFileKeepsWhatWasGoodAndElseMakesThePhoneOneWithSecrets) {
  write(kFile, "broken");
  EXPECT_EQ(state_of(kDevice), "unreadable");
  EXPECT_EQ(problems_.problems().at("devices/" + std::string(kFile)).served, protocol::Served::nothing);
  write(kFile, phone_);
  EXPECT_EQ(state_of(kDevice), "used");
  EXPECT_EQ(problem(kFile), "");
  write(kFile, "broken");
  EXPECT_EQ(state_of(kDevice), "used");
  EXPECT_EQ(problems_.problems().at("devices/" + std::string(kFile)).served, protocol::Served::last_good);
}

TEST_F(Devices, TheStoresWordComesFirst) {
  given_->devices.emplace(kDevice, std::nullopt);
  write(kFile, phone_);
  EXPECT_EQ(state_of(kDevice), "unreadable");
}

TEST_F(Devices, OfTwoFilesTheFirstByNameIsUsedAndTheOtherIsLookedAtWhenItGoes) {
  write(kFile, phone_);
  write("001122334455.pem", phone_);
  EXPECT_EQ(problem("001122334455.pem"), "");
  EXPECT_EQ(unfinished_.due(monotonic_now()), std::set<std::string>{"devices/SEP001122334455.pem"});
  devices_->read(kFile, false);
  EXPECT_NE(problem(kFile).find("is not used"), std::string::npos) << problem(kFile);
  remove("001122334455.pem");
  EXPECT_EQ(state_of(kDevice), "used");  // until the other one is looked at
  EXPECT_EQ(unfinished_.due(monotonic_now()), std::set<std::string>{"devices/SEP001122334455.pem"});
}

TEST_F(Devices, ACertificateStaysWhileItsConfigurationWaitsToGo) {
  write(kFile, phone_);
  gone_files_.missing("SEP001122334455.cnf.xml", monotonic_now());
  remove(kFile);
  EXPECT_EQ(state_of(kDevice), "used");
  EXPECT_EQ(devices_->waiting_removals(), 1u);
  gone_files_.back("SEP001122334455.cnf.xml");
  devices_->remove(devices_->take_due_removals(gone_files_, monotonic_now()));
  EXPECT_EQ(state_of(kDevice), "none");
  EXPECT_EQ(devices_->waiting_removals(), 0u);
}

}  // namespace
}  // namespace anchord::control

// A provisioner on a real folder, and what it has sent so far.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <csignal>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "../time_bound.h"
#include "provisioning/provisioner.h"
#include "state.h"

namespace anchord::control {

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
    auto context = std::make_shared<ProvisioningContext>(ProvisioningContext{
        .generation = ++generation_, .signer = cluster.tftp, .mode = mode_, .rolling_back = rolling_back_});
    if (other_signer_) context->signer = {cluster.capf.certificate, cluster.capf.key};
    if (!phones_) cluster.phones.clear();
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
  std::string warning(const std::string& file) {
    auto report = provisioner_->report();
    auto found = report.warnings.find(file);
    return found == report.warnings.end() ? "" : found->second.reason;
  }
  std::optional<protocol::Served> served(const std::string& file) {
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
  bool rolling_back_ = false;
  bool phones_ = true;  // the store's count
};

}  // namespace anchord::control

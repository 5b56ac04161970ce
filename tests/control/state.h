// A state directory of its own for each test.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "anchord/base/file.h"
#include "anchord/control/options.h"
#include "anchord/crypto/certificate.h"
#include "anchord/store/init.h"
#include "anchord/store/store.h"
#include "provisioning/file_maker.h"

namespace anchord::control {

inline Buffer test_file(const std::string& name) {
  return read_file(std::string(ANCHORD_TEST_DATA) + "/" + name, 1 << 20).value();
}

inline crypto::Certificate test_certificate(const std::string& name) {
  return crypto::Certificate::from_pem_or_der(test_file("certs/" + name + ".crt")).value();
}

class State : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
    options_.state = folder_ + "/state";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  store::Store make_store() {
    return store::init_store(options_.state,
                             {.cluster_name = "t", .hosts = {{"one", {"192.0.2.1"}}, {"two", {"127.0.0.1"}}}})
        .value();
  }
  trust::KnownCertificate known(const std::string& name, std::vector<wire::Role> roles,
                                std::uint32_t ttl = 60) {
    return {.certificate = test_certificate(name), .roles = std::move(roles), .ttl = ttl};
  }

  // With the cluster's TFTP certificate for the signer, and no devices.
  static ProvisioningContext context_of(store::Store& store, std::uint64_t generation = 1) {
    return {.generation = generation, .signer = store.load(store::KeyUse::with_keys).value().cluster.tftp};
  }

  std::string folder_ = "/tmp/anchord-control-XXXXXX";
  Options options_;
};

}  // namespace anchord::control

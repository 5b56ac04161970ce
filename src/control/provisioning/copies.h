// Copies of configurations that go out encrypted, told by what they hold: served in the clear
// they would give it away. Knows what every file of the folder holds, and says what may not go
// out. One thread's own.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>

#include "anchord/trust/config_traits.h"
#include "provisioning/file_maker.h"

namespace anchord::control {

class Copies {
 public:
  // A configuration that goes out encrypted, whatever was said of that name before: which still holds
  // where there is no memory.
  void put_encrypted(const std::string& name, trust::ConfigTraits traits);
  // Any other file.
  void put_other(const std::string& name, trust::ConfigTraits traits);
  void forget(const std::string& name);

  // Those of which problem() may say something.
  const std::set<std::string>& suspects() const { return suspects_; }

  // Why that file may not be served in the clear; empty: it may. It holds a value of a
  // configuration that goes out encrypted; or a configuration with secrets that is under no name that
  // phones ask for, while one that goes out encrypted is missing; or what cannot be looked into, or ends
  // within a secret.
  std::string problem(const std::string& name, const DeviceCertificates& devices) const;

 private:
  struct File {
    trust::ConfigTraits traits;
    std::string device;  // whose it is, where it goes out encrypted; else empty
  };

  void count_out(const File& file);
  void forget_uncounted(const trust::ConfigTraits& traits, const std::string& device);
  std::string copied(const trust::ConfigTraits& traits) const;
  std::string device_without_configuration(const DeviceCertificates& devices) const;

  std::map<std::string, File> files_;                    // encrypted ones and suspects
  std::unordered_map<std::uint64_t, unsigned> secrets_;  // of encrypted ones, and in how many
  std::map<std::string, unsigned> configured_;           // devices of encrypted ones, and in how many
  std::set<std::string> suspects_;
};

}  // namespace anchord::control

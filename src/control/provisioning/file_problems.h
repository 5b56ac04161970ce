// What there is to say of files at present, and what the log has not said of it yet. Files
// have their folder's name in front.
//
// One thread's own.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "anchord/base/clock.h"
#include "anchord/protocol/status.h"
#include "provisioning/file_news.h"

namespace anchord::control {

constexpr std::string_view kProvisioningPrefix = "provisioning/";
constexpr std::string_view kDevicesPrefix = "devices/";
constexpr std::string_view kLastGoodPrefix = "last-good/";

// `served`: what is served of the file.
struct Problem {
  std::string reason;
  UnixSeconds since = 0;
  protocol::Served served = protocol::Served::nothing;
};

// What is odd in a file that is served as it is, or in a certificate that is used.
struct Warning {
  std::string reason;
  UnixSeconds since = 0;
};

class FileProblems {
 public:
  using Problems = std::map<std::string, Problem>;
  using Warnings = std::map<std::string, Warning>;

  void set(const std::string& file, std::string reason, protocol::Served served);
  void clear(const std::string& file);
  // An empty reason: nothing is odd any more.
  void warn(const std::string& file, const std::string& reason);

  bool has(const std::string& file) const { return problems_.contains(file); }
  bool keeps_last_good(const std::string& file) const;
  const Problems& problems() const { return problems_; }
  const Warnings& warnings() const { return warnings_; }
  // Whether either has changed since that was taken notice of.
  bool has_changed() const { return changed_; }
  void take_notice() { changed_ = false; }

  FileNews& news() { return news_; }

 private:
  Problems problems_;
  Warnings warnings_;
  FileNews news_;
  bool changed_ = false;
};

}  // namespace anchord::control

// When certificates end: what is to be said of it in the log, each once, and all of them by
// the time that is left.
//
// Times are seconds since 1970.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "anchord/base/clock.h"
#include "anchord/store/store.h"
#include "anchord/trust/cluster.h"

namespace anchord::control {

class ExpiryWatch {
 public:
  // With `refuse_expired` phones that ask are told that an added one which has ended is unknown.
  explicit ExpiryWatch(bool refuse_expired = false) : refuse_expired_(refuse_expired) {}

  struct Certificate {
    std::string what;  // "the tvs certificate CN=TVS-one", "the certificate CN=directory"
    store::HashText sha256;
    UnixSeconds begins = 0;
    UnixSeconds ends = 0;
    std::optional<trust::Service> service = {};  // of an own one
    bool added = false;                          // trust::is_added()
    int said = 0;                                // the stage of the last news
  };
  struct News {
    bool bad = false;  // ended, or not begun
    std::string text;
  };

  // All that the cluster holds or vouches for, instead of what was watched before.
  void watch(const trust::Cluster& cluster);
  // The difference alone. What is in `put` stays, be it in `gone` too.
  void change(std::span<const store::HashText> gone, std::span<const trust::KnownCertificate> put);

  // What has come to pass by then and was not said: less than 90, 30 or 7 days are left, the
  // certificate has ended, or has not begun.
  std::vector<News> news(UnixSeconds now);

  const std::vector<Certificate>& soonest_first() const { return certificates_; }

 private:
  bool refuse_expired_;
  std::vector<Certificate> certificates_;
};

}  // namespace anchord::control

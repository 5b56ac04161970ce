// What becomes of the single requests that shards tell of: the log, and each device's trace.
//
// At level debug every request is logged. At info only trouble is, with limits (log::Peers). Used on the
// control thread alone.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "anchord/crypto/certificate.h"
#include "anchord/service/activity_log.h"
#include "device_trace.h"

namespace anchord::control {

class Tracer {
 public:
  // The longest time that one command may have all requests recorded for.
  static constexpr Millis kLongest = 600'000;

  // `device`: whom it is taken to be of; empty when nobody knows.
  void note(const service::Download& download, std::string_view device);
  void note(const service::Request& request, std::string_view device);
  // `is_served`: whether the cluster has a configuration for the device that asked.
  void note(const service::Question& question, bool is_served);
  // `tvs`: what this host presents now.
  void note(const service::Trouble& trouble, const std::optional<crypto::Certificate>& tvs);
  // Once in a while: ends the recording of requests in time.
  void tick(Millis now);

  // Whether requests are to be recorded, for a trace or for the log.
  bool wants_requests(Millis now) const;
  // Answers "SEP001122334455 SECONDS SINCE": what was heard of the device behind event SINCE,
  // as a JSON document. All of its requests are recorded for so many seconds more.
  std::string answer(std::string_view arguments, Millis now);

 private:
  DeviceTrace trace_;
  Millis until_ = 0;  // requests are recorded
};

// What the peer's alert says, as an operator would: "it does not trust ...". `tvs_since`: since
// when the certificate that it was shown is in the lists; 0: unknown.
std::string alert_text(const service::Trouble& trouble, UnixSeconds tvs_since);

}  // namespace anchord::control

// What becomes of the single requests that shards tell of: the log, and each device's trace.
//
// At level debug every request is logged. At info only trouble is, with limits (log::Peers). Used on the
// control thread alone.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "anchord/crypto/certificate.h"
#include "anchord/protocol/message.h"
#include "anchord/service/activity_log.h"
#include "ledger/device_trace.h"

namespace anchord::control {

class Tracer {
 public:
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
  // What was heard of the device. All requests are recorded for as long as it asks for.
  protocol::Answer answer(const protocol::TraceRequest& request, Millis now);

 private:
  DeviceTrace trace_;
  Millis until_ = 0;  // requests are recorded
};

// What the peer's alert says, as an operator would: "it does not trust ...". `tvs_since`: since
// when the certificate that it was shown is in the lists; 0: unknown.
std::string alert_text(const service::Trouble& trouble, UnixSeconds tvs_since);

}  // namespace anchord::control

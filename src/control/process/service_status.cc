#include "process/service_status.h"

#include <unistd.h>

#include <vector>

#include "anchord/store/lifecycle.h"
#include "process/named_metrics.h"
#include "process/status_parts.h"

namespace anchord::control {
namespace {

std::string addresses(const std::vector<io::Address>& list) {
  std::string out;
  for (const io::Address& address : list) out += (out.empty() ? "" : ",") + address.text();
  return out;
}

}  // namespace

std::string ServiceStatus::listening() const {
  const Listeners& listeners = parts_.listeners;
  std::string out;
  if (!listeners.tvs().empty()) out += " tvs=" + addresses(listeners.tvs());
  if (!listeners.tftp().empty()) out += " tftp=" + addresses(listeners.tftp());
  if (!listeners.http().empty()) out += " http=" + addresses(listeners.http());
  if (!listeners.https().empty()) out += " https=" + addresses(listeners.https());
  if (listeners.admin()) out += " admin=" + listeners.admin()->text();
  return out.substr(1);
}

// Member by member: GCC 12 destroys an aggregate within another one twice when what comes after it throws, as
// want of memory may.
protocol::Status ServiceStatus::now(bool is_draining) const {
  Publication& publication = parts_.publication;
  const Builder& builder = publication.builder();
  const service::View& view = publication.view();
  protocol::Status out;
  out.version = ANCHORD_VERSION;
  out.pid = ::getpid();
  out.host = builder.host();
  out.started_at = started_;
  out.shards = parts_.threads.size();
  out.draining = is_draining;
  out.listening.tvs = addresses(parts_.listeners.tvs());
  out.listening.tftp = addresses(parts_.listeners.tftp());
  out.listening.http = addresses(parts_.listeners.http());
  out.listening.https = addresses(parts_.listeners.https());
  out.mode = trust::mode_name(builder.served_state().mode);
  out.rollback = builder.served_state().rolling_back;
  out.tls_min = crypto::to_text(parts_.options.tls_min);
  out.refuse_expired = parts_.options.refuse_expired;
  out.snapshot.version = view.version;
  out.snapshot.published_at = publication.published_at();
  out.snapshot.store_change = builder.built_from();
  out.snapshot.certificates = view.certificates.size();
  out.snapshot.files = view.files.size();
  out.snapshot.problem = parts_.lag.problem();
  out.snapshot.behind_since = parts_.lag.since();
  out.memory = memory();
  out.provisioning = status_of(parts_.provisioner.report());
  out.ledger = status_of(parts_.activity.ledger(), parts_.activity.unread());
  out.own_lists.served = publication.own_lists();
  out.own_lists.withdrawn = first_of(builder.own_lists().withdrawn());
  out.own_lists.withdrawn_count = builder.own_lists().withdrawn().size();
  out.backup = status_of(store::backup_state(publication.builder().store()));
  if (parts_.shared) out.engine = status_of(parts_.shared->report());
  out.expiry = status_of(builder.expiry(), calendar_now());
  out.counters = named(parts_.threads.metrics());
  out.devices.known = parts_.activity.devices().size();
  out.devices.recent = recent_devices(parts_.activity.devices());
  out.devices.guessing = parts_.activity.guessing();
  return out;
}

protocol::Memory ServiceStatus::memory() const {
  const std::uint64_t failures = parts_.guard.failures() + parts_.provisioner.failures() +
                                 parts_.threads.sum(&service::Counters::no_memory);
  return {.limit = parts_.memory.limit.bytes,
          .limited_by = parts_.memory.limit.name,
          .for_files = parts_.memory.files,
          .files = parts_.provisioner.held(),
          .superseded = parts_.provisioner.superseded(),
          .superseded_limit = parts_.readers.limit(),
          .failures = failures};
}

}  // namespace anchord::control

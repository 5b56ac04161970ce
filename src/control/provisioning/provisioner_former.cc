// What was made of files in an earlier context, and would be refused in this one: a signature of
// a key that goes must not stay in service, since nobody vouches for it in the end.
#include <utility>

#include "anchord/phone/file_kind.h"
#include "provisioning/provisioner.h"

namespace anchord::control {

// In the form in which it is served already, and so gives nothing more away; but what was served plain
// for a rollback alone does not outlive that. In any of the helpers.
void Provisioner::make_as_before(Job& job) const {
  job.read.reason = job.made->error().text;
  const bool is_signed = job.known->served > kPlainEnding;
  if (!is_signed || context_->rolling_back || !phone::configured_device(job.name)) return;
  job.made =
      sign_configuration(job.name, job.content, job.known->recipient, *context_, kept_, calendar_now());
  if (!*job.made)
    job.read.reason += "; nor can its last good version be made anew: " + job.made->error().text;
}

void Provisioner::settle_as_before(Job& job) {
  if (*job.made && take_over(job)) return set_refused(job.name, std::move(job.read.reason));
  Known& known = known_.at(job.name);
  if (known.served != 0)
    job.read.reason += "; nothing of it is served any more, as it was made before the cluster changed";
  drop_endings(job.name, known.served);
  known.served = 0;
  whole_changes_ = changes_.size();
  known.stamp = {};  // the next look at everything tries again
  set_refused(job.name, std::move(job.read.reason));
}

}  // namespace anchord::control

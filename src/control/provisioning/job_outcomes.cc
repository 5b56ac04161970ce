#include "provisioning/job_outcomes.h"

#include <utility>

#include "anchord/phone/file_kind.h"

namespace anchord::control {
namespace {

// How often a file is looked at again that would fit if readers let go of what it replaces: some five seconds
// in all.
constexpr unsigned kLooksForRoom = 10;

std::string in_folder(const std::string& name) {
  return std::string(kProvisioningPrefix) + name;
}

}  // namespace

void JobOutcomes::settle(SigningJob& job, const ProvisioningContext& context, bool whole_pass) {
  if (job.no_memory) {
    const char* reason = "cannot be read and made: there is not enough memory";
    if (job.from_memory) job.made = fail(reason);
    job.read.state = ReadFile::State::refused;
    job.read.reason = reason;
  }
  if (!whole_pass && waits_for_room(job)) {
    parts_.memory.note_shortage();
    return parts_.unfinished.found(in_folder(job.name), monotonic_now());
  }
  if (job.from_memory && job.must_change && !job.read.reason.empty()) return settle_as_before(job, context);
  if (job.from_memory && !*job.made) return set_refused(job.name, job.made->error().text, context);
  if (!job.from_memory && job.read.state != ReadFile::State::unfinished)
    parts_.unfinished.forget(in_folder(job.name));
  if (!job.from_memory && job.read.state != ReadFile::State::missing) parts_.gone.back(job.name);
  if (job.made && !job.from_copy) {
    Status taken = take_over(job, !whole_pass);
    if (taken) return settle_good(job);
    job.read.state = ReadFile::State::refused;
    job.read.reason = taken.error().text;
    if (!parts_.served.has(job.name)) parts_.jobs.make_from_copy(job, context);
  }
  if (job.from_copy) (void)take_over(job, false);  // the file's own reason is what there is to say
  settle_read(job, context);
}

// Nothing was made of the file that is served now, or only its last good version.
void JobOutcomes::settle_read(const SigningJob& job, const ProvisioningContext& context) {
  switch (job.read.state) {
    case ReadFile::State::missing:
      return settle_missing(job.name);
    case ReadFile::State::unfinished:
      return parts_.unfinished.found(in_folder(job.name), monotonic_now());
    case ReadFile::State::refused:
      if (parts_.served.has(job.name) && !job.is_known_content) parts_.copies.want(job.name);
      return set_refused(job.name, job.read.reason, context);
    case ReadFile::State::whole:
      parts_.served.set_stamp(job.name, job.read.stamp);  // the same again
      return parts_.copies.forget(job.name);
  }
}

void JobOutcomes::settle_good(const SigningJob& job) {
  const std::string file = in_folder(job.name);
  const std::string& remark = (*job.made)->remark;
  const ServedFile& served = *parts_.served.find(job.name);
  // Of one that may be a copy it is said when that is known: it may not be served at all.
  if (served.warning.empty()) parts_.problems.warn(file, served.is_served() ? (*job.made)->warning : "");
  if (!remark.empty())
    parts_.problems.set(file, remark,
                        served.is_served() ? protocol::Served::as_it_is : protocol::Served::nothing);
  // Of a file that is broken on the disk this says nothing; what is there is looked at too.
  if (job.from_memory) return;
  parts_.copies.forget(job.name);
  if (remark.empty()) parts_.problems.clear(file);
}

Status JobOutcomes::take_over(SigningJob& job, bool is_news) {
  ANCHORD_TRY(parts_.served.check_size(job.name, job.content.size()));
  const bool is_of_disk = !job.from_memory && !job.from_copy;
  if (is_of_disk && is_news)
    parts_.served.has(job.name) ? parts_.problems.news().changed(in_folder(job.name))
                                : parts_.problems.news().added(in_folder(job.name));
  parts_.served.put(job.name, job.content, **job.made,
                    is_of_disk ? std::optional(job.read.stamp) : std::nullopt);
  return {};
}

// What was made in an earlier context is refused in this one, and must not stay as it was.
void JobOutcomes::settle_as_before(SigningJob& job, const ProvisioningContext& context) {
  if (*job.made && take_over(job, false)) return set_refused(job.name, std::move(job.read.reason), context);
  if (parts_.served.find(job.name)->is_served())
    job.read.reason += "; nothing of it is served any more, as it was made before the cluster changed";
  parts_.served.withdraw(job.name);
  parts_.served.set_stamp(job.name, {});  // the next look at everything tries again
  set_refused(job.name, std::move(job.read.reason), context);
}

// A file that would fit if readers let go of what it replaces waits a while, and they are asked to.
bool JobOutcomes::waits_for_room(const SigningJob& job) const {
  return job.no_room && !job.from_memory && parts_.memory.superseded() > 0 &&
         parts_.unfinished.looks(in_folder(job.name)) < kLooksForRoom;
}

void JobOutcomes::settle_missing(const std::string& name) {
  if (parts_.served.has(name)) return parts_.gone.missing(name, monotonic_now());
  parts_.copies.forget(name);
  parts_.problems.clear(in_folder(name));
}

void JobOutcomes::remove(const std::set<std::string>& names) {
  for (const std::string& name : names) {
    if (parts_.served.has(name)) remove(name);
    parts_.copies.forget(name);
    parts_.problems.clear(in_folder(name));
  }
}

void JobOutcomes::remove(const std::string& name) {
  parts_.served.remove(name);
  parts_.problems.warn(in_folder(name), "");
  parts_.problems.news().gone(in_folder(name));
  // Somebody else's signed file may have waited for the place.
  const std::string signed_file = in_folder(phone::with_ending(name, phone::FileForm::sgn));
  if (parts_.problems.has(signed_file)) parts_.unfinished.look_again(signed_file);
}

// With what is left of it in service.
void JobOutcomes::set_refused(const std::string& name, std::string reason,
                              const ProvisioningContext& context) {
  const ServedFile* known = parts_.served.find(name);
  if (auto device = phone::configured_device(name); device && known != nullptr && known->is_served_plain()) {
    auto certificate = context.devices.find(*device);
    if (certificate != context.devices.end() && !certificate->second)
      reason += ", and its last good version is not encrypted either";
  }
  parts_.problems.warn(in_folder(name), "");  // what is refused for is more
  parts_.problems.set(
      in_folder(name), std::move(reason),
      known != nullptr && known->is_served() ? protocol::Served::last_good : protocol::Served::nothing);
}

}  // namespace anchord::control

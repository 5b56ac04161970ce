#include "provisioning/served_files.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "anchord/phone/file_kind.h"
#include "provisioning/room.h"

namespace anchord::control {
namespace {

constexpr unsigned form_bit(phone::FileForm form) {
  return 1u << static_cast<unsigned>(form);
}
static_assert(form_bit(phone::FileForm::plain) == ServedFile::kPlainEnding);

unsigned ending_bit(const std::string& name, const std::string& served) {
  for (phone::FileForm form : phone::kFileForms)
    if (std::string_view(served).substr(name.size()) == phone::ending_of(form)) return form_bit(form);
  return 0;
}

// What is accounted for of a file's bytes, which several of its names share.
std::uint64_t memory_of(const index::Blob& content, const MadeFiles& made) {
  std::uint64_t out = content.accounted();
  const index::Blob* last = &content;
  for (const index::FileChange& change : made.files) {
    const index::Blob& more = change.body->content;
    if (more.shares_with(content) || more.shares_with(*last)) continue;
    out += more.accounted();
    last = &more;
  }
  return out;
}

}  // namespace

const ServedFile* ServedFiles::find(const std::string& name) const {
  auto known = files_.find(name);
  return known != files_.end() ? &known->second : nullptr;
}

bool ServedFiles::has_below(const std::string& folder) const {
  auto known = files_.lower_bound(folder);
  return known != files_.end() && known->first.starts_with(folder);
}

Status ServedFiles::check_size(const std::string& name, std::uint64_t size) const {
  const ServedFile* known = find(name);
  const std::uint64_t before = known != nullptr ? known->content.size() : 0;
  if (bytes_ - before + size <= max_bytes_) return {};
  return fail(fmt::format("would take the folder beyond {} bytes (--max-folder-size)", max_bytes_));
}

void ServedFiles::put(const std::string& name, const index::Blob& content, MadeFiles& made,
                      const std::optional<FileStamp>& stamp) {
  ServedFile& file = files_[name];
  // What may fail comes first.
  std::string warning = made.traits.values.empty() && made.traits.packed.empty() ? "" : made.warning;
  made.recipient ? copies_.put_encrypted(name, std::move(made.traits))
                 : copies_.put_other(name, std::move(made.traits));
  file.recipient = std::move(made.recipient);
  file.withheld = false;
  file.warning = std::move(warning);
  if (stamp) file.stamp = *stamp;
  const std::uint64_t memory = memory_of(content, made);
  memory_.serve(std::exchange(file.memory, memory), memory);
  bytes_ += content.size() - file.content.size();
  file.content = content;
  unsigned endings = 0;
  for (const index::FileChange& change : made.files) {
    if (change.name != name) give_up_place(change.name);
    endings |= ending_bit(name, change.name);
    signatures_.use(change.name);
  }
  // What is no longer served is told once, so all that may fail comes before it counts as told.
  make_room_for(changes_, made.files.size() + phone::kFileForms.size());
  signatures_.make_room(made.made.size());
  drop_endings(name, file.endings & ~endings);
  file.endings = endings;
  file.settled = true;
  file.doubtful = false;
  std::uint64_t signed_files = 0;
  for (const index::FileChange& change : made.files) signed_files += change.body->header.size() > 0;
  totals_.signatures_made += made.made.size();
  totals_.signatures_kept += signed_files - made.made.size();
  std::ranges::move(made.files, std::back_inserter(changes_));
  settle();
  signatures_.keep(std::move(made.made));
}

void ServedFiles::set_stamp(const std::string& name, const FileStamp& stamp) {
  if (auto known = files_.find(name); known != files_.end()) known->second.stamp = stamp;
}

void ServedFiles::withdraw(const std::string& name) {
  ServedFile& file = files_.at(name);
  drop_endings(name, file.endings);
  file.endings = 0;
  settle();
}

void ServedFiles::remove(const std::string& name) {
  auto known = files_.find(name);
  if (known == files_.end()) return;
  drop_endings(name, known->second.endings);
  forget(known);
  settle();
}

void ServedFiles::judge_copies(const DeviceCertificates& devices, FileProblems& problems) {
  for (const std::string& name : copies_.suspects()) {
    ServedFile& known = files_.at(name);
    const std::string file = std::string(kProvisioningPrefix) + name;
    if (std::string problem = copies_.problem(name, devices); !problem.empty()) {
      withdraw(name);
      known.withheld = true;
      problems.warn(file, "");
      problems.set(file, std::move(problem), protocol::Served::nothing);
    } else if (known.withheld) {
      unfinished_.look_again(file);  // which makes it anew, and serves it
      known.withheld = false;
    } else if (known.is_served() && !known.warning.empty() && !problems.has(file)) {
      problems.warn(file, known.warning);
    }
  }
}

void ServedFiles::drop_unsettled() noexcept {
  changes_.erase(changes_.begin() + static_cast<std::ptrdiff_t>(std::min(settled_changes_, changes_.size())),
                 changes_.end());
  for (auto at = files_.begin(); at != files_.end();) {
    auto file = at++;
    file->second.stamp = {};
    file->second.doubtful = true;
    if (!file->second.settled) forget(file);
  }
}

void ServedFiles::drop_endings(const std::string& name, unsigned endings) {
  for (phone::FileForm form : phone::kFileForms) {
    if ((endings & form_bit(form)) == 0) continue;
    std::string served = phone::with_ending(name, form);
    signatures_.drop(served, form != phone::FileForm::plain);
    changes_.push_back({std::move(served), std::nullopt});
  }
}

// A file has come whose signed form has that name.
void ServedFiles::give_up_place(const std::string& served) {
  auto known = files_.find(served);
  if (known == files_.end()) return;
  forget(known);
  unfinished_.look_again(std::string(kProvisioningPrefix) + served);  // and refuse it
}

void ServedFiles::forget(std::map<std::string, ServedFile>::iterator file) noexcept {
  bytes_ -= file->second.content.size();
  memory_.serve(file->second.memory, 0);
  copies_.forget(file->first);
  files_.erase(file);
}

}  // namespace anchord::control

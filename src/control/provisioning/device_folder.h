// The phones' certificates in the folder devices/: which file is which phone's, what is wrong with files, and
// which certificates are in use. A certificate that was good stays when its file breaks; of a phone whose
// certificate cannot be read nothing goes out that is meant to be encrypted. One thread's own.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/crypto/certificate.h"
#include "provisioning/file_maker.h"
#include "provisioning/file_problems.h"
#include "provisioning/folder.h"
#include "provisioning/removal_news.h"
#include "provisioning/removals.h"
#include "provisioning/unfinished_files.h"

namespace anchord::control {

class DeviceFolder {
 public:
  // All outlive this one. Many certificates that go at once are held for so long.
  DeviceFolder(const Folder& folder, UnfinishedFiles& unfinished, FileProblems& problems,
               Millis hold_removals)
      : folder_(folder),
        unfinished_(unfinished),
        problems_(problems),
        gone_(hold_removals),
        removal_news_(
            "phones' certificates have gone from devices/, without which their configurations are served "
            "unencrypted",
            hold_removals) {}

  // Looks at a file of that name, which may be gone. The first time nothing is news.
  void read(const std::string& name, bool is_first_look);
  // Their certificates go out of use.
  void remove(const std::set<std::string>& names);

  // The context with these certificates in it. The store's word, given by command, comes before the folder's.
  std::shared_ptr<const ProvisioningContext> merged_into(const ProvisioningContext& given) const;
  // Warns of files whose certificate is another phone's too; `all` are in use.
  void warn_of_shared(const DeviceCertificates& all);

  // The files that were found so far.
  const std::map<std::string, FileStamp>& files() const { return files_; }
  // Whether the file is known as it is now, and no removal of it waits.
  bool is_known(const std::string& name, const FileStamp& stamp) const;
  bool has_certificates() const { return !certificates_.empty(); }
  // All files are to be read again.
  void doubt_all() noexcept;

  // Removals that wait: see Removals. A certificate stays for as long as its phone's configuration, which has
  // gone too (`gone_files`), is in service.
  std::set<std::string> take_due_removals(const Removals& gone_files, Millis now);
  const Removals& gone() const { return gone_; }
  std::size_t waiting_removals() const { return gone_.waiting().size() + after_their_files_.size(); }
  void confirm_removals() { gone_.confirm(); }
  void tell_removals(Millis now) { removal_news_.tell(gone_, now); }

 private:
  void settle_missing(const std::string& name);
  void settle_untaken(const std::string& name, const ReadFile& read, std::string reason);
  Result<crypto::Certificate> certificate_in(const std::string& name, const ReadFile& read);
  bool takes_device(const std::string& name, const std::string& device);
  bool uses(const std::string& name) const;
  std::set<std::string> devices_of(const std::string& name) const;
  void look_again(const std::string& name);
  void clear_problems(const std::string& name);

  const Folder& folder_;
  UnfinishedFiles& unfinished_;
  FileProblems& problems_;
  std::map<std::string, crypto::Certificate> certificates_;  // by device: what is used, or was last good
  std::map<std::string, std::string> file_of_device_;        // its certificate's
  // Files that cannot be taken, and the devices that they name in any way: what such a device gets is meant
  // to be encrypted.
  std::map<std::string, std::set<std::string>> untaken_;
  std::map<std::string, FileStamp> files_;
  Removals gone_;
  std::set<std::string> after_their_files_;  // files that go when their phones' configurations do
  RemovalNews removal_news_;
};

}  // namespace anchord::control

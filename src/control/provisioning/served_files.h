// What is served of each file of the folder provisioning/, and what of that has changed since it was last
// taken. It knows nothing of why: whoever has made a file puts it, whoever has found that it is gone removes
// it.
//
// Where there is no memory (std::bad_alloc) a step may be half done. What it has done to a file is either
// whole or taken back by drop_unsettled(), which is called then before anything else. One thread's own, but
// that helpers may look for files while nothing else happens here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "anchord/crypto/certificate.h"
#include "anchord/index/file_table.h"
#include "provisioning/copies.h"
#include "provisioning/file_maker.h"
#include "provisioning/file_memory.h"
#include "provisioning/file_problems.h"
#include "provisioning/folder.h"
#include "provisioning/signature_cache.h"
#include "provisioning/unfinished_files.h"

namespace anchord::control {

// A file as it is served.
struct ServedFile {
  // Whether it is served under its own name, and under another one (F.sgn).
  static constexpr unsigned kPlainEnding = 1;
  bool is_served() const { return endings != 0; }
  bool is_served_plain() const { return (endings & kPlainEnding) != 0; }
  bool is_served_signed() const { return endings > kPlainEnding; }

  FileStamp stamp;  // of the version that was looked at last
  index::Blob content;
  unsigned endings = 0;                          // a bit for each phone::FileForm
  std::optional<crypto::Certificate> recipient;  // whom it is encrypted to
  bool withheld = false;                         // it is a copy of one that is encrypted
  std::string warning;                           // to be given if it is not
  std::uint64_t memory = 0;                      // what all of that takes of the budget
  bool settled = false;                          // all of that has come to its end once
  bool doubtful = false;                         // something failed while it was settled: it is made anew
};

class ServedFiles {
 public:
  // Of all that was put since the start.
  struct Totals {
    std::uint64_t signatures_made = 0;
    std::uint64_t signatures_kept = 0;  // of the last run
  };

  // `max_bytes` of all contents. All others outlive this one. A file that loses its place to another one's
  // signed form, or may be served again, is named to `unfinished` to be looked at.
  ServedFiles(std::uint64_t max_bytes, SignatureCache& signatures, FileMemory& memory,
              UnfinishedFiles& unfinished)
      : max_bytes_(max_bytes), signatures_(signatures), memory_(memory), unfinished_(unfinished) {}

  const std::map<std::string, ServedFile>& all() const { return files_; }
  const ServedFile* find(const std::string& name) const;
  bool has(const std::string& name) const { return files_.contains(name); }
  // Whether a file with that beginning is known.
  bool has_below(const std::string& folder) const;
  std::uint64_t bytes() const { return bytes_; }
  const Totals& totals() const { return totals_; }

  // Whether there is room for a content of that size under the limit of the folder; the error is the reason.
  Status check_size(const std::string& name, std::uint64_t size) const;
  // From now on that is what is served of the file; of `made` remark and warning are left. `stamp`: of the
  // version on the disk that it was made of.
  void put(const std::string& name, const index::Blob& content, MadeFiles& made,
           const std::optional<FileStamp>& stamp);
  // The version on the disk with that stamp is what is served, or is to be looked at again ({}).
  void set_stamp(const std::string& name, const FileStamp& stamp);
  // Nothing of it is served from now on; what it was stays known.
  void withdraw(const std::string& name);
  // Nothing of it is known any more.
  void remove(const std::string& name);

  // Withholds what turns out to be a copy of a configuration that goes out encrypted, and says so. Before
  // anything goes out: both a copy and what it is a copy of may be new.
  void judge_copies(const DeviceCertificates& devices, FileProblems& problems);

  // What is not taken yet. The first settled() of them may go out; what is behind is of a step under way.
  bool has_changes() const { return !changes_.empty(); }
  std::vector<index::FileChange>& changes() { return changes_; }
  void note_sent() noexcept { settled_changes_ = 0; }
  // All changes so far are of steps that have come to their end.
  void settle() noexcept { settled_changes_ = changes_.size(); }
  // After an allocation has failed: takes back what is half done, and has all others looked at and made anew.
  void drop_unsettled() noexcept;

 private:
  void drop_endings(const std::string& name, unsigned endings);
  void give_up_place(const std::string& served);
  void forget(std::map<std::string, ServedFile>::iterator file) noexcept;

  const std::uint64_t max_bytes_;
  SignatureCache& signatures_;
  FileMemory& memory_;
  UnfinishedFiles& unfinished_;
  std::map<std::string, ServedFile> files_;
  Copies copies_;
  std::uint64_t bytes_ = 0;
  Totals totals_;
  std::vector<index::FileChange> changes_;
  std::size_t settled_changes_ = 0;
};

}  // namespace anchord::control

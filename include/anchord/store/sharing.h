// A cluster whose hosts share their state by an engine (etcd): a host becomes a member, follows what the
// others change, and is a single machine again. Its own database stays its whole state: it serves, and
// starts, without the engine, and changes nothing then.
//
// Errors are one line that names what is wrong and what to do.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "anchord/base/bytes.h"
#include "anchord/base/clock.h"
#include "anchord/base/error.h"
#include "anchord/crypto/secret.h"
#include "anchord/store/backup.h"
#include "anchord/store/store.h"

namespace anchord::store {

// Where the engine is, and by what its members and this host know each other. Contents of files in PEM; what
// is empty is not used.
struct EngineAccess {
  std::string members;  // URLs with commas between them
  std::string ca;
  std::string certificate;
  crypto::Secret key;
  std::string user;
  crypto::Secret password;
};

struct Member {
  std::string host;         // which of the cluster's this one is
  std::string engine;       // as EngineAccess::members
  std::int64_t number = 0;  // of the last change that was taken over
};

// Nothing on a single machine.
Result<std::optional<Member>> membership_of(Store& store);
// Whether it is none: one read of one row, for asking often.
Result<bool> is_member(Store& store);

// Puts a single machine's state into an engine that has nothing of its cluster yet; this is its host `host`.
// Private keys go there sealed under a key that is made for that, and stays in the state directory. Nothing
// is left of it, there and here, unless all was done.
Result<Member> share_cluster(Store& store, EngineAccess access, std::string_view host);

// All that another host needs to join: a file as a backup is, under a passphrase, with the cluster's key and
// the access to the engine. Whoever has both can sign what phones take.
Result<BackupFacts> write_ticket(Store& store, std::string_view host, const std::filesystem::path& file,
                                 Bytes passphrase, UnixSeconds now, const BackupProgress& progress);

struct JoinRequest {
  std::string engine;    // its members' URLs; empty: those of the ticket
  bool replace = false;  // although the host is a member already: its state is lost
};

// Makes a state directory of a ticket, where there is none or an empty one, and takes over what was changed
// since.
Result<Member> join_cluster(const std::filesystem::path& file, const std::filesystem::path& state,
                            Bytes passphrase, const JoinRequest& request, const BackupProgress& progress);

// From here on the state is a single machine's. With `although_unreachable` also where the engine cannot be
// told of it; the others count this host then until it is told.
struct Left {
  Member before;
  std::string untold;  // why the engine was not told; empty: it was
};
Result<Left> leave_cluster(Store& store, bool although_unreachable);

// Takes over what other hosts change, as they do it. On a thread that may wait.
class SharedFollower {
 public:
  explicit SharedFollower(Store store);
  SharedFollower(SharedFollower&&) noexcept;
  ~SharedFollower();

  struct Report {
    std::optional<Member> member;  // none: a single machine
    std::int64_t newest = 0;       // the number of the last change that the engine was heard to have
    UnixSeconds heard = 0;         // when the engine last said anything
    std::string problem;           // why changes are not taken over
  };

  // Waits for changes, so long at the most and one try to reach the engine longer, and takes them over. On a
  // single machine it returns at once. True: something was taken over.
  bool follow(Millis wait);
  const Report& report() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace anchord::store

// What making and reading backups share.
#pragma once

#include <filesystem>
#include <functional>

#include "anchord/crypto/scrypt.h"
#include "anchord/store/backup.h"
#include "anchord/trust/cluster.h"
#include "database/temporary_folder.h"

namespace anchord::store {

// As create_backup(), with a cost of the passphrase that tests can wait for.
Result<BackupFacts> write_backup(const std::filesystem::path& state, const std::filesystem::path& file,
                                 Bytes passphrase, crypto::ScryptCost cost, UnixSeconds now,
                                 const BackupProgress& progress);

// The same without a note of it; with the content of a ticket it is one, and no backup.
Result<BackupFacts> write_archive(const std::filesystem::path& state, const std::filesystem::path& file,
                                  Bytes passphrase, crypto::ScryptCost cost, UnixSeconds now,
                                  const BackupProgress& progress, Bytes ticket);

// As write_ticket().
Result<BackupFacts> make_ticket(Store& store, std::string_view host, const std::filesystem::path& file,
                                Bytes passphrase, crypto::ScryptCost cost, UnixSeconds now,
                                const BackupProgress& progress);

// What makes a ticket of a backup: in it is what a host needs to join a cluster.
constexpr char kTicketName[] = "cluster-ticket.json";

// Unpacks `file` aside, has `finish` make of it what it is to be, and puts that where the state is to be: an
// empty folder or none.
using FinishState = std::function<Status(const std::filesystem::path& folder)>;
Status make_state(const std::filesystem::path& file, const std::filesystem::path& state, Bytes passphrase,
                  const FinishState& finish, const BackupProgress& progress);

// But for files and bytes.
BackupFacts facts_of(const trust::Cluster& cluster, UnixSeconds made_at);

struct FileOwner {
  unsigned user = 0;
  unsigned group = 0;
};

struct Unpacked {
  BackupFacts facts;
  LoadedCluster loaded;
};

// Reads and checks all of `file`, and writes to `folder`, which is there and empty, what is to
// be written: with only_store the database and the keys. Then opens the store there, with its
// keys, and checks the lists that it has saved.
Result<Unpacked> unpack(const std::filesystem::path& file, Bytes passphrase,
                        const std::filesystem::path& folder, bool only_store,
                        const std::optional<FileOwner>& owner, const BackupProgress& progress);

}  // namespace anchord::store

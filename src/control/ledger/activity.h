// What devices did, from the shards' queues to whoever wants to know: the ledger, the log of
// devices, their traces and the service's log. The queues lie in the journal (journal.h), whose
// places become free as the ledger is written.
//
// On the control thread; the shards that write to the queues must have ended before it does.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "anchord/crypto/certificate.h"
#include "anchord/index/file_table.h"
#include "anchord/io/ring.h"
#include "ledger/address_book.h"
#include "ledger/device_log.h"
#include "ledger/journal.h"
#include "ledger/ledger_writer.h"
#include "ledger/tracer.h"

namespace anchord::control {

class Activity {
 public:
  // Sources that were caught guessing devices' names and are remembered.
  static constexpr std::size_t kMaxGuessing = 100;

  // What is in service at the time of a call.
  struct Served {
    const index::FileTable& files;
    const std::optional<crypto::Certificate>& tvs;  // that TVS presents
  };

  // `ledger` is the ledger's own connection to the store.
  explicit Activity(store::Store ledger) : ledger_(std::move(ledger)) {}

  // Before there are shards: opens the journal, and takes over what a service before this one has
  // left there. `store` is any connection to the store.
  Status begin(const std::filesystem::path& state, unsigned shards, const std::string& host,
               store::Store& store);
  Journal& journal() { return *journal_; }  // after begin()

  // Takes in what has come; `all` when the shards have ended. Before begin() there is nothing.
  void take(const Served& served, bool all = false);
  // As Tracer::answer(), with all that has come.
  protocol::Answer trace(const protocol::TraceRequest& request, const Served& served);
  // After the shards. Fails when the ledger could not be told everything: the journal has it.
  Status end(const Served& served);

  void serve_own(std::vector<index::FileEntry> lists) { ledger_.serve_own(std::move(lists)); }

  const DeviceLog& devices() const { return devices_; }
  LedgerWriter::Report ledger() const { return ledger_.report(); }
  // Records that shards have made and nobody has taken in yet.
  std::uint64_t unread();
  // When a source was last caught, by address.
  const std::map<std::string, UnixSeconds>& guessing() const { return guessing_; }

 private:
  Millis whole_until();
  void remember_addresses(store::Store& store, UnixSeconds now);
  void settle_journal(UnixSeconds now);
  struct Read {
    service::Download download;
    UnixSeconds time = 0;
    bool noted = false;
  };
  void take_in(const service::Question& question, UnixSeconds now, const Served* served);
  void take_in(const service::Download& download, UnixSeconds now, const Served* served);
  void note_downloads(const Served* served);
  static std::set<const Read*> repeated_nameless(const std::vector<Read*>& in_order);
  void note_nameless(const Read& read, bool repeated);
  void note(const service::Guessing& guessing, UnixSeconds now);
  void trace(service::ActivityLog& log, const Served& served, UnixSeconds now);

  LedgerWriter ledger_;
  std::optional<Journal> journal_;
  unsigned shards_ = 0;
  DeviceLog devices_;
  AddressBook addresses_;
  std::vector<Read> read_;  // in one look, until all shards were looked at
  Tracer tracer_;
  std::map<std::string, UnixSeconds> guessing_;
};

}  // namespace anchord::control

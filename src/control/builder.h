// From the store to what shards serve from. Each build() makes the next view aside
// and checks it; when it fails nothing has changed, and the reason says what.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "anchord/control/options.h"
#include "anchord/service/view.h"
#include "anchord/store/store.h"

namespace anchord::control {

class Builder {
 public:
  // `host` is one of the cluster's; its TVS certificate is the one presented.
  Builder(store::Store store, const Options& options, unsigned shards);

  // Which of the cluster's hosts this is: the one asked for, else the one whose
  // address this machine has, else the first.
  Status choose_host();
  const std::string& host() const { return host_; }

  // What is in the store now, as a view with the next version.
  Result<std::unique_ptr<const service::View>> build();

  // The store's state that the last successful build() showed.
  std::int64_t built_from() const { return built_from_; }
  // Whether the store has changed since build() was last called, whatever came of it.
  Result<bool> store_changed();

  // New ticket keys from the next build() on; the old ones stay good for one turn.
  void rotate_ticket_keys();

  store::Store& store() { return store_; }

 private:
  // What the index holds of one certificate, to find what has changed.
  struct Published {
    std::vector<std::uint8_t> roles;
    std::uint32_t ttl = 0;
    Buffer der;
    bool operator==(const Published&) const = default;
  };
  using PublishedByHash = std::map<crypto::Sha256, Published>;

  Result<PublishedByHash> certificates_of(const trust::Cluster& cluster) const;
  index::CertificateIndex updated_index(const PublishedByHash& next) const;
  Result<std::vector<crypto::TlsContext>> contexts_for(const trust::Identity& identity) const;
  void warn_of_expiry(const trust::Cluster& cluster) const;

  store::Store store_;
  const Options& options_;
  unsigned shards_;
  std::string host_;
  crypto::TicketKeys ticket_keys_;
  bool ticket_keys_changed_ = false;
  std::int64_t asked_for_ = -1;
  std::int64_t built_from_ = -1;

  // Of the last view that was built.
  std::uint64_t version_ = 0;
  PublishedByHash published_;
  index::CertificateIndex certificates_;
  index::FileTable files_;
  std::optional<crypto::Certificate> presented_;
  std::vector<crypto::TlsContext> contexts_;
};

}  // namespace anchord::control

// From the store and the provisioning folder to what shards serve from.
//
// stage() makes ready everything that follows from the store's state; when it fails,
// nothing has changed, and the reason says what. Files come from the provisioner,
// which makes them from the staged context(): a view is made when all of its files are
// of that context, so that no view holds the lists of one signer and the files of
// another.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "anchord/control/options.h"
#include "anchord/service/view.h"
#include "anchord/store/store.h"
#include "provisioning/file_maker.h"
#include "provisioning/own_lists.h"
#include "provisioning/provisioning_report.h"
#include "snapshot/expiry.h"

namespace anchord::control {

class Builder {
 public:
  // The cluster's state that the last view serves.
  struct ServedState {
    trust::Mode mode = trust::Mode::nonsecure;
    bool rolling_back = false;
    std::string serves;  // trust::state_digest(), in hexadecimal
  };

  // `host` is one of the cluster's; its TVS certificate is the one presented.
  Builder(store::Store store, const Options& options, unsigned shards);

  // As choose_host() of host_choice.h.
  Status choose_host();
  const std::string& host() const { return host_; }

  // Where there is no memory (std::bad_alloc) nothing has changed either.
  Status stage();
  // What files must be made from now; after the first stage().
  const std::shared_ptr<const ProvisioningContext>& context() const { return context_; }
  // What the provisioner has made, in its order. When there is no memory for it (std::bad_alloc) it is to
  // be applied again before a view is made.
  void apply(ProvisioningUpdate& update);
  void apply(ProvisioningUpdate&& update) { apply(update); }
  // Whether a view can be made: the files are of the staged context.
  bool ready() const { return context_ != nullptr && made_from_ == context_->generation; }
  // What was staged and applied, as a view with the next version. Only when ready(). When there is no
  // memory for it (std::bad_alloc), the next call makes it.
  std::unique_ptr<const service::View> view();

  // Lists of single phones, as of the last view.
  const OwnLists& own_lists() const { return own_lists_; }

  // The store's state that the last view shows.
  std::int64_t built_from() const { return built_from_; }
  const ServedState& served_state() const { return served_state_; }
  // What TVS presents in the last view.
  const std::optional<crypto::Certificate>& tvs_certificate() const { return tvs_.certificate; }
  // The expiry of the certificates that were staged last.
  ExpiryWatch& expiry() { return expiry_; }
  const ExpiryWatch& expiry() const { return expiry_; }
  // Whether the store has changed since stage() was last called, whatever came of it.
  Result<bool> store_changed();

  // New ticket keys from the next stage() on; the old ones stay good for one rotation.
  void rotate_ticket_keys();

  store::Store& store() { return store_; }

 private:
  // How what the store vouches for differs from what was staged last.
  struct Difference {
    store::KnownStates own;  // all of the cluster's own
    std::vector<store::HashText> gone;
    std::vector<trust::KnownCertificate> put;
  };

  // The TLS contexts that present one certificate.
  struct Presented {
    std::optional<crypto::Certificate> certificate;
    std::vector<crypto::TlsContext> contexts;
  };

  // What the store's state has come to, and no view shows yet.
  struct Staged {
    index::CertificateIndex certificates;
    Presented tvs;
    Presented https;
    std::vector<index::FileChange> lists;
    std::map<std::string, index::Blob> made_lists;  // of single phones, by name
    std::vector<crypto::Certificate> verifiers;     // what each host's TVS presents
    ServedState served_state;
    std::int64_t change_counter = 0;
  };

  Status stage_next();
  Difference difference(const store::LoadedChanges& loaded) const;
  Result<index::CertificateIndex> updated_index(const Difference& difference) const;
  void take(Difference difference);
  Result<Presented> present(const Presented& before, const trust::Identity& identity) const;
  std::shared_ptr<const ProvisioningContext> context_of(const trust::Cluster& cluster) const;
  Result<std::vector<index::FileChange>> lists_of(const trust::Cluster& cluster);
  Result<std::map<std::string, index::Blob>> made_lists();
  Result<OwnLists::Found> found_by_phones() const;

  store::Store store_;
  const Options& options_;
  unsigned shards_;
  std::string host_;
  crypto::TicketKeys ticket_keys_;
  bool ticket_keys_changed_ = false;
  std::int64_t asked_for_ = -1;
  std::int64_t built_from_ = -1;
  ServedState served_state_;
  ExpiryWatch expiry_;
  // What the index that was staged last is of. All are empty while nothing is vouched for:
  // the state after that is loaded whole.
  store::KnownStates own_;
  store::KnownStates others_;
  store::ChangeMark mark_;
  bool from_nothing_ = false;  // they were lost: the next index is made of all that is loaded
  std::shared_ptr<const ProvisioningContext> context_;
  std::optional<Staged> staged_;
  std::uint64_t made_from_ = 0;  // the context of what was applied last

  // Of the last view, but for the files, which may be ahead of it.
  std::uint64_t version_ = 0;
  index::CertificateIndex certificates_;
  index::FileTable files_;
  OwnLists own_lists_;
  std::vector<crypto::Certificate> verifiers_;
  Presented tvs_;
  Presented https_;
};

}  // namespace anchord::control

// From the store and the provisioner to the view that shards serve from: what has come is applied to the
// builder, and what the builder can make is published as soon as shards can take it. On the control thread.
//
// Where there is no memory (std::bad_alloc) nothing is lost: each step is done again by its next call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "anchord/base/clock.h"
#include "anchord/control/options.h"
#include "anchord/service/shard.h"
#include "anchord/store/store.h"
#include "ledger/activity.h"
#include "provisioning/provisioner.h"
#include "snapshot/builder.h"

namespace anchord::control {

class Publication {
 public:
  // All outlive this one.
  Publication(store::Store store, const Options& options, unsigned shards, Provisioner& provisioner)
      : provisioner_(provisioner), builder_(std::move(store), options, shards), publisher_(shards) {}

  Builder& builder() { return builder_; }
  const Builder& builder() const { return builder_; }
  service::ViewPublisher& publisher() { return publisher_; }

  // The view in service; after the first publish().
  const service::View& view() const { return *publisher_.current(); }
  UnixSeconds published_at() const { return published_at_; }

  // Applies what the provisioner has made. None of it is lost, and none is published half.
  void take_files();
  // Some of that is not applied, or not wholly: there was no memory for it.
  bool is_half_applied() const { return update_.has_value(); }

  // What was staged is to be made and published; files that must be made anew come later, and all of it is
  // published then.
  void follow_staged();
  // The builder has something that no view shows.
  bool is_behind() const { return behind_; }
  // Whether a new view is in service. Readers that lag keep old views alive: with as many as are allowed, a
  // later call publishes what this one would have.
  bool publish();

  // Tells the ledger of the lists of single phones in service: guards of changes judge phones by the lists
  // that they hold, and by those that they would be served.
  void keep_own_lists(Activity& activity);
  // How many they are, once the ledger was told of any.
  std::size_t own_lists() const { return own_lists_ ? own_lists_->size() : 0; }

  Activity::Served served() const { return {.files = view().files, .tvs = builder_.tvs_certificate()}; }

 private:
  Provisioner& provisioner_;
  Builder builder_;
  service::ViewPublisher publisher_;
  std::optional<ProvisioningUpdate> update_;  // not applied, or not wholly
  bool behind_ = false;
  UnixSeconds published_at_ = 0;
  std::optional<std::map<std::string, std::uint64_t>> own_lists_;  // with their versions
};

}  // namespace anchord::control

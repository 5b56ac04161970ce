#include "provisioning/provisioner_mailbox.h"

namespace anchord::control {

Result<std::unique_ptr<ProvisionerMailbox>> ProvisionerMailbox::create() {
  ANCHORD_TRY_ASSIGN(io::Waker asked, io::Waker::create());
  ANCHORD_TRY_ASSIGN(io::Waker updated, io::Waker::create());
  return std::unique_ptr<ProvisionerMailbox>(new ProvisionerMailbox(std::move(asked), std::move(updated)));
}

void ProvisionerMailbox::set_context(std::shared_ptr<const ProvisioningContext> context) {
  {
    std::lock_guard lock(mutex_);
    next_ = std::move(context);
  }
  asked_.wake();
}

void ProvisionerMailbox::rescan() {
  {
    std::lock_guard lock(mutex_);
    rescan_asked_ = true;
  }
  asked_.wake();
}

void ProvisionerMailbox::confirm_removals() {
  {
    std::lock_guard lock(mutex_);
    removals_confirmed_ = true;
  }
  asked_.wake();
}

void ProvisionerMailbox::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  asked_.wake();
}

std::optional<ProvisioningUpdate> ProvisionerMailbox::take_update() {
  updated_.drain();
  std::lock_guard lock(mutex_);
  if (updates_.empty()) return std::nullopt;
  ProvisioningUpdate out = std::move(updates_.front());
  updates_.pop_front();
  if (!updates_.empty()) updated_.wake();
  return out;
}

ProvisioningReport ProvisionerMailbox::report() const {
  std::lock_guard lock(mutex_);
  return report_;
}

ProvisionerMailbox::Asked ProvisionerMailbox::take_asked() {
  std::lock_guard lock(mutex_);
  return {.to_stop = stopping_,
          .to_confirm = !stopping_ && std::exchange(removals_confirmed_, false),
          .to_rescan = rescan_asked_,
          .has_context = next_ != nullptr};
}

bool ProvisionerMailbox::is_to_stop() const {
  std::lock_guard lock(mutex_);
  return stopping_;
}

void ProvisionerMailbox::begin_rescan() {
  std::lock_guard lock(mutex_);
  rescan_asked_ = false;
}

std::shared_ptr<const ProvisioningContext> ProvisionerMailbox::take_context() {
  std::lock_guard lock(mutex_);
  return std::move(next_);
}

void ProvisionerMailbox::put_back_context(std::shared_ptr<const ProvisioningContext> context) noexcept {
  std::lock_guard lock(mutex_);
  if (next_ == nullptr) next_ = std::move(context);
}

void ProvisionerMailbox::send(std::uint64_t generation, std::vector<index::FileChange>& changes) {
  std::lock_guard lock(mutex_);
  ProvisioningUpdate& update = updates_.emplace_back();
  update.generation = generation;
  update.changes.swap(changes);
  updated_.wake();
}

}  // namespace anchord::control

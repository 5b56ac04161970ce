// What passes between the provisioner's thread and all others: the service asks, the thread answers by
// updates and a report. Thread-safe; nobody waits for the other side in here.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "anchord/base/error.h"
#include "anchord/io/socket.h"
#include "provisioning/file_maker.h"
#include "provisioning/provisioning_report.h"

namespace anchord::control {

class ProvisionerMailbox {
 public:
  static Result<std::unique_ptr<ProvisionerMailbox>> create();

  // For the service. Each wakes the thread.
  void set_context(std::shared_ptr<const ProvisioningContext> context);
  void rescan();
  void confirm_removals();
  void stop();
  // Readable when there is an update.
  int update_descriptor() const { return updated_.descriptor(); }
  std::optional<ProvisioningUpdate> take_update();
  ProvisioningReport report() const;

  // For the provisioner's thread.
  struct Asked {
    bool to_stop = false;
    bool to_confirm = false;  // told once
    bool to_rescan = false;   // until begin_rescan()
    bool has_context = false;
  };
  // Readable when something was asked for since clear_wake().
  int asked_descriptor() const { return asked_.descriptor(); }
  void clear_wake() const { asked_.drain(); }
  void wake_again() const noexcept { asked_.wake(); }
  Asked take_asked();
  bool is_to_stop() const;
  void begin_rescan();
  // nullptr when there is no new one.
  std::shared_ptr<const ProvisioningContext> take_context();
  // One that could not be followed; a newer one is kept instead of it.
  void put_back_context(std::shared_ptr<const ProvisioningContext> context) noexcept;
  // Empties `changes`. Where there is no memory (std::bad_alloc) they are as before.
  void send(std::uint64_t generation, std::vector<index::FileChange>& changes);
  // `edit` gets the report. It allocates nothing, since half of a report must not be seen.
  template <class Edit>
  void edit_report(Edit&& edit) {
    std::lock_guard lock(mutex_);
    edit(report_);
  }

 private:
  ProvisionerMailbox(io::Waker asked, io::Waker updated)
      : asked_(std::move(asked)), updated_(std::move(updated)) {}

  const io::Waker asked_;
  const io::Waker updated_;

  mutable std::mutex mutex_;  // over what follows
  std::shared_ptr<const ProvisioningContext> next_;
  std::deque<ProvisioningUpdate> updates_;
  ProvisioningReport report_;
  bool rescan_asked_ = false;
  bool removals_confirmed_ = false;
  bool stopping_ = false;
};

}  // namespace anchord::control

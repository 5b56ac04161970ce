#include "admin/board.h"

#include <chrono>

namespace anchord::control {

Result<std::unique_ptr<AdminBoard>> AdminBoard::create() {
  ANCHORD_TRY_ASSIGN(auto asked, io::Waker::create());
  return std::unique_ptr<AdminBoard>(new AdminBoard(std::move(asked)));
}

void AdminBoard::answer(const std::function<AdminFacts()>& make) {
  {
    const std::lock_guard lock(mutex_);
    if (!waiting_) return;
  }
  auto made = std::make_shared<const AdminFacts>(make());
  asked_.drain();
  const std::lock_guard lock(mutex_);
  facts_ = std::move(made);
  waiting_ = false;
  told_.notify_all();
}

void AdminBoard::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  told_.notify_all();
}

bool AdminBoard::is_fresh() const {
  return facts_ != nullptr && monotonic_now() < facts_->made + kFresh;
}

// Whoever has waited in vain once does not wait again until an answer has come: who asks for what needs no
// status is not to be kept.
std::shared_ptr<const AdminFacts> AdminBoard::facts() {
  std::unique_lock lock(mutex_);
  if (is_fresh() || waiting_ || closed_ || phase_ == Phase::starting) return facts_;
  waiting_ = true;
  asked_.wake();
  told_.wait_for(lock, std::chrono::milliseconds(kLongestWait), [this] { return !waiting_ || closed_; });
  return facts_;
}

}  // namespace anchord::control

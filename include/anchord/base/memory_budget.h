// An account of memory whose size others decide: files that somebody puts into a folder.
//
// Whoever wants bytes takes a share before they are allocated, and keeps it as long as they are
// held. A share that does not fit is not given, so that what would not fit is refused before
// anything fails. Thread-safe, and allocates nothing but at its making.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>

namespace anchord {

class MemoryBudget {
 public:
  static constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

  // Bytes that are held until this is gone. One that is empty counts nowhere.
  class Share {
   public:
    Share() = default;
    Share(Share&& other) noexcept
        : account_(std::move(other.account_)), bytes_(std::exchange(other.bytes_, 0)) {}
    Share& operator=(Share&& other) noexcept {
      Share old(std::move(*this));
      account_ = std::move(other.account_);
      bytes_ = std::exchange(other.bytes_, 0);
      return *this;
    }
    ~Share() {
      if (account_ != nullptr) account_->held.fetch_sub(bytes_, std::memory_order_relaxed);
    }

    explicit operator bool() const { return account_ != nullptr; }
    std::uint64_t bytes() const { return bytes_; }

    // A share of its own for a part of what this one was taken for. Where that has turned out larger
    // than was thought it is counted all the same: it is there already.
    Share split(std::uint64_t bytes) noexcept {
      if (account_ == nullptr) return {};
      const std::uint64_t more = bytes - std::min(bytes, bytes_);
      account_->held.fetch_add(more, std::memory_order_relaxed);
      bytes_ -= bytes - more;
      return Share(account_, bytes);
    }

   private:
    friend class MemoryBudget;
    struct Account {
      explicit Account(std::uint64_t bytes) : limit(bytes) {}
      const std::uint64_t limit;
      std::atomic<std::uint64_t> held{0};
    };
    Share(std::shared_ptr<Account> account, std::uint64_t bytes) noexcept
        : account_(std::move(account)), bytes_(bytes) {}

    std::shared_ptr<Account> account_;
    std::uint64_t bytes_ = 0;
  };

  explicit MemoryBudget(std::uint64_t limit = kNoLimit) : account_(std::make_shared<Share::Account>(limit)) {}

  // An empty one when that much is not free.
  Share take(std::uint64_t bytes) const noexcept {
    std::uint64_t held = account_->held.load(std::memory_order_relaxed);
    do {
      if (held > account_->limit || bytes > account_->limit - held) return {};
    } while (!account_->held.compare_exchange_weak(held, held + bytes, std::memory_order_relaxed));
    return Share(account_, bytes);
  }

  std::uint64_t limit() const { return account_->limit; }
  std::uint64_t held() const { return account_->held.load(std::memory_order_relaxed); }
  std::uint64_t left() const { return limit() - std::min(limit(), held()); }

 private:
  std::shared_ptr<Share::Account> account_;
};

}  // namespace anchord

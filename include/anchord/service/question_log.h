// Which device asked what: from a shard, which must never wait, to the control
// thread, which keeps it.
//
// A bounded queue with one writer and one reader. When the reader lags, records
// are dropped and the writer counts them; answers are never delayed.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>
#include <vector>

namespace anchord::service {

enum class QuestionKind : std::uint8_t { verify, query };

struct Question {
  // Longer names than any phone has are cut: the field is the peer's to choose.
  static constexpr std::size_t kMaxDevice = 54;

  std::array<char, kMaxDevice> device{};
  std::uint8_t device_length = 0;
  QuestionKind kind = QuestionKind::verify;
  bool answered_yes = false;

  void set_device(std::string_view name) {
    device_length = static_cast<std::uint8_t>(name.copy(device.data(), kMaxDevice));
  }
  std::string_view device_name() const { return {device.data(), device_length}; }
};

class QuestionLog {
 public:
  static constexpr std::uint32_t kCapacity = 4096;  // about a second of one shard's answers

  QuestionLog() : ring_(kCapacity) {}

  // The shard. False when full.
  bool push(const Question& question) {
    std::uint32_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_.load(std::memory_order_acquire) == kCapacity) return false;
    ring_[tail % kCapacity] = question;
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  // The control thread: calls `see(question)` for everything there.
  template <class See>
  void drain(See&& see) {
    std::uint32_t head = head_.load(std::memory_order_relaxed);
    std::uint32_t tail = tail_.load(std::memory_order_acquire);
    for (; head != tail; ++head) see(ring_[head % kCapacity]);
    head_.store(head, std::memory_order_release);
  }

 private:
  std::vector<Question> ring_;
  alignas(64) std::atomic<std::uint32_t> head_{0};
  alignas(64) std::atomic<std::uint32_t> tail_{0};
};

}  // namespace anchord::service

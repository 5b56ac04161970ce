// What devices asked for and what came of it: from a shard, which must never wait, to
// the control thread, which keeps it.
//
// Bounded queues with one writer and one reader each. When the reader lags, records
// are dropped and the writer counts them; answers are never delayed.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <vector>

#include "anchord/base/clock.h"
#include "anchord/io/address.h"

namespace anchord::service {

template <class Record, std::uint32_t kSize = 4096>
class RecordLog {
  // So that a log can lie in memory that outlives the process.
  static_assert(std::is_trivially_copyable_v<Record>);

 public:
  static constexpr std::uint32_t kCapacity = kSize;  // more than a shard answers between two looks

  RecordLog() : ring_(kCapacity) {}

  // The shard. False when full.
  bool push(const Record& record) {
    std::uint32_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_.load(std::memory_order_acquire) == kCapacity) return false;
    ring_[tail % kCapacity] = record;
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  // The control thread: calls `see(record)` for everything there.
  template <class See>
  void drain(See&& see) {
    std::uint32_t head = head_.load(std::memory_order_relaxed);
    std::uint32_t tail = tail_.load(std::memory_order_acquire);
    for (; head != tail; ++head) see(ring_[head % kCapacity]);
    head_.store(head, std::memory_order_release);
  }

 private:
  std::vector<Record> ring_;
  alignas(64) std::atomic<std::uint32_t> head_{0};
  alignas(64) std::atomic<std::uint32_t> tail_{0};
};

// A text of a peer's choosing: more than fits is cut, and what is not printable ASCII
// becomes a question mark.
template <std::size_t kMax>
class ShortText {
 public:
  void set(std::string_view text) {
    size_ = static_cast<std::uint8_t>(text.copy(bytes_.data(), kMax));
    for (std::size_t i = 0; i < size_; ++i)
      if (bytes_[i] < 0x20 || bytes_[i] > 0x7e) bytes_[i] = '?';
  }
  std::string_view text() const { return {bytes_.data(), size_}; }

 private:
  static_assert(kMax < 256);
  std::array<char, kMax> bytes_{};
  std::uint8_t size_ = 0;
};

enum class QuestionKind : std::uint8_t { verify, query };

// What a device asked the verification service, and what it was told.
struct Question {
  ShortText<54> device;  // longer than any phone's name
  QuestionKind kind = QuestionKind::verify;
  bool answered_yes = false;
  bool delivered = false;  // the peer has acknowledged the answer's last byte
  bool sast = false;       // the answer named this role
  std::uint32_t ttl = 0;   // seconds, as answered; 0: not found
  io::Host from;
  Millis at = 0;  // when it was answered: the ring's clock
  // SHA-256 of what was found, when it has the role SAST; else zero.
  std::array<std::uint8_t, 32> certificate{};
  // The first bytes of the SHA-256 of the certificate that the service presented to this peer.
  std::array<std::uint8_t, 8> presented{};
  ShortText<41> serial;  // of what was asked for, in hexadecimal
  ShortText<63> issuer;  // ... as the peer spelt it; empty for a whole certificate
};

enum class Protocol : std::uint8_t { tftp, http, https };
constexpr const char* protocol_name(Protocol protocol) {
  constexpr std::array kNames{"tftp", "http", "https"};
  return kNames.at(static_cast<std::size_t>(protocol));
}
enum class DownloadEnd : std::uint8_t {
  given,        // the peer has acknowledged the last byte
  maybe_given,  // begun, and not known to have arrived whole
  not_there,    // a device's own list or configuration, and there is none
};

// Of a file that was asked for with a device's name in it, or of a list or default
// configuration. Parts of files are not recorded, unless they were to be the whole.
struct Download {
  ShortText<15> device;       // device_in() of the name that was asked for; may be empty
  ShortText<63> file;         // the name of the file that was served: perhaps the cluster's
                              // "ITLFile.tlv"; the name that was asked for when it is not there
  std::uint64_t version = 0;  // 0: not there
  io::Host from;              // may be forged by TFTP when the file is not there
  Protocol protocol = Protocol::tftp;
  DownloadEnd end = DownloadEnd::maybe_given;
  Millis began = 0;  // when the request was taken: the ring's clock
  Millis ended = 0;
};

// A source that has asked for more devices that do not exist than is allowed.
struct Guessing {
  io::Host from;
};

using QuestionLog = RecordLog<Question>;
using DownloadLog = RecordLog<Download, 16384>;

struct ActivityLog {
  QuestionLog questions;
  DownloadLog downloads;  // the ledger goes by them: one shard's worst quarter of a second
  RecordLog<Guessing> guessing;
};

}  // namespace anchord::service

// What devices asked for and what came of it: from a shard, which must never wait, to
// the control thread, which keeps it.
//
// Bounded queues with one writer and one reader each. When the reader lags, records
// are dropped and the writer counts them; answers are never delayed. What the ledger goes by
// lies in the service's journal, where it outlives a killed process: a record is its bytes,
// and well_formed() says of those that were found there whether they are one.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "anchord/base/clock.h"
#include "anchord/base/spsc_queue.h"
#include "anchord/io/address.h"

namespace anchord::service {

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

  bool well_formed() const {
    if (size_ > kMax) return false;
    for (std::size_t i = 0; i < size_; ++i)
      if (bytes_[i] < 0x20 || bytes_[i] > 0x7e) return false;
    return true;
  }

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
  begun,        // the peer will get it now: what came of it is said by another record, or by none
                // when the service is killed
};

// The record of a request for a file with a device's name in it, or for a list or default configuration.
// Parts of files are not recorded, nor is the same download by the same address in the same moment, unless it
// names no device.
struct Download {
  ShortText<15> device;       // device_in() of the name that was asked for; may be empty
  ShortText<63> file;         // the name of the file that was served: perhaps the cluster's
                              // "ITLFile.tlv"; the name that was asked for when it is not there
  std::uint64_t version = 0;  // 0: not there
  io::Host from;              // may be forged by TFTP when the file is not there
  Protocol protocol = Protocol::tftp;
  DownloadEnd end = DownloadEnd::maybe_given;
  Millis began = 0;  // when the request was taken: the ring's clock
  // When it was given: no later than the peer can have had the last byte, since what it does next, on other
  // shards, is judged by this. What shows that it has arrived is seen later.
  Millis ended = 0;
};

// What was answered at once; how a file's delivery ended is a Download.
enum class Answered : std::uint8_t {
  file,
  head,  // of a file, without its bytes: HEAD, not modified, or no such part
  not_found,
  refused,    // what is not served at all: another method, a write
  malformed,  // not a request
  throttled,  // the source guesses devices' names
  busy,       // no room, or the source's token bucket is empty
};
constexpr const char* answered_name(Answered answered) {
  constexpr std::array kNames{"file", "head", "not found", "refused", "malformed", "throttled", "busy"};
  return kNames.at(static_cast<std::size_t>(answered));
}

// The record of any request for a file, which is made only while somebody traces.
struct Request {
  ShortText<15> device;
  ShortText<63> file;  // as it was asked for
  io::Host from;
  Millis at = 0;
  Protocol protocol = Protocol::tftp;
  Answered answered = Answered::file;
};

enum class TlsService : std::uint8_t { tvs, https };

// A TLS handshake that did not come to its end.
struct Trouble {
  enum class Kind : std::uint8_t {
    failed,   // refused by either side
    dropped,  // the peer ended the connection in the middle of it, without a word
  };
  Kind kind = Kind::failed;
  TlsService service = TlsService::tvs;
  std::uint8_t alert = 0;  // the peer's; 0: none
  io::Host from;
  Millis at = 0;
  std::array<std::uint8_t, 8> presented{};  // by TVS, as in a Question
  ShortText<63> reason;                     // the TLS library's
};

// A source that has asked for more devices that do not exist than is allowed.
struct Guessing {
  io::Host from;
};

// Whether a value of one byte, which may be any, is one of the first `count`.
template <class Small>
bool is_one_of(const Small& value, unsigned count) {
  static_assert(sizeof(Small) == 1);
  std::uint8_t raw = 0;
  std::memcpy(&raw, &value, 1);
  return raw < count;
}

inline bool well_formed(const Question& question) {
  return question.device.well_formed() && question.serial.well_formed() && question.issuer.well_formed() &&
         is_one_of(question.kind, 2) && is_one_of(question.answered_yes, 2) &&
         is_one_of(question.delivered, 2) && is_one_of(question.sast, 2);
}
inline bool well_formed(const Download& download) {
  return download.device.well_formed() && download.file.well_formed() && is_one_of(download.protocol, 3) &&
         is_one_of(download.end, 4);
}

// A place is free again when the ledger has what it holds, up to two seconds later: there is room
// for four seconds of a minute in which one shard gives 8,000 files a second (two records each)
// and answers 4,000 questions. That is 8 MiB and 4 MiB or so of the disk and, once written to, of memory.
using QuestionLog = SpscQueue<Question, 16384>;
using DownloadLog = SpscQueue<Download, 65536>;
using GuessingLog = SpscQueue<Guessing, 4096>;

struct ActivityLog {
  // The control thread: whether requests are recorded.
  std::atomic<bool> requests_wanted{false};
  QuestionLog questions;
  DownloadLog downloads;
  GuessingLog guessing;
  SpscQueue<Request, 4096> requests;
  SpscQueue<Trouble, 512> trouble;
  // When the shard's present tick began, by the clock that its records' times are of; kNever while it
  // waits (Ring::show_ticks_in()). Whoever reads it before the logs knows up to when they are whole.
  std::atomic<Millis> tick{kNever};
};

// The time at which the record was made, in the tick that pushed it.
inline Millis time_of(const Question& question) {
  return question.at;
}
inline Millis time_of(const Download& download) {
  return std::max(download.began, download.ended);
}

}  // namespace anchord::service

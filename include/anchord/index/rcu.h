// RCU: hands views (snapshots and what goes with them) from the one thread that builds
// them to the readers, one per shard, and frees a view when no reader can hold it.
//
// A View is any type with a member `std::uint64_t version`; versions grow. There are
// no locks and no atomic read-modify-writes: publishing is one store, and a reader
// says with one store which versions it has done with.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

namespace anchord::index {

// The version that a reader acknowledges when it ends: it holds nothing and will ask for nothing.
constexpr std::uint64_t kReaderGone = std::numeric_limits<std::uint64_t>::max();

// How many versions one reader may hold at once. Its clients let go of a version when there is a newer one;
// but a thread that does not run lets go of nothing, and without a limit views would fill the memory. A
// reader that holds as many stays on its newest until it lets go of an older one; a publisher that sees as
// many alive (reclaim()) should wait, and say so.
constexpr std::size_t kMaxLiveViews = 64;

template <class View>
class RcuPublisher {
 public:
  // Readers are 0 .. readers-1. Until one acknowledges, nothing is freed: one that
  // is never started has to be retired too.
  explicit RcuPublisher(unsigned readers) : acknowledged_(readers) {}

  // Every reader must have acknowledged kReaderGone.
  ~RcuPublisher() { assert(oldest_needed() == kReaderGone); }

  RcuPublisher(const RcuPublisher&) = delete;
  RcuPublisher& operator=(const RcuPublisher&) = delete;

  // The publisher's thread.
  void publish(std::unique_ptr<const View> view) {
    assert(view && view->version != kReaderGone);
    assert(views_.empty() || view->version > views_.back()->version);
    views_.push_back(std::move(view));
    current_.store(views_.back().get(), std::memory_order_release);
    reclaim();
  }

  // The publisher's thread: frees what nobody can hold. Returns how many views are
  // alive, the current one included.
  std::size_t reclaim() {
    const std::uint64_t needed = oldest_needed();
    while (views_.size() > 1 && views_.front()->version < needed) views_.pop_front();
    return views_.size();
  }

  // The publisher's thread: the reader that holds the oldest version of all.
  unsigned slowest() const {
    const auto oldest = std::ranges::min_element(acknowledged_, {}, [](const Acknowledgement& a) {
      return a.version.load(std::memory_order_acquire);
    });
    return static_cast<unsigned>(oldest - acknowledged_.begin());
  }

  // A reader's thread, or the publisher's: the newest view; null before the first.
  const View* current() const { return current_.load(std::memory_order_acquire); }

  // A reader's thread: `reader` holds no view older than `version`, and never will.
  void release_before(unsigned reader, std::uint64_t version) {
    assert(version >= acknowledged_[reader].version.load(std::memory_order_relaxed));
    acknowledged_[reader].version.store(version, std::memory_order_release);
  }

 private:
  struct alignas(64) Acknowledgement {  // a cache line each: readers never wait for one another's stores
    std::atomic<std::uint64_t> version{0};
  };

  std::uint64_t oldest_needed() const {
    std::uint64_t oldest = kReaderGone;
    for (const Acknowledgement& a : acknowledged_) {
      oldest = std::min(oldest, a.version.load(std::memory_order_acquire));
    }
    return oldest;
  }

  alignas(64) std::atomic<const View*> current_{nullptr};
  alignas(64) std::deque<std::unique_ptr<const View>> views_;  // oldest first; the last is current
  std::vector<Acknowledgement> acknowledged_;
};

// The reader's side of RCU: which view its shard works on, and which older views are still pinned. Only that
// shard's thread uses it, so that counting needs no atomics. It must end before the publisher does, and
// retires the reader then.
template <class View>
class RcuReader {
 public:
  // A pinned view, which a TFTP transfer or an HTTP body keeps until there is a newer one.
  struct Pin {
    const View* view = nullptr;
    std::uint64_t version = 0;

    explicit operator bool() const { return view != nullptr; }
    const View& operator*() const { return *view; }
    const View* operator->() const { return view; }
  };

  RcuReader(RcuPublisher<View>& publisher, unsigned reader) : publisher_(publisher), reader_(reader) {}
  ~RcuReader() {
    assert(count_ == 0 || (count_ == 1 && held_[0].holders == 0));
    publisher_.release_before(reader_, kReaderGone);
  }

  RcuReader(const RcuReader&) = delete;
  RcuReader& operator=(const RcuReader&) = delete;

  // Called between two events: moves to the newest view. There must be one. The
  // reference is valid until the next refresh(); to hold it longer, pin it.
  const View& refresh() {
    const View* newest = publisher_.current();
    assert(newest != nullptr);
    if (count_ > 0 && view_in_use().view == newest) return *newest;
    if (count_ > 0 && view_in_use().holders == 0) --count_;
    if (count_ == kMaxLiveViews) return *view_in_use().view;
    held_[count_++] = {newest, newest->version, 0};
    acknowledge();
    return *newest;
  }

  // The view in use: what the last refresh() returned.
  const View& current() const {
    assert(count_ > 0);
    return *held_[count_ - 1].view;
  }

  // Keeps the view in use until unpin() with its version.
  Pin pin() {
    assert(count_ > 0);
    ++view_in_use().holders;
    return {view_in_use().view, view_in_use().version};
  }

  void unpin(std::uint64_t version) {
    Held* end = held_.data() + count_;
    Held* it = std::lower_bound(held_.data(), end, version,
                                [](const Held& h, std::uint64_t v) { return h.version < v; });
    assert(it != end && it->version == version && it->holders > 0);
    if (--it->holders > 0 || it == end - 1) return;  // the view in use stays
    std::move(it + 1, end, it);
    --count_;
    acknowledge();
  }

  std::size_t live() const { return count_; }  // versions held, the one in use included

 private:
  struct Held {
    const View* view;
    std::uint64_t version;
    std::uint64_t holders;
  };

  Held& view_in_use() { return held_[count_ - 1]; }

  void acknowledge() {
    if (held_[0].version == acknowledged_) return;
    acknowledged_ = held_[0].version;
    publisher_.release_before(reader_, acknowledged_);
  }

  RcuPublisher<View>& publisher_;
  unsigned reader_;
  std::uint64_t acknowledged_ = 0;
  std::size_t count_ = 0;
  std::array<Held, kMaxLiveViews> held_;  // in the order of versions; the last is in use
};

}  // namespace anchord::index

// A doubly linked list of slots through arrays of its own: in order of arrival,
// with removal from anywhere, and no allocation after the start. A slot is in one
// list of a kind at most once.
#pragma once

#include <cassert>
#include <cstdint>
#include <vector>

namespace anchord::service {

class SlotList {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  explicit SlotList(std::uint32_t slots) : links_(slots) {}

  bool empty() const { return front_ == kNone; }
  std::uint32_t size() const { return size_; }
  std::uint32_t front() const { return front_; }
  std::uint32_t back() const { return back_; }
  bool contains(std::uint32_t slot) const { return links_[slot].in; }

  void push_back(std::uint32_t slot) {
    assert(!links_[slot].in);
    links_[slot] = {back_, kNone, true};
    (back_ == kNone ? front_ : links_[back_].next) = slot;
    back_ = slot;
    ++size_;
  }

  // Does nothing when the slot is not in the list.
  void remove(std::uint32_t slot) {
    Link& link = links_[slot];
    if (!link.in) return;
    (link.previous == kNone ? front_ : links_[link.previous].next) = link.next;
    (link.next == kNone ? back_ : links_[link.next].previous) = link.previous;
    link.in = false;
    --size_;
  }

  void move_to_back(std::uint32_t slot) {
    remove(slot);
    push_back(slot);
  }

 private:
  struct Link {
    std::uint32_t previous = kNone;
    std::uint32_t next = kNone;
    bool in = false;
  };

  std::vector<Link> links_;
  std::uint32_t front_ = kNone;
  std::uint32_t back_ = kNone;
  std::uint32_t size_ = 0;
};

}  // namespace anchord::service

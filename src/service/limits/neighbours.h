// The open connections of each source (source_of()): how many there are, and who of them
// gives way to a newcomer from there. All memory is taken at the start; each call costs a
// hash look-up at the most, however many connections a source has.
#pragma once

#include <array>
#include <cassert>
#include <cstdint>
#include <vector>

#include "anchord/base/slot_pool.h"
#include "limits/peer_map.h"

namespace anchord::service {

// How far a connection has come. It only goes forward.
enum class Progress : std::uint8_t {
  mute,            // nothing has come yet
  speaking,        // something has, and not yet a whole handshake or, without TLS, a whole request
  handshake_done,  // has finished its handshake, and was not answered anything yet
  answered,        // gives way to no neighbour
};

class Neighbours {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  Neighbours(std::uint32_t slots, std::uint64_t seed)
      : links_(slots), sources_(slots), by_address_(slots, seed) {}

  // Counts the source's connections.
  std::uint32_t count(const io::Host& host) const {
    std::uint32_t source = by_address_.find(source_of(host));
    return source == PeerMap::kNone ? 0 : sources_[source].count;
  }

  // The source's connection that has been longest at this stage; kNone when none is. Not for `answered`.
  std::uint32_t longest(const io::Host& host, Progress stage) const {
    std::uint32_t source = by_address_.find(source_of(host));
    return source == PeerMap::kNone ? kNone : sources_[source].queues[index(stage)].front;
  }

  // Adds a new connection, at `mute`.
  void add(std::uint32_t slot, const io::Host& host) {
    assert(links_[slot].source == kNone);
    io::Address key = source_of(host);
    std::uint32_t source = by_address_.find(key);
    if (source == PeerMap::kNone) {
      source = sources_.acquire();
      sources_[source] = {.key = key};
      by_address_.set(key, source);
    }
    ++sources_[source].count;
    links_[slot] = {.source = source};
    push(slot);
  }

  // Does nothing when the connection is as far, or not here.
  void advance(std::uint32_t slot, Progress stage) {
    if (links_[slot].source == kNone || stage <= links_[slot].stage) return;
    take_out(slot);
    links_[slot].stage = stage;
    push(slot);
  }

  // Does nothing when it is not here.
  void remove(std::uint32_t slot) {
    std::uint32_t source = links_[slot].source;
    if (source == kNone) return;
    take_out(slot);
    links_[slot].source = kNone;
    if (--sources_[source].count > 0) return;
    by_address_.erase(sources_[source].key);
    sources_.release(source);
  }

 private:
  struct Queue {
    std::uint32_t front = kNone;
    std::uint32_t back = kNone;
  };

  struct Source {
    io::Address key;
    std::uint32_t count = 0;
    std::array<Queue, static_cast<std::size_t>(Progress::answered)> queues;
  };

  struct Link {
    std::uint32_t source = kNone;
    std::uint32_t previous = kNone;
    std::uint32_t next = kNone;
    Progress stage = Progress::mute;
  };

  static std::size_t index(Progress stage) {
    assert(stage != Progress::answered);
    return static_cast<std::size_t>(stage);
  }

  void push(std::uint32_t slot) {
    Link& link = links_[slot];
    if (link.stage == Progress::answered) return;
    Queue& queue = sources_[link.source].queues[index(link.stage)];
    link.previous = queue.back;
    link.next = kNone;
    (queue.back == kNone ? queue.front : links_[queue.back].next) = slot;
    queue.back = slot;
  }

  void take_out(std::uint32_t slot) {
    const Link& link = links_[slot];
    if (link.stage == Progress::answered) return;
    Queue& queue = sources_[link.source].queues[index(link.stage)];
    (link.previous == kNone ? queue.front : links_[link.previous].next) = link.next;
    (link.next == kNone ? queue.back : links_[link.next].previous) = link.previous;
  }

  std::vector<Link> links_;
  SlotPool<Source> sources_;
  PeerMap by_address_;  // the source's slot
};

}  // namespace anchord::service

// What a shard has done since it started.
//
// Each counter is written by its shard alone and read by anybody: a plain load
// and store of an atomic, no read-modify-write.
#pragma once

#include <atomic>
#include <cstdint>

namespace anchord::service {

class Counter {
 public:
  void add(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void set(std::uint64_t n) { value_.store(n, std::memory_order_relaxed); }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// X(name): the member, and the name it has in status reports.
#define ANCHORD_COUNTERS(X)                                                         \
  X(tvs_accepted)           /* connections given a slot */                          \
  X(tvs_open)               /* connections open now */                              \
  X(tvs_refused_address)    /* closed at once: too many from one address */         \
  X(tvs_refused_network)    /* closed at once: not in an allowed network */         \
  X(tvs_refused_full)       /* closed at once: nothing could give way */            \
  X(tvs_evicted)            /* gave way to a newer connection at the limit */       \
  X(tvs_handshakes)         /* completed */                                         \
  X(tvs_resumed)            /* of those, with a session ticket */                   \
  X(tvs_handshake_failures) /* refused by TLS: garbage, no common version, ... */   \
  X(tvs_handshakes_dropped) /* ended by the client in the middle, without a word */ \
  X(tvs_handshake_timeouts) /* not completed in time */                             \
  X(tvs_idle_timeouts)      /* no complete request in time */                       \
  X(tvs_malformed)          /* connections closed for a request that is not one */  \
  X(tvs_verify_valid)                                                               \
  X(tvs_verify_invalid)                                                             \
  X(tvs_query_found)                                                                \
  X(tvs_query_not_found)                                                            \
  X(tvs_unrecorded) /* answers whose record found the log full */                   \
  X(http_accepted)  /* these as for TVS */                                          \
  X(http_open)                                                                      \
  X(http_refused_address)                                                           \
  X(http_refused_network)                                                           \
  X(http_refused_full)                                                              \
  X(http_evicted)                                                                   \
  X(http_timeouts)  /* no request in time, or a body not taken */                   \
  X(http_requests)  /* that could be read */                                        \
  X(http_malformed) /* connections closed for a request that is not one */          \
  X(http_refused)   /* other methods, and requests with a body */                   \
  X(http_throttled) /* not answered: who asks guesses device names */               \
  X(http_not_found)                                                                 \
  X(http_not_modified)                                                              \
  X(http_completed)  /* bodies of files that were taken to their last byte */       \
  X(http_failed)     /* bodies that were not */                                     \
  X(http_bytes)      /* of files that were taken */                                 \
  X(http_unrecorded) /* downloads whose record found the log full */                \
  X(https_accepted)  /* all these as above */                                       \
  X(https_open)                                                                     \
  X(https_refused_address)                                                          \
  X(https_refused_network)                                                          \
  X(https_refused_full)                                                             \
  X(https_evicted)                                                                  \
  X(https_unready) /* closed at once: there is no certificate for it */             \
  X(https_handshakes)                                                               \
  X(https_resumed)                                                                  \
  X(https_handshake_failures)                                                       \
  X(https_handshakes_dropped)                                                       \
  X(https_handshake_timeouts)                                                       \
  X(https_timeouts)                                                                 \
  X(https_requests)                                                                 \
  X(https_malformed)                                                                \
  X(https_refused)                                                                  \
  X(https_throttled)                                                                \
  X(https_not_found)                                                                \
  X(https_not_modified)                                                             \
  X(https_completed)                                                                \
  X(https_failed)                                                                   \
  X(https_bytes)                                                                    \
  X(https_unrecorded)                                                               \
  X(not_there_unrecorded) /* requests for what is not there, likewise */            \
  X(trace_unrecorded)     /* failed handshakes and traced requests, likewise */     \
  X(tcp_buffers_empty)    /* receives that had to wait for a free buffer */         \
  X(memory_gave_way)      /* slow downloads of replaced files that were ended */    \
  X(no_memory)            /* given up for an allocation that failed */              \
  X(tftp_requests)                                                                  \
  X(tftp_duplicates)      /* repeated requests for a transfer under way */          \
  X(tftp_refused_network) /* not in an allowed network */                           \
  X(tftp_malformed)                                                                 \
  X(tftp_not_found)                                                                 \
  X(tftp_writes_refused)                                                            \
  X(tftp_unsupported)  /* transfer modes other than octet and netascii */           \
  X(tftp_full)         /* refused: all transfer slots in use */                     \
  X(tftp_rate_limited) /* not answered: too many unproven of the source */          \
  X(tftp_answered)     /* first answers, to peers that had acknowledged nothing */  \
  X(tftp_begun)        /* of those, what the peer acknowledged: transfers begun */  \
  X(tftp_gave_way)     /* of those, what was forgotten for newer requests */        \
  X(tftp_throttled)    /* not answered: the source guesses devices' names */        \
  X(tftp_active)       /* transfers under way now */                                \
  X(tftp_completed)                                                                 \
  X(tftp_timeouts)     /* given up: the peer stopped acknowledging */               \
  X(tftp_too_slow)     /* given up: the peer acknowledged too little in all */      \
  X(tftp_aborted)      /* ended by the peer's error or a new request */             \
  X(tftp_unknown_tid)  /* packets with an unknown TID (RFC 1350) */                 \
  X(tftp_tid_mismatch) /* unproven requests dropped for a wrong TID */              \
  X(tftp_retransmits)  /* packets or windows retransmitted */                       \
  X(tftp_send_errors)  /* sends that failed */                                      \
  X(tftp_unrecorded)   /* downloads whose record found the log full */              \
  X(tftp_bytes)        /* of file content acknowledged */

struct Counters {
#define ANCHORD_COUNTER_MEMBER(name) Counter name;
  ANCHORD_COUNTERS(ANCHORD_COUNTER_MEMBER)
#undef ANCHORD_COUNTER_MEMBER

  // Calls `see(name, value)` for each.
  template <class See>
  void for_each(See&& see) const {
#define ANCHORD_COUNTER_VISIT(name) see(#name, name.get());
    ANCHORD_COUNTERS(ANCHORD_COUNTER_VISIT)
#undef ANCHORD_COUNTER_VISIT
  }
};

}  // namespace anchord::service

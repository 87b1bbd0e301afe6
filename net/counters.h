// What a reactor counts: numbers with one writer (its thread) and any number of readers
// (alloc/counters.h says why that is safe).
#pragma once

#include <cstdint>

#include "alloc/counters.h"
#include "alloc/histogram.h"

namespace shoal::net {

using alloc::Counter;

// One per reactor. Totals since start, unless marked (gauge).
struct ReactorCounters {
  Counter turns;
  Counter busy_ns;       // time spent in turns, blocking excluded
  Counter max_turn_ns;   // longest turn since reset_max_turn()
  Counter last_turn_ns;  // monotonic clock: the end of the newest turn
  alloc::Histogram turn_time;
  alloc::Histogram timer_lag;  // how late timers fired
  Counter wakeups;             // wake-ups delivered to this reactor
  Counter bytes_in;
  Counter bytes_out;
  Counter reads;   // system calls
  Counter writes;  // system calls
  Counter frames_in;
  Counter frames_out;
  Counter connections;       // gauge: frame connections
  Counter http_connections;  // gauge
  Counter http_requests;
  Counter http_refused;  // requests answered 4xx by net itself
  Counter accepted;
  Counter accept_pauses;  // times the descriptor limit stopped a listener
  Counter accept_errors;
  Counter handed_over;        // connections given to another reactor
  Counter hand_over_refused;  // connections closed because the other one could not have them
  Counter descriptors;        // gauge: of sockets, listeners and the loop
  Counter sniff_refused;      // neither frames nor HTTP
  Counter protocol_errors;    // bad frames
  Counter hello_timeouts;
  Counter slow_closed;             // closed over the hard output bound
  Counter stall_closed;            // closed for output without progress
  Counter output_bytes;            // gauge: waiting in all output buffers
  Counter mailbox_in;              // messages received
  alloc::Histogram mailbox_depth;  // how many messages a look into a mailbox found
  Counter mailbox_out;             // messages sent
  Counter mailbox_spilled;         // sends that found their ring full
  Counter mailbox_late_drains;     // must stay 0: a lost wake-up found by the 1 s net
};

}  // namespace shoal::net

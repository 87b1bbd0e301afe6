// Runs the reactors of a process, each on a thread of its own, with one descriptor table for all or
// one for each.
//
// A table is the kernel's: what a number like 7 stands for. Threads share one, unless one asks for
// a copy (unshare(CLONE_FILES)); the limit of open descriptors holds for each table by itself. So a
// process whose reactors have a table each holds `limit` connections a reactor, and accepting on
// one does not wait for the table's lock on another.
//
// Threads: run_reactors() on any; it is the first reactor's thread, and that one keeps the table of
// the process.
//
// Invariants:
//   1. No member runs before every thread has its table, and a table that was copied keeps no
//   socket
//      but those of its member and the shared ones: none holds a connection of another thread.
//   2. A member is destroyed on its own thread, where its numbers mean what it thinks: by `end`.
//   3. No member is destroyed before all have stopped: they wake and send to each other until then.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"

namespace shoal::net {

class Reactor;

enum class DescriptorTables : std::uint8_t { kShared, kPerReactor };

struct ReactorThread {
  Reactor* reactor = nullptr;
  // Descriptors that this thread alone uses: closed in the other tables when they part. Those of
  // the reactor need not be named.
  std::vector<int> own;
  // Descriptors that `end` closes and that the others use, too: closed in the table of the process
  // at the end. Those of the reactor need not be named.
  std::vector<int> shared;
  // Destroys the reactor and all that lives on it.
  std::function<void()> end;
};

// Returns when every reactor was stopped and ended. `all_stopped` runs on the calling thread, when
// no reactor runs any more and all are still there.
// Errors: RESOURCE_EXHAUSTED (the system gave no second table; nothing ran, everything is ended,
// but descriptors may be left to the end of the process).
absl::Status run_reactors(const std::vector<ReactorThread>& members, DescriptorTables tables,
                          const std::function<void()>& all_stopped);

}  // namespace shoal::net

// Bounds stdout and stderr of tasks that run: when a file has grown to twice the bound, its head is
// cut off, and the newest part of the size of the bound stays.
//
// The task writes into the file itself, so nothing is renamed or truncated under its hands: the
// head becomes a hole (fallocate, PUNCH_HOLE), in one step. Every byte keeps its offset, so whoever
// follows the log goes on where he is. One that has not come so far holds the cut back, until the
// file has kSlack times the bound (decision 0012).
//
// Threads: the reactor's. Looking and cutting happen on libuv's pool.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "agent/sandbox.h"
#include "agent/task_usage.h"
#include "net/background.h"
#include "net/reactor.h"
#include "net/timer.h"

namespace shoal::agent {

// What one look at a log did, and what it found.
struct CutResult {
  std::uint64_t size = 0;  // of the file
  std::uint64_t head = 0;  // where it begins now
  std::uint64_t cut = 0;   // bytes that were cut off
};

// One look. `most` is the bound; nothing from `held_from` on is cut off while what is there is less
// than kSlack times the bound. Blocks. NOT_FOUND; FAILED_PRECONDITION: no regular file of one name
// (a link to another file may not be cut through it), or the file system knows no holes.
absl::StatusOr<CutResult> cut_log(int sandbox, const std::string& name, std::uint64_t most,
                                  std::uint64_t held_from);

struct LogCutterCounters {
  std::uint64_t cuts = 0;
  std::uint64_t cut_bytes = 0;
  std::uint64_t failed = 0;
};

struct LogCutterOptions {
  std::string data_dir;
  std::uint64_t max_bytes = 0;                         // of each file; not 0
  std::function<std::vector<SupervisedTask>()> tasks;  // those that run now
  // The first byte that somebody who follows the log has not been sent; nullopt: nobody does.
  std::function<std::optional<std::uint64_t>(const SupervisedTask&, std::string_view name)>
      followed;
  std::function<void(std::string_view)> log;
};

class LogCutter {
 public:
  static constexpr std::uint64_t kSlack = 4;
  // Between two looks: while some log grows by a quarter of the bound in the quiet interval, and
  // else.
  static constexpr core::Duration kBusyInterval = std::chrono::milliseconds(250);
  static constexpr core::Duration kQuietInterval = std::chrono::seconds(5);

  LogCutter(net::Reactor& reactor, LogCutterOptions options);

  // Looks now, and then again and again.
  void start() { timer_.start(core::Duration::zero()); }
  // From the next look on; not 0.
  void bound(std::uint64_t max_bytes) { next_max_bytes_ = max_bytes; }
  const LogCutterCounters& counters() const { return counters_; }
  std::uint64_t looks() const { return looks_; }

 private:
  struct Item {
    SandboxId id;
    std::array<std::uint64_t, 2> held_from{};  // of stdout and stderr
  };
  void look();
  void work();
  void on_worked();

  net::Reactor& reactor_;
  LogCutterOptions options_;
  std::uint64_t next_max_bytes_ = options_.max_bytes;  // the options are read on the pool
  LogCutterCounters counters_;
  std::uint64_t looks_ = 0;
  std::string last_complaint_;
  // Of the look that is under way; nobody else touches them meanwhile.
  std::vector<Item> items_;
  LogCutterCounters found_;
  core::Duration since_last_ = kQuietInterval;
  absl::flat_hash_map<std::string, std::array<std::uint64_t, 2>> sizes_;  // by uuid
  bool is_busy_ = false;
  absl::Status failure_;
  net::Timer timer_;
  std::unique_ptr<net::BackgroundTask> work_;  // last: it uses all of the above
};

}  // namespace shoal::agent

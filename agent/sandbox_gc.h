// Deletes the sandboxes of runs that are over, some time after their end and the sooner the fuller
// the disk is (agent/sandbox_sweep.h has the rule); the oldest first, and no more than the rule
// asks for: before each few of them the disk is looked at again.
//
// A run that is in use is never touched: that is asked on the loop, right before its few are
// handed to the thread that deletes, and a run that is over never begins again.
//
// Threads: the reactor's. Looking and deleting happen on libuv's pool, one piece at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "agent/sandbox_sweep.h"
#include "net/background.h"
#include "net/reactor.h"
#include "net/timer.h"

namespace shoal::agent {

struct SandboxGcOptions {
  std::string data_dir;
  KeepRule rule;
  core::Duration interval{};  // between two looks
  // The uuids of all runs whose sandboxes must stay, and whether one is of them.
  std::function<absl::flat_hash_set<std::string>()> in_use;
  std::function<bool(const SandboxId&)> is_in_use;
  std::function<void(std::string_view)> log;
  // What tests replace.
  std::function<absl::StatusOr<double>(const std::string&)> usage = disk_usage;
  std::function<std::int64_t()> wall_now_ms;
};

struct SandboxGcCounters {
  std::uint64_t looks = 0;
  std::uint64_t removed = 0;  // sandboxes
  std::uint64_t failed = 0;   // attempts to remove one
  // As of the last look.
  std::size_t kept = 0;  // of ended runs
  double disk_usage = 0;
  core::Duration max_age{};
};

class SandboxGc {
 public:
  static constexpr std::size_t kMostPerLook = 4096;
  static constexpr std::size_t kBatch = 32;             // sandboxes between two looks at the disk
  static constexpr std::size_t kPurgeEntries = 10'000;  // files and folders of one piece of work

  SandboxGc(net::Reactor& reactor, SandboxGcOptions options);

  // Looks now, and then again and again.
  void start();
  // From the next look on, which is now unless one is under way.
  void keep(const KeepRule& rule, core::Duration interval);
  bool is_idle() const { return work_ == nullptr; }
  const SandboxGcCounters& counters() const { return counters_; }

 private:
  // What a piece of work on the pool is given and gives back; nobody else touches it meanwhile.
  struct Piece {
    absl::flat_hash_set<std::string> in_use;
    std::int64_t now_ms = 0;
    absl::StatusOr<double> usage = 0.0;
    absl::StatusOr<SandboxScan> scan = SandboxScan{};
    std::vector<EndedSandbox> batch;
    std::vector<SandboxId> removed;
    std::vector<absl::Status> failures;
    bool has_trash = false;
  };

  void look();
  void on_looked();
  void go_on();
  void remove(Piece& piece);
  void on_removed();
  std::int64_t until(double usage, std::int64_t now_ms) const;
  void run(std::function<void()> work, void (SandboxGc::*done)());
  void complain(const absl::Status& why);

  net::Reactor& reactor_;
  SandboxGcOptions options_;
  KeepRule next_rule_ = options_.rule;  // the options' one is read on the pool
  SandboxGcCounters counters_;
  SandboxRemover remover_;
  Piece piece_;
  std::deque<EndedSandbox> old_;  // still to be removed, the oldest first
  bool has_more_ = false;         // there were too many for one look
  bool has_removed_ = false;      // since the last look
  std::string last_complaint_;
  net::Timer timer_;
  std::unique_ptr<net::BackgroundTask> work_;  // last: it uses all of the above
};

}  // namespace shoal::agent

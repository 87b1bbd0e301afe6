// Tasks whose sandboxes take more disk than they have asked for, found by measuring (as the
// isolator disk/du of Apache Mesos): one sandbox after the other, a portion of it at a time, on
// libuv's pool.
//
// A sandbox changes while it is walked through, and files that come and go may be counted that are
// never there together. So only one that is too large twice in a row is.
//
// Threads: the reactor's.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/disk_use.h"
#include "agent/sandbox.h"
#include "core/ids.h"
#include "core/resources.h"
#include "core/time.h"
#include "net/background.h"
#include "net/reactor.h"
#include "net/timer.h"

namespace shoal::agent {

// Bytes that the sandbox of a task with these resources may take: of the disk that holds the
// sandboxes, without volumes. 0: it has asked for none, and is not measured.
std::uint64_t disk_quota(const core::Resources& resources);

struct QuotaOfTask {
  core::FrameworkId framework;
  SandboxId id;
  std::uint64_t bytes = 0;  // not 0
};

struct DiskWatchOptions {
  std::string data_dir;
  core::Duration interval = std::chrono::seconds(15);  // from the end of one round to the next
  std::function<std::vector<QuotaOfTask>()> tasks;     // those that run now and have a quota
  // `why`: one line, "its sandbox holds 65 MiB, …".
  std::function<void(core::FrameworkId framework, std::string_view task, std::string_view why)>
      on_over;
};

class DiskWatch {
 public:
  // Between two portions the pool is free for others, who sync: at most so much is looked at in
  // 10 ms.
  static constexpr std::size_t kEntries = 1000;
  static constexpr core::Duration kPause = std::chrono::milliseconds(10);

  DiskWatch(net::Reactor& reactor, DiskWatchOptions options);

  // Looks now, and then again and again.
  void start() { timer_.start(core::Duration::zero()); }
  std::uint64_t rounds() const { return rounds_; }  // that are over

 private:
  struct Found {
    QuotaOfTask task;
    std::string why;
  };
  void look();
  void work();
  void on_worked();
  void conclude(const DiskWalk& walk);

  net::Reactor& reactor_;
  DiskWatchOptions options_;
  std::uint64_t rounds_ = 0;
  bool is_in_round_ = false;
  // Of the portion that is under way; nobody else touches them meanwhile.
  std::deque<QuotaOfTask> queue_;  // the first is being walked through, if walk_ is there
  std::optional<DiskWalk> walk_;
  bool is_second_ = false;  // time that it is measured, as it was too large
  std::vector<Found> found_;
  net::Timer timer_;
  std::unique_ptr<net::BackgroundTask> work_;  // last: it uses all of the above
};

}  // namespace shoal::agent

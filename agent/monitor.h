// What the machine and its tasks use, looked at when somebody asks and not otherwise: an agent that
// nobody asks does nothing. However many ask, there is one look a second at most.
//
// Threads: the reactor's. Looking happens on libuv's pool.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agent/machine_usage.h"
#include "agent/task_usage.h"
#include "core/time.h"
#include "net/background.h"
#include "net/reactor.h"

namespace shoal::agent {

struct UsageSample {
  struct OfTask {
    SupervisedTask task;
    UsageOfTask usage;  // what counts from the start never goes down
  };
  std::int64_t sampled_ms = 0;  // wall clock
  core::TimePoint sampled_at{};
  MachineUsage machine;
  SelfUsage self;
  std::vector<OfTask> tasks;  // in order of framework and id
};

struct MonitorOptions {
  std::string data_dir;
  std::unique_ptr<TaskUsage> usage;
  std::function<std::vector<SupervisedTask>()> tasks;  // those that run now
  core::Duration freshness = std::chrono::seconds(1);  // a sample is given again for so long
};

class Monitor {
 public:
  using Callback = std::function<void(const UsageSample&)>;

  Monitor(net::Reactor& reactor, MonitorOptions options);

  // Called once: at once with a sample that is fresh, or later with the next one.
  void ask(Callback callback);
  // The same, but never at once, and with a sample that is looked for from now on or goes on.
  void look_anew(Callback callback);
  std::uint64_t samples() const { return samples_; }

 private:
  void look();
  void on_looked();

  net::Reactor& reactor_;
  MonitorOptions options_;
  std::vector<Callback> waiting_;
  UsageSample sample_;
  std::uint64_t samples_ = 0;
  // What each run had used when it was last seen, by uuid.
  absl::flat_hash_map<std::string, UsageOfTask> last_;
  // Of the look that is under way; nobody else touches them meanwhile.
  GpuReader gpus_;
  std::vector<SupervisedTask> asked_;
  std::vector<std::optional<UsageOfTask>> found_;
  UsageSample next_;
  std::unique_ptr<net::BackgroundTask> work_;  // last: it uses all of the above
};

}  // namespace shoal::agent

// What tasks use, as the kernel counts it for their cgroups: also of processes that have ended and
// that nobody waited for, and what only a cgroup knows. The rest comes from another source.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "agent/cgroup.h"
#include "agent/task_usage.h"

namespace shoal::agent {

class CgroupTaskUsage final : public TaskUsage {
 public:
  // `cgroups` outlive this. `rest` knows what cgroups do not tell, and all of a task that has none
  // (it was started by an agent without).
  CgroupTaskUsage(const Cgroups& cgroups, std::unique_ptr<TaskUsage> rest);

  std::vector<std::optional<UsageOfTask>> read(const std::vector<SupervisedTask>& tasks) override;

 private:
  const Cgroups& cgroups_;
  std::unique_ptr<TaskUsage> rest_;
};

}  // namespace shoal::agent

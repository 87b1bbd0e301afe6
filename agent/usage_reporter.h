// From two looks at what is used to what a master is told: how much, not how much so far.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "agent/monitor.h"
#include "core/ids.h"
#include "core/usage.h"

namespace shoal::agent {

class UsageReporter {
 public:
  // What was used between the sample of the last call and this one; nullopt at the first call, and
  // while no time has passed. Of more than core::kMaxTaskUses tasks some are told in turn; one that
  // is seen for the first time is not yet. Views are into `sample`.
  std::optional<core::UsageReport> next(const UsageSample& sample);

 private:
  core::MachineUse machine_since_last(const UsageSample& sample) const;

  std::optional<core::TimePoint> last_at_;
  std::uint64_t last_busy_us_ = 0;
  absl::flat_hash_map<std::string, std::uint64_t> last_cpu_us_;  // by uuid of the run
  std::size_t turn_ = 0;  // of the tasks: where the next report begins
};

}  // namespace shoal::agent

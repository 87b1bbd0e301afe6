// An agent with more tasks than one message holds tells of them in parts (TaskReports) before it
// registers. Until it does, the parts are kept here as they came.
#pragma once

#include <cstddef>
#include <vector>

#include "absl/status/status.h"
#include "core/messages.h"
#include "core/shard.h"
#include "wire/frame.h"
#include "wire/message.h"

namespace shoal::master {

// Of one session. Counts into shard.held_report_bytes, so it must end before the shard does.
class HeldReports {
 public:
  explicit HeldReports(core::Shard& shard) : shard_(shard) {}
  ~HeldReports() { shard_.held_report_bytes -= bytes_; }
  HeldReports(const HeldReports&) = delete;
  HeldReports& operator=(const HeldReports&) = delete;

  // Copies the payload of one TaskReports. Errors: INVALID_ARGUMENT when it is none, or there are
  // more parts or tasks than an agent may have; RESOURCE_EXHAUSTED when those of all agents of the
  // shard take too much memory now.
  absl::Status hold(wire::Bytes payload);
  // Adds the tasks of all parts to the agent's own. Their views are valid as long as this is.
  absl::Status append_to(core::RegisterAgent& message) const;

 private:
  core::Shard& shard_;
  std::vector<wire::ByteVector> parts_;
  std::size_t bytes_ = 0;
  std::size_t tasks_ = 0;
};

}  // namespace shoal::master

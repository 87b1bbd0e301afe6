// Values that several conversations of messages.h share.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "core/ids.h"
#include "core/resources.h"
#include "core/task_state.h"

namespace shoal::core {

using BytesView = absl::Span<const std::uint8_t>;

struct AttributeView {
  std::string_view name;   // check_name
  std::string_view value;  // clean text
};
using AttributeViews = absl::InlinedVector<AttributeView, 4>;

// What the master reads of a task; the rest is `description`, forwarded unread.
struct TaskLaunch {
  std::string_view id;    // check_name; unique within the framework
  std::string_view name;  // clean text, may be empty
  Resources resources;
  BytesView description;  // an encoded TaskDescription (wire/task_description.h)
  // Whose share it counts in. The master sets it from the offers; ignored in an ACCEPT.
  std::string_view role;
};

struct TaskStatus {
  FrameworkId framework;
  AgentId agent;  // 0 when the task never reached one
  std::string_view task;
  TaskState state = TaskState::kUnknown;
  TaskReason reason = TaskReason::kNone;
  TaskSource source = TaskSource::kMaster;
  std::string_view message;  // one line for people, may be empty
  bool has_exit = false;     // the process ended: exactly one of the two below tells how
  std::int32_t exit_code = 0;
  std::int32_t exit_signal = 0;   // > 0: ended by this signal
  std::int64_t timestamp_ms = 0;  // wall clock of the source, for people
  bool has_uuid = false;          // only a status with a uuid is resent until acknowledged
  UpdateUuid uuid{};
};

}  // namespace shoal::core

// What the agent has said of its tasks and what it was answered, as bytes and as what follows from
// them. Pure.
//
//   <data>/meta/updates    records (agent/supervisor/record.h) of kind kUpdate, one after the
//   other.
//                          Each holds one frame (wire/frame.h): a StatusUpdate that was made, an
//                          AcknowledgeUpdate or a RemoveFramework that came.
//
// A record that is cut off or damaged is left out, and reading goes on at the next one that is
// whole.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "agent/agent_state.h"
#include "agent/status_stream.h"
#include "core/ids.h"
#include "core/messages.h"
#include "wire/message.h"

namespace shoal::agent {

// What is known of a task by its updates.
struct RememberedTask {
  core::TaskState state = core::TaskState::kStaging;  // the newest
  core::TaskReason kill_reason = core::TaskReason::kNone;
  bool is_kill_asked = false;
  StatusStream updates;  // not acknowledged
};

class UpdateHistory {
 public:
  using Key = std::pair<core::FrameworkId, std::string>;

  void apply(const core::TaskStatus& status);
  // The last update of a task that has ended: the task is forgotten.
  void apply(const core::AcknowledgeUpdate& message);
  // Its tasks are forgotten; one that is still found running is an orphan.
  void apply(const core::RemoveFramework& message);

  const std::map<Key, RememberedTask>& tasks() const { return tasks_; }
  std::map<Key, RememberedTask>& tasks() { return tasks_; }
  bool is_removed(core::FrameworkId framework) const { return removed_.contains(framework); }

 private:
  std::map<Key, RememberedTask> tasks_;
  std::set<core::FrameworkId> removed_;  // and nothing came of them since
};

// One record, appended to `out`.
void append_record(const core::TaskStatus& status, wire::ByteVector& out);
void append_record(const core::AcknowledgeUpdate& message, wire::ByteVector& out);
void append_record(const core::RemoveFramework& message, wire::ByteVector& out);

struct ReadHistory {
  UpdateHistory history;
  std::size_t records = 0;
  std::size_t lost_bytes = 0;  // of records that are cut off or damaged
};
ReadHistory read_history(wire::Bytes file);

// All records that lead to what the agent knows of its tasks now, and no others.
wire::ByteVector history_of(const AgentState& state);

StatusUpdate update_of(const core::TaskStatus& status);
core::TaskStatus status_of(core::AgentId agent, const Task& task, const StatusUpdate& update);

}  // namespace shoal::agent

// Notes what happens in a shard's log of events (event_log.h). Handlers call these when a record
// has become what it says.
#pragma once

#include "core/shard.h"

namespace shoal::core {

void note_agent(Shard& shard, const AgentRecord& agent);
void note_agent_removed(Shard& shard, const AgentRecord& agent);
void note_framework(Shard& shard, const FrameworkRecord& framework);
void note_task(Shard& shard, AgentId agent, const TaskKey& key, const TaskRecord& task);
// A task that never was: it has no record.
void note_task_refused(Shard& shard, const TaskEvent& task);
void note_role(Shard& shard, const RoleRow& role);
void note_operation(Shard& shard, AgentId agent, const OperationRecord& operation);

}  // namespace shoal::core

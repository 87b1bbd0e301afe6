#include "core/events.h"

#include <string_view>
#include <utility>

#include "core/limits.h"
#include "core/text.h"

namespace shoal::core {
namespace {

std::string cut(std::string_view message) {
  return message.size() <= kMaxEventTextBytes ? std::string(message)
                                              : printable(message, kMaxEventTextBytes);
}

AgentEvent event_of(const AgentRecord& agent) {
  return {.id = agent.id(),
          .hostname = agent.description->hostname,
          .state = agent.state,
          .mode = agent.mode};
}

}  // namespace

void note_agent(Shard& shard, const AgentRecord& agent) { shard.events.add(event_of(agent)); }

void note_agent_removed(Shard& shard, const AgentRecord& agent) {
  AgentEvent event = event_of(agent);
  event.is_removed = true;
  shard.events.add(std::move(event));
}

void note_framework(Shard& shard, const FrameworkRecord& framework) {
  shard.events.add(
      FrameworkEvent{.id = framework.id, .name = framework.name, .state = framework.state});
}

void note_task(Shard& shard, AgentId agent, const TaskKey& key, const TaskRecord& task) {
  shard.events.add(TaskEvent{.framework = key.framework,
                             .id = key.id,
                             .agent = agent,
                             .state = task.state,
                             .reason = task.reason,
                             .message = cut(task.message())});
}

void note_task_refused(Shard& shard, const TaskEvent& task) {
  TaskEvent event = task;
  event.message = cut(task.message);
  shard.events.add(std::move(event));
}

void note_role(Shard& shard, const RoleRow& role) { shard.events.add(RoleEvent{role.name}); }

void note_operation(Shard& shard, AgentId agent, const OperationRecord& operation) {
  shard.events.add(OperationEvent{.agent = agent,
                                  .framework = operation.framework,
                                  .id = operation.id,
                                  .kind = operation.kind,
                                  .state = operation.state});
}

}  // namespace shoal::core

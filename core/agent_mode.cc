#include "core/agent_mode.h"

#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "core/agent_handlers.h"
#include "core/allocator.h"
#include "core/events.h"
#include "core/registry.h"
#include "core/status.h"

namespace shoal::core {
namespace {

void set_mode(Shard& shard, Outbox& outbox, AgentRecord& agent, AgentMode mode) {
  const bool was_normal = agent.mode == AgentMode::kNormal;
  const bool is_news = agent.mode != mode;
  agent.mode = mode;
  if (is_news) note_agent(shard, agent);
  if (mode == AgentMode::kNormal) {
    agent.drain.reset();
    if (!was_normal) shard.counters.held_agents.sub();
    mark_dirty(shard, agent);
    return;
  }
  if (was_normal) shard.counters.held_agents.add();
  rescind_offers(shard, outbox, agent, RescindCause::kOperator);
  dequeue(shard, agent);
}

// Asks every task to end. One that its framework or an operator asks to end already keeps that
// reason, but not a longer grace.
void kill_all(Shard& shard, Outbox& outbox, AgentRecord& agent) {
  for (auto& [key, task] : agent.tasks) {
    if (is_terminal(task.state)) continue;
    if (!task.kill_requested) task.is_drained = true;
    const KillForward kill{.framework = key.framework,
                           .agent = agent.id(),
                           .task = key.id,
                           .grace_ms = task.known_extra().kill_grace_ms};
    kill_task(shard, outbox, kill);
  }
}

absl::Status reactivate(Shard& shard, Outbox& outbox, AgentRecord& agent) {
  if (agent.mode == AgentMode::kDraining) {
    return invalid("agent {} is draining, which cannot be taken back: {} tasks are left",
                   to_string(agent.id()), agent.tasks.size());
  }
  set_mode(shard, outbox, agent, AgentMode::kNormal);
  return absl::OkStatus();
}

void drain(Shard& shard, Outbox& outbox, AgentRecord& agent, const ManageAgent& wanted,
           TimePoint now) {
  if (agent.drain == nullptr) {
    agent.drain = std::make_unique<Drain>(Drain{.max_grace_ms = wanted.max_grace_ms,
                                                .mark_gone = wanted.mark_gone,
                                                .started_ms = shard.wall_ms(now)});
  } else {
    Drain& present = *agent.drain;
    if (present.max_grace_ms < 0) present.max_grace_ms = wanted.max_grace_ms;
    if (wanted.max_grace_ms >= 0) {
      present.max_grace_ms = std::min(present.max_grace_ms, wanted.max_grace_ms);
    }
    present.mark_gone = present.mark_gone || wanted.mark_gone;
  }
  // One that is drained has nothing to do but perhaps to go.
  if (agent.mode != AgentMode::kDrained) set_mode(shard, outbox, agent, AgentMode::kDraining);
  ++agent.drains_waiting;
  store_agent(shard, outbox, agent, now);
  when_stored(shard, outbox, BeginDrain{agent.id()}, now);
}

void take_gone_out(Shard& shard, Outbox& outbox, AgentRecord& agent, TimePoint now) {
  const AgentId id = agent.id();
  if (agent.session.valid()) {
    outbox.refuse(agent.session, RefusalCode::kGone, kGoneText, 0);
    outbox.close(agent.session);
    on_agent_disconnected(shard, outbox, id, agent.session, now);
  } else {
    rescind_offers(shard, outbox, agent, RescindCause::kOperator);
  }
  for (std::uint32_t i = 0; i < shard.config.shards; ++i) outbox.to_shard(i, AgentLost{id});
  if (const auto forgotten = shard.gone_agents.add(id); forgotten.has_value()) {
    store(shard, outbox, ForgottenAgent{*forgotten});
  }
  shard.counters.agents_marked_gone.add();
  remove_agent(shard, outbox, agent, TaskState::kGoneByOperator,
               TaskReason::kAgentRemovedByOperator, "an operator has declared the agent gone", now);
}

// First it is written down: once a framework has heard of it, no later master may forget it.
void mark_gone(Shard& shard, Outbox& outbox, AgentRecord& agent, const RemoveGoneAgent& then,
               TimePoint now) {
  agent.is_declared_gone = true;
  store_agent(shard, outbox, agent, now);
  when_stored(shard, outbox, then, now);
}

}  // namespace

void on_manage_agent(Shard& shard, Outbox& outbox, SessionId session, const ManageAgent& message,
                     std::uint32_t correlation, TimePoint /*now*/) {
  const OperatorOrigin origin{shard.config.index, session, correlation};
  outbox.to_shard(shard.home_of(message.agent), OperatorManage{origin, message});
}

void on_operator_manage(Shard& shard, Outbox& outbox, const OperatorManage& message,
                        TimePoint now) {
  OperatorResult result;
  result.origin = message.origin;
  AgentRecord* agent = shard.find_agent(message.what.agent);
  if (agent == nullptr) {
    result.ok = shard.gone_agents.contains(message.what.agent) &&
                message.what.action == AgentAction::kMarkGone;
    result.message = fmt::format("no agent {}", to_string(message.what.agent));
    return outbox.to_shard(message.origin.shard, std::move(result));
  }
  absl::Status done;
  switch (message.what.action) {
    case AgentAction::kDeactivate:
      if (agent->mode == AgentMode::kNormal) {
        set_mode(shard, outbox, *agent, AgentMode::kDeactivated);
      }
      store_agent(shard, outbox, *agent, now);
      break;
    case AgentAction::kReactivate:
      done = reactivate(shard, outbox, *agent);
      if (done.ok()) store_agent(shard, outbox, *agent, now);
      break;
    case AgentAction::kDrain:
      drain(shard, outbox, *agent, message.what, now);
      break;
    case AgentAction::kMarkGone:
      return mark_gone(shard, outbox, *agent, {agent->id(), true, message.origin}, now);
  }
  result.ok = done.ok();
  result.code = RefusalCode::kInvalid;
  result.message = message_of(done);
  when_stored(shard, outbox, std::move(result), now);
}

void remove_gone_agent(Shard& shard, Outbox& outbox, const RemoveGoneAgent& what, TimePoint now) {
  if (AgentRecord* agent = shard.find_agent(what.agent); agent != nullptr) {
    take_gone_out(shard, outbox, *agent, now);
  }
  if (!what.has_origin) return;
  OperatorResult result;
  result.origin = what.origin;
  outbox.to_shard(what.origin.shard, std::move(result));
}

void begin_drain(Shard& shard, Outbox& outbox, AgentId id) {
  AgentRecord* agent = shard.find_agent(id);
  if (agent == nullptr || agent->drains_waiting == 0) return;  // it is another one by now
  --agent->drains_waiting;
  resume_drain(shard, outbox, *agent);
}

void resume_drain(Shard& shard, Outbox& outbox, AgentRecord& agent) {
  if (agent.drain == nullptr || agent.drains_waiting > 0) return;
  // It may come back with tasks that an earlier master started.
  if (!agent.tasks.empty()) {
    agent.mode = AgentMode::kDraining;
    agent.drain->ended_ms = 0;
  }
  kill_all(shard, outbox, agent);
  note_drain_progress(shard, agent);
}

void note_drain_progress(Shard& shard, const AgentRecord& agent) {
  if (agent.drain == nullptr || agent.drains_waiting > 0) return;
  if (!agent.tasks.empty() || !agent.operations.empty()) return;
  shard.maybe_drained.push_back(agent.id());
}

void end_drains(Shard& shard, Outbox& outbox, TimePoint now) {
  for (const AgentId id : std::exchange(shard.maybe_drained, {})) {
    AgentRecord* agent = shard.find_agent(id);
    if (agent == nullptr || agent->drain == nullptr || agent->drains_waiting > 0) continue;
    // Claimed offers of it are under way and may bring a task that is then refused.
    if (!agent->tasks.empty() || !agent->operations.empty()) continue;
    if (agent->mode == AgentMode::kDraining) {
      agent->mode = AgentMode::kDrained;
      note_agent(shard, *agent);
      agent->drain->ended_ms = shard.wall_ms(now);
      shard.counters.agents_drained.add();
      store_agent(shard, outbox, *agent, now);
    }
    if (agent->drain->mark_gone) mark_gone(shard, outbox, *agent, {id, false, {}}, now);
  }
}

}  // namespace shoal::core

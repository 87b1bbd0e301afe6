#include "core/agent_handlers.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "core/accounting.h"
#include "core/agent_mode.h"
#include "core/allocator.h"
#include "core/events.h"
#include "core/operation_handlers.h"
#include "core/quota.h"
#include "core/registry.h"
#include "core/registry_gc.h"
#include "core/role.h"
#include "core/summary.h"

namespace shoal::core {
namespace {

constexpr std::string_view kDrainText = "an operator drains the agent";

AgentDescriptionPtr describe(AgentId id, const RegisterAgent& message) {
  auto description = std::make_shared<AgentDescription>();
  description->id = id;
  description->hostname = message.hostname;
  description->address = message.address;
  description->region = message.region;
  description->zone = message.zone;
  for (const AttributeView& attribute : message.attributes) {
    description->attributes.emplace_back(attribute.name, attribute.value);
  }
  return description;
}

// How far a state is in the life of a task: its agent reports them in this order.
int progress(TaskState state) {
  if (is_terminal(state)) return 4;
  switch (state) {
    case TaskState::kStarting:
      return 1;
    case TaskState::kRunning:
      return 2;
    case TaskState::kKilling:
      return 3;
    default:
      return 0;
  }
}

// What tasks hold on an unreachable agent is of no use to anybody: it counts in no share and
// against no limit, as the agent's resources count in no total.
bool counts(const AgentRecord& agent) { return agent.state != AgentState::kUnreachable; }

void release(Shard& shard, AgentRecord& agent, FrameworkId framework, TaskRecord& task) {
  if (!task.holds_resources) return;
  task.holds_resources = false;
  Resources scratch;
  const Resources& held = exclusive_part(task.resources, scratch);
  agent.used -= held;
  make_available(agent, held);
  if (counts(agent)) {
    give_up(shard, *task.role, shard.subscription_of(framework, *task.role), task.resources);
  }
  mark_dirty(shard, agent);
}

void complete(Shard& shard, AgentRecord& agent, const TaskKey& key, TaskRecord& task,
              TimePoint now) {
  release(shard, agent, key.framework, task);
  if (task.known_extra().ended_ms == 0) task.make_extra().ended_ms = shard.wall_ms(now);
  shard.completed_tasks.push_back(summarise(agent, key, task));
  if (shard.completed_tasks.size() > kMaxCompletedTasksPerShard) {
    shard.completed_tasks.pop_front();
    ++shard.forgotten_tasks;
  }
  shard.counters.tasks_ended.add();
  shard.counters.tasks.sub();
  const TaskKey gone = key;  // `key` lives in the entry that is erased
  agent.tasks.erase(gone);
  note_drain_progress(shard, agent);
}

void tell_exit(const TaskRecord& task, TaskStatus& status) {
  const TaskExtra& extra = task.known_extra();
  status.has_exit = extra.has_exit;
  status.exit_code = extra.exit_code;
  status.exit_signal = extra.exit_signal;
}

// Ends a task on the master's word: its agent lost it, or never had it.
void end_lost_task(Shard& shard, Outbox& outbox, AgentRecord& agent, const TaskKey& key,
                   TaskState state, TaskReason reason, std::string_view message, TimePoint now) {
  TaskRecord& task = agent.tasks.find(key)->second;
  const bool is_news = task.state != state;
  task.state = state;
  task.reason = reason;
  task.set_message(message);
  if (is_news) note_task(shard, agent.id(), key, task);
  TaskStatus status =
      master_status(shard, key.framework, agent.id(), key.id, state, reason, message, now);
  tell_exit(task, status);
  forward_status(shard, outbox, status);
  complete(shard, agent, key, task, now);
}

void send_kill(Outbox& outbox, const AgentRecord& agent, const TaskKey& key,
               const TaskRecord& task) {
  const std::int64_t most = agent.drain == nullptr ? -1 : agent.drain->max_grace_ms;
  outbox.send(agent.session, KillTask{.framework = key.framework,
                                      .agent = agent.id(),
                                      .task = key.id,
                                      .grace_ms = task.known_extra().kill_grace_ms,
                                      .max_grace_ms = most});
}

// The role that a task of an earlier master counts in; the default one when it cannot be named.
RoleRow& role_of(Shard& shard, const TaskReport& report) {
  absl::StatusOr<RoleRow*> role = shard.shared.roles.intern(report.role);
  if (!role.ok()) role = shard.shared.roles.intern(kDefaultRole);
  return role.ok() ? **role : shard.shared.roles.root();
}

// Tasks that the agent reports and the master does not know: it ran them for an earlier master.
void adopt_task(Shard& shard, Outbox& outbox, AgentRecord& agent, const TaskReport& report,
                TimePoint now) {
  const bool has_ended = is_terminal(report.state);
  Resources scratch;
  const Resources& held = exclusive_part(report.resources, scratch);
  // What it lends it says after the registration.
  const Resources firm =
      select(report.resources, true, [](const LotTags& tags) { return !tags.revocable; });
  const bool fits = agent.available.contains(firm) && !agent.used.intersects(held);
  if (!has_ended && !fits) return;
  TaskRecord task;
  task.name = report.name;
  task.role = &role_of(shard, report);
  task.resources = report.resources;
  task.state = report.state;
  task.started_ms = shard.wall_ms(now);
  if (has_ended) {
    // It only waits for its last update to be acknowledged, which the agent sends now.
    task.holds_resources = false;
    task.make_extra().ended_ms = shard.wall_ms(now);
    // The agent does not know what for it was killed; an earlier master drained it.
    task.is_drained =
        agent.drain != nullptr && agent.drains_waiting == 0 && report.state == TaskState::kKilled;
    if (task.is_drained) {
      task.reason = TaskReason::kAgentDraining;
      if (agent.drain->mark_gone) task.state = TaskState::kGoneByOperator;
    }
  } else {
    agent.used += held;
    recompute_available(agent);
    charge_held(shard, *task.role, task.resources.quantities());
    hold(shard, *task.role, shard.subscription_of(report.framework, *task.role), task.resources);
  }
  shard.counters.tasks.add();
  const auto added =
      agent.tasks.emplace(TaskKey{report.framework, std::string(report.id)}, std::move(task)).first;
  note_task(shard, agent.id(), added->first, added->second);
  outbox.to_shard(shard.home_of(report.framework),
                  TaskAdopted{report.framework, agent.id(), std::string(report.id)});
}

// Tasks that an earlier master started for frameworks that are removed.
void end_orphans(Shard& shard, Outbox& outbox, AgentRecord& agent) {
  for (auto& [key, task] : agent.tasks) {
    if (is_terminal(task.state) || task.kill_requested || !shard.was_removed(key.framework))
      continue;
    task.kill_requested = true;
    task.reason = TaskReason::kFrameworkRemoved;
    send_kill(outbox, agent, key, task);
  }
}

// Compares what the master believes of a returning agent with what it reports.
void reconcile_agent_tasks(Shard& shard, Outbox& outbox, AgentRecord& agent,
                           const RegisterAgent& message, bool restarted, TimePoint now) {
  std::vector<TaskKey> missing;
  for (auto& [key, task] : agent.tasks) {
    const auto reported = std::find_if(
        message.tasks.begin(), message.tasks.end(), [&key = key](const TaskReport& report) {
          return report.framework == key.framework && report.id == key.id;
        });
    if (reported == message.tasks.end()) {
      missing.push_back(key);
      continue;
    }
    // One that has ended is told by its own updates, which the agent sends now, in order.
    if (task.state == TaskState::kUnreachable && !is_terminal(reported->state)) {
      task.state = reported->state;
      note_task(shard, agent.id(), key, task);
      forward_status(shard, outbox,
                     master_status(shard, key.framework, agent.id(), key.id, reported->state,
                                   TaskReason::kAgentReregistered, "the agent is back", now));
    }
    if (task.kill_requested && !is_terminal(task.state)) send_kill(outbox, agent, key, task);
  }
  for (const TaskKey& key : missing) {
    TaskRecord& task = agent.tasks.find(key)->second;
    if (is_terminal(task.state)) {
      // Its agent has forgotten the last update, and nobody will send it again.
      end_lost_task(shard, outbox, agent, key, task.state, task.reason, std::string(task.message()),
                    now);
    } else if (task.state == TaskState::kStaging && !restarted) {
      end_lost_task(shard, outbox, agent, key, TaskState::kDropped, TaskReason::kAgentDisconnected,
                    "the agent lost its connection before the task arrived", now);
    } else {
      end_lost_task(shard, outbox, agent, key, TaskState::kGone,
                    restarted ? TaskReason::kAgentRestarted : TaskReason::kAgentReregistered,
                    restarted ? "the agent was restarted" : "the agent came back without the task",
                    now);
    }
  }
  for (const TaskReport& report : message.tasks) {
    const bool known = agent.tasks.contains(TaskKeyView{report.framework, report.id});
    if (!known) adopt_task(shard, outbox, agent, report, now);
  }
  if (agent.is_admitted) end_orphans(shard, outbox, agent);
}

void uncount_tasks_of(Shard& shard, const AgentRecord& agent) {
  for (const auto& [key, task] : agent.tasks) {
    if (!task.holds_resources) continue;
    give_up(shard, *task.role, shard.subscription_of(key.framework, *task.role), task.resources);
  }
}

// They may be above limits now: offers make room.
void count_tasks_of(Shard& shard, const AgentRecord& agent) {
  for (const auto& [key, task] : agent.tasks) {
    if (!task.holds_resources) continue;
    charge_held(shard, *task.role, task.resources.quantities());
    hold(shard, *task.role, shard.subscription_of(key.framework, *task.role), task.resources);
  }
}

// Every sum with what this machine has of it.
template <typename Act>
void each_sum(ShardCounters& sums, const MachineUse& use, Act act) {
  act(sums.reporting_agents, std::uint64_t{1});
  act(sums.machines_cpus_milli, std::uint64_t{use.cpus_milli});
  act(sums.machines_memory_bytes, use.memory_bytes);
  act(sums.machines_memory_used_bytes, use.memory_used_bytes);
  act(sums.machines_disk_bytes, use.disk_bytes);
  act(sums.machines_disk_used_bytes, use.disk_used_bytes);
}

// The sums lose what was last reported of the agent, and get `next` (null: nothing is known).
void replace_use(Shard& shard, AgentRecord& agent, std::unique_ptr<MachineUse> next) {
  using alloc::Counter;
  if (agent.machine != nullptr) {
    each_sum(shard.counters, *agent.machine, [](Counter& sum, std::uint64_t n) { sum.sub(n); });
  }
  agent.machine = std::move(next);
  if (agent.machine == nullptr) return;
  each_sum(shard.counters, *agent.machine, [](Counter& sum, std::uint64_t n) { sum.add(n); });
}

void set_state(Shard& shard, AgentRecord& agent, AgentState state) {
  if (state != AgentState::kActive) replace_use(shard, agent, nullptr);
  shard.shared.fleet.leave(shard.config.index, agent.state);
  agent.state = state;
  shard.shared.fleet.enter(shard.config.index, state);
}

void activate(Shard& shard, Outbox& outbox, AgentRecord& agent, SessionId session,
              const RegisterAgent& message, TimePoint now) {
  if (!counts(agent)) count_tasks_of(shard, agent);
  const bool was_recovered = agent.state == AgentState::kRecovered;
  if (agent.state != AgentState::kActive) count_agent(shard, agent.total);
  std::erase(shard.unreachable_agents, agent.id());
  set_state(shard, agent, AgentState::kActive);
  agent.session = session;
  agent.incarnation = message.incarnation;
  agent.capabilities = message.capabilities;
  agent.last_heard = now;
  agent.silence_deadline = now + shard.config.session_timeout;
  shard.deadlines.push(agent.silence_deadline, DeadlineKind::kAgentSilence, agent.id().value);
  mark_dirty(shard, agent);
  note_agent(shard, agent);
  if (was_recovered) note_recovered(shard, outbox);
}

AgentRecord& add_agent(Shard& shard, AgentId id, const RegisterAgent& message, TimePoint now) {
  auto record = std::make_unique<AgentRecord>();
  record->description = describe(id, message);
  record->state = AgentState::kDisconnected;
  record->total = message.resources;
  record->available = message.resources;
  record->registered_ms = shard.wall_ms(now);
  AgentRecord& agent = *record;
  shard.agents_by_id.emplace(id, record.get());
  shard.agents.emplace(id, std::move(record));
  shard.counters.agents.add();
  shard.shared.fleet.enter(shard.config.index, agent.state);
  return agent;
}

void welcome(const Shard& shard, Outbox& outbox, const AgentRecord& agent) {
  outbox.send(agent.session,
              AgentRegistered{.agent = agent.id(),
                              .heartbeat_interval_ms = static_cast<std::uint32_t>(
                                  shard.config.heartbeat_interval / std::chrono::milliseconds(1)),
                              .session_timeout_ms = static_cast<std::uint32_t>(
                                  shard.config.session_timeout / std::chrono::milliseconds(1))});
}

// Whether the registry has to hear of a returning agent.
bool is_news(const AgentRecord& agent, const RegisterAgent& message) {
  return agent.state == AgentState::kUnreachable ||
         agent.description->hostname != message.hostname ||
         agent.description->address != message.address;
}

// Takes over what a returning agent says of itself. Its tasks keep what they hold.
void redescribe(Shard& shard, AgentRecord& agent, const RegisterAgent& message) {
  if (agent.state == AgentState::kActive) {
    count_agent(shard, message.resources);
    uncount_agent(shard, agent.total);
  }
  agent.failed.reset();  // `resources` are what there is
  // What could not be withdrawn was answered before. It may be of what an operation would have made
  // that never arrived; its answer finds that the agent knows it no longer (offer_answer.cc).
  agent.offers.clear();
  agent.offered = Resources();
  agent.description = describe(agent.id(), message);
  agent.total = message.resources;
  recompute_available(agent);
}

void drop_agent(Shard& shard, AgentId id) {
  AgentRecord& agent = *shard.find_agent(id);
  note_agent_removed(shard, agent);
  replace_use(shard, agent, nullptr);
  dequeue(shard, agent);
  if (agent.mode != AgentMode::kNormal) shard.counters.held_agents.sub();
  std::erase(shard.unreachable_agents, id);
  shard.shared.fleet.leave(shard.config.index, agent.state);
  shard.agents_by_id.erase(id);
  shard.agents.erase(id);
  shard.counters.agents.sub();
}

// The agent only knows that it was asked to kill the task; its framework is told for what.
TaskStatus with_drain(const AgentRecord& agent, const TaskRecord& task, const TaskStatus& status) {
  const bool is_kill = status.state == TaskState::kKilling || status.state == TaskState::kKilled;
  if (!task.is_drained || !is_kill || status.reason != TaskReason::kNone) return status;
  TaskStatus told = status;
  told.reason = TaskReason::kAgentDraining;
  if (status.state == TaskState::kKilling) told.message = kDrainText;
  // One that has ended stays what it was: a later drain may mark the agent gone.
  const bool is_going = task.state != TaskState::kKilled && agent.drain != nullptr &&
                        agent.drain->mark_gone && agent.drains_waiting == 0;
  if (is_going && status.state == TaskState::kKilled) told.state = TaskState::kGoneByOperator;
  return told;
}

// An answer to Reconcile has a reason of its own, so that the task's has to be its words.
std::string_view reconciled_message(const TaskRecord& task) {
  const bool is_silent = task.message().empty() && task.reason == TaskReason::kAgentDraining;
  return is_silent ? kDrainText : task.message();
}

}  // namespace

void forward_status(Shard& shard, Outbox& outbox, const TaskStatus& status) {
  shard.counters.updates_forwarded.add();
  outbox.to_shard(shard.home_of(status.framework), OwnedStatus(status));
}

TaskStatus master_status(Shard& shard, FrameworkId framework, AgentId agent, std::string_view task,
                         TaskState state, TaskReason reason, std::string_view message,
                         TimePoint now) {
  return {.framework = framework,
          .agent = agent,
          .task = task,
          .state = state,
          .reason = reason,
          .source = TaskSource::kMaster,
          .message = message,
          .timestamp_ms = shard.wall_ms(now)};
}

AgentId on_register_agent(Shard& shard, Outbox& outbox, SessionId session, AgentId known,
                          const RegisterAgent& message, TimePoint now) {
  if (known.valid() && shard.gone_agents.contains(known)) {
    shard.counters.refusals.add();
    outbox.refuse(session, RefusalCode::kGone, kGoneText);
    return AgentId();
  }
  AgentRecord* agent = known.valid() ? shard.find_agent(known) : nullptr;
  const bool live = agent != nullptr && agent->session.valid() && agent->session != session;
  if (live && agent->incarnation != message.incarnation) {
    shard.counters.refusals.add();
    outbox.refuse(
        session, RefusalCode::kOverloaded,
        fmt::format("another agent with the id {} is connected from {}; if it is not this "
                    "machine, one of them has a copied data folder",
                    to_string(known), agent->description->hostname));
    return AgentId();
  }
  if (live) outbox.close(agent->session);
  const bool restarted = agent != nullptr && agent->incarnation != message.incarnation;
  const bool changed = agent != nullptr && is_news(*agent, message);
  if (agent == nullptr) {
    const AgentId id =
        known.valid() ? known
                      : AgentId{draw_id(shard.random, shard.config.index, shard.config.shards)};
    agent = &add_agent(shard, id, message, now);
    shard.counters.agents_registered.add();
  } else {
    rescind_offers(shard, outbox, *agent, RescindCause::kAgentLost);
    redescribe(shard, *agent, message);
  }
  activate(shard, outbox, *agent, session, message, now);
  if (agent->is_admitted) {
    if (changed) store_agent(shard, outbox, *agent, now);
    welcome(shard, outbox, *agent);
  } else {
    store_agent(shard, outbox, *agent, now);
    when_stored(shard, outbox, AdmitAgent{agent->id()}, now);
  }
  reconcile_operations(shard, outbox, *agent, message);
  reconcile_agent_tasks(shard, outbox, *agent, message, restarted, now);
  resume_drain(shard, outbox, *agent);
  return agent->id();
}

void admit_agent(Shard& shard, Outbox& outbox, AgentId id) {
  AgentRecord* agent = shard.find_agent(id);
  // It left meanwhile, or two of its registrations waited.
  if (agent == nullptr || agent->is_admitted) return;
  agent->is_admitted = true;
  mark_dirty(shard, *agent);
  welcome(shard, outbox, *agent);
  end_orphans(shard, outbox, *agent);
}

void recover_agent(Shard& shard, const RegisteredAgent& row, TimePoint now) {
  RegisterAgent message;
  message.hostname = row.hostname;
  message.address = row.address;
  AgentRecord& agent = add_agent(shard, row.id, message, now);
  agent.is_admitted = true;
  agent.disconnected_at = now;
  agent.mode = row.mode;
  if (row.mode != AgentMode::kNormal) shard.counters.held_agents.add();
  if (row.mode == AgentMode::kDraining || row.mode == AgentMode::kDrained) {
    agent.drain = std::make_unique<Drain>(row.drain);
  }
  if (row.standing == AgentStanding::kUnreachable) {
    const std::int64_t away_ms = std::max<std::int64_t>(shard.wall_ms(now) - row.since_ms, 0);
    agent.disconnected_at = now - std::chrono::milliseconds(away_ms);
    set_state(shard, agent, AgentState::kUnreachable);
    shard.unreachable_agents.push_back(row.id);
    return;
  }
  set_state(shard, agent, AgentState::kRecovered);
  shard.shared.recovery.expected_at[shard.config.index].add();
  shard.shared.recovery.missing_at[shard.config.index].add();
  shard.deadlines.push(now + shard.config.agent_reregister_timeout, DeadlineKind::kAgentReregister,
                       row.id.value);
}

void on_agent_heartbeat(Shard& shard, Outbox& outbox, AgentId id, const Heartbeat& message,
                        TimePoint now) {
  AgentRecord* agent = shard.find_agent(id);
  if (agent == nullptr) return;
  agent->last_heard = now;
  outbox.send(agent->session, message);
}

void on_usage_report(Shard& shard, Outbox&, AgentId id, const UsageReport& message, TimePoint now) {
  AgentRecord* agent = shard.find_agent(id);
  if (agent == nullptr) return;
  agent->last_heard = now;
  auto machine = std::make_unique<MachineUse>(message.machine);
  machine->reported_ms = shard.wall_ms(now);
  replace_use(shard, *agent, std::move(machine));
  for (const TaskUseReport& report : message.tasks) {
    const auto task = agent->tasks.find(TaskKeyView{report.framework, report.task});
    if (task != agent->tasks.end()) task->second.use = report.use;
  }
}

void on_status_update(Shard& shard, Outbox& outbox, AgentId id, const TaskStatus& told,
                      TimePoint now) {
  AgentRecord* agent = shard.find_agent(id);
  if (agent == nullptr) return;
  agent->last_heard = now;
  const auto it = agent->tasks.find(TaskKeyView{told.framework, told.task});
  const TaskStatus status = it == agent->tasks.end() ? told : with_drain(*agent, it->second, told);
  const bool framework_gone = shard.was_removed(status.framework);
  if ((it == agent->tasks.end() || framework_gone) && status.has_uuid) {
    // Nobody is left to acknowledge it, and the agent would send it for ever.
    outbox.send(
        agent->session,
        AcknowledgeUpdate{
            .framework = status.framework, .agent = id, .task = status.task, .uuid = status.uuid});
  }
  if (it == agent->tasks.end()) return;
  TaskRecord& task = it->second;
  // Sent again after a later one: its framework is past it, and what acknowledges the later one
  // covers it. One that comes first is told first.
  if (!framework_gone && progress(status.state) < progress(task.state)) return;
  const bool is_news = task.state != status.state && !is_terminal(task.state);
  const bool was_launching =
      task.state == TaskState::kStaging || task.state == TaskState::kStarting;
  if (was_launching && status.state == TaskState::kRunning) {
    shard.counters.launch_delay.observe(
        std::chrono::milliseconds(shard.wall_ms(now) - task.started_ms));
  }
  if (!is_terminal(task.state)) {
    task.state = status.state;
    task.reason = status.reason;
    task.set_message(status.message);
  }
  if (is_news) note_task(shard, id, it->first, task);
  if (is_terminal(status.state)) {
    TaskExtra& extra = task.make_extra();
    extra.has_exit = status.has_exit;
    extra.exit_code = status.exit_code;
    extra.exit_signal = status.exit_signal;
    extra.terminal_uuid = status.uuid;
    if (extra.ended_ms == 0) extra.ended_ms = shard.wall_ms(now);
    release(shard, *agent, status.framework, task);
  }
  // A framework that has not come back yet to this master: the agent sends it again.
  if (!framework_gone && shard.find_entry(status.framework) != nullptr) {
    TaskStatus forwarded = status;
    forwarded.agent = id;
    forward_status(shard, outbox, forwarded);
  }
  const bool nobody_acknowledges = framework_gone || !status.has_uuid;
  if (is_terminal(status.state) && nobody_acknowledges) {
    complete(shard, *agent, it->first, task, now);
  }
}

void on_agent_disconnected(Shard& shard, Outbox& outbox, AgentId id, SessionId session,
                           TimePoint now) {
  AgentRecord* agent = shard.find_agent(id);
  if (agent == nullptr || agent->session != session) return;
  agent->session = SessionId();
  set_state(shard, *agent, AgentState::kDisconnected);
  agent->disconnected_at = now;
  uncount_agent(shard, agent->total);
  note_agent(shard, *agent);
  rescind_offers(shard, outbox, *agent, RescindCause::kAgentLost);
  dequeue(shard, *agent);
  // It does not know its id yet, and will come as a new one.
  if (!agent->is_admitted && agent->tasks.empty() && agent->operations.empty()) {
    store(shard, outbox, ForgottenAgent{id});
    drop_agent(shard, id);
    return;
  }
  shard.deadlines.push(now + shard.config.agent_reregister_timeout, DeadlineKind::kAgentReregister,
                       id.value);
}

bool kill_task(Shard& shard, Outbox& outbox, const KillForward& kill) {
  AgentRecord* agent = shard.find_agent(kill.agent);
  if (agent == nullptr) return false;
  const auto it = agent->tasks.find(TaskKeyView{kill.framework, kill.task});
  if (it == agent->tasks.end() || is_terminal(it->second.state)) return false;
  it->second.kill_requested = true;
  it->second.make_extra().kill_grace_ms = kill.grace_ms;
  send_kill(outbox, *agent, it->first, it->second);
  return true;
}

void on_acknowledge_forward(Shard& shard, Outbox& outbox, const AcknowledgeForward& message,
                            TimePoint now) {
  AgentRecord* agent = shard.find_agent(message.agent);
  if (agent == nullptr) return;
  outbox.send(agent->session, AcknowledgeUpdate{.framework = message.framework,
                                                .agent = message.agent,
                                                .task = message.task,
                                                .uuid = message.uuid});
  const auto it = agent->tasks.find(TaskKeyView{message.framework, message.task});
  if (it == agent->tasks.end() || !is_terminal(it->second.state)) return;
  if (it->second.known_extra().terminal_uuid != message.uuid) return;
  complete(shard, *agent, it->first, it->second, now);
}

void on_reconcile_forward(Shard& shard, Outbox& outbox, const ReconcileForward& message,
                          TimePoint now) {
  for (const auto& [id, agent] : shard.agents) {
    for (const auto& [key, task] : agent->tasks) {
      const bool asked =
          key.framework == message.framework && (message.task.empty() || message.task == key.id);
      // After a registration an end may be known before the update that tells it: that one comes by
      // itself, behind the earlier ones.
      const bool is_update_coming =
          is_terminal(task.state) && task.known_extra().terminal_uuid == UpdateUuid{};
      const bool is_cut_off = agent->state == AgentState::kUnreachable;
      if (!asked || (is_update_coming && !is_cut_off)) continue;
      const TaskState known = is_update_coming ? TaskState::kUnreachable : task.state;
      TaskStatus status = master_status(shard, key.framework, id, key.id, known,
                                        TaskReason::kReconciliation, reconciled_message(task), now);
      tell_exit(task, status);
      forward_status(shard, outbox, status);
    }
  }
}

void remove_framework_from_agents(Shard& shard, Outbox& outbox, FrameworkId framework,
                                  TimePoint now) {
  for (auto& [id, agent] : shard.agents) {
    std::vector<TaskKey> ended;
    for (auto& [key, task] : agent->tasks) {
      if (key.framework != framework) continue;
      if (is_terminal(task.state)) {
        ended.push_back(key);  // its last update will never be acknowledged by the framework
        continue;
      }
      const auto subscription = shard.subscription_of(framework, *task.role);
      if (task.holds_resources && subscription.has_value() && counts(*agent)) {
        shard.shared.shares.held(*subscription).subtract(task.resources.all_quantities());
      }
      task.kill_requested = true;
      task.reason = TaskReason::kFrameworkRemoved;
      send_kill(outbox, *agent, key, task);
    }
    for (const TaskKey& key : ended) {
      TaskRecord& task = agent->tasks.find(key)->second;
      // Without a uuid its update is still to come, and is answered then.
      if (const UpdateUuid uuid = task.known_extra().terminal_uuid; uuid != UpdateUuid{}) {
        outbox.send(
            agent->session,
            AcknowledgeUpdate{.framework = framework, .agent = id, .task = key.id, .uuid = uuid});
      }
      complete(shard, *agent, key, task, now);
    }
  }
}

void count_tasks(Shard& shard, FrameworkId framework, const RoleRow& role,
                 SubscriptionIndex subscription) {
  for (const auto& [id, agent] : shard.agents) {
    if (!counts(*agent)) continue;
    for (auto it = agent->tasks.lower_bound(TaskKeyView{framework, {}});
         it != agent->tasks.end() && it->first.framework == framework; ++it) {
      const TaskRecord& task = it->second;
      if (!task.holds_resources || task.role != &role) continue;
      shard.shared.shares.held(subscription).add(task.resources.all_quantities());
    }
  }
}

void announce_tasks(Shard& shard, Outbox& outbox, FrameworkId framework) {
  for (const auto& [id, agent] : shard.agents) {
    for (const auto& [key, task] : agent->tasks) {
      if (key.framework != framework) continue;
      outbox.to_shard(shard.home_of(framework), TaskAdopted{framework, id, key.id});
    }
  }
}

void check_agent_silence(Shard& shard, Outbox& outbox, const Deadline& deadline, TimePoint now) {
  const AgentId id{deadline.id};
  AgentRecord* agent = shard.find_agent(id);
  if (agent == nullptr || agent->state != AgentState::kActive) return;
  if (agent->silence_deadline != deadline.when) return;
  const TimePoint limit = agent->last_heard + shard.config.session_timeout;
  if (limit > now) {
    agent->silence_deadline = limit;
    shard.deadlines.push(limit, DeadlineKind::kAgentSilence, id.value);
    return;
  }
  const SessionId session = agent->session;
  outbox.close(session);
  on_agent_disconnected(shard, outbox, id, session, now);
}

namespace {

// Too much of the fleet is silent to believe that this agent is gone.
bool is_spared(const Shard& shard, const AgentRecord& agent) {
  const RemovalLimits& limits = shard.config.removals;
  if (shard.shared.fleet.is_mostly_silent(limits.silent_percent)) return true;
  return agent.state == AgentState::kRecovered &&
         shard.shared.recovery.is_mostly_missing(limits.recovery_percent);
}

// Not back in time. nullptr: it is, or has gone for another reason.
AgentRecord* find_overdue(Shard& shard, AgentId id, TimePoint now) {
  AgentRecord* agent = shard.find_agent(id);
  if (agent == nullptr) return nullptr;
  const bool is_away =
      agent->state == AgentState::kDisconnected || agent->state == AgentState::kRecovered;
  const TimePoint limit = agent->disconnected_at + shard.config.agent_reregister_timeout;
  return is_away && limit <= now ? agent : nullptr;
}

bool postpone_removal(Shard& shard, const AgentRecord& agent, TimePoint now) {
  if (!is_spared(shard, agent)) return false;
  shard.counters.removals_postponed.add();
  shard.deadlines.push(now + kRemovalRetry, DeadlineKind::kAgentReregister, agent.id().value);
  return true;
}

void give_up(Shard& shard, Outbox& outbox, AgentRecord& agent, TimePoint now) {
  const AgentId id = agent.id();
  const bool was_recovered = agent.state == AgentState::kRecovered;
  uncount_tasks_of(shard, agent);
  set_state(shard, agent, AgentState::kUnreachable);
  note_agent(shard, agent);
  store_agent(shard, outbox, agent, now);
  if (was_recovered) note_recovered(shard, outbox);
  shard.counters.agents_unreachable.add();
  for (auto& [key, task] : agent.tasks) {
    if (is_terminal(task.state)) continue;
    task.state = TaskState::kUnreachable;
    task.reason = TaskReason::kAgentDisconnected;
    note_task(shard, id, key, task);
    forward_status(shard, outbox,
                   master_status(shard, key.framework, id, key.id, TaskState::kUnreachable,
                                 TaskReason::kAgentDisconnected, "the agent does not answer", now));
  }
  tell_operations_unreachable(shard, outbox, agent);
  for (std::uint32_t i = 0; i < shard.config.shards; ++i) outbox.to_shard(i, AgentLost{id});
  shard.unreachable_agents.push_back(id);
  if (shard.unreachable_agents.size() <= kMostUnreachablePerShard) return;
  AgentRecord* oldest = shard.find_agent(shard.unreachable_agents.front());
  shard.unreachable_agents.pop_front();
  if (oldest == nullptr) return;
  store(shard, outbox, ForgottenAgent{oldest->id()});
  remove_agent(shard, outbox, *oldest, TaskState::kGone, TaskReason::kAgentRemoved,
               "the agent did not come back", now);
}

}  // namespace

void check_agent_reregistered(Shard& shard, Outbox& outbox, AgentId id, TimePoint now) {
  AgentRecord* agent = find_overdue(shard, id, now);
  if (agent == nullptr || agent->awaits_removal || postpone_removal(shard, *agent, now)) return;
  agent->awaits_removal = true;
  shard.removals.push_back(id);
  if (shard.removals.size() > 1) return;
  shard.next_removal = std::max(shard.next_removal, now);
  give_up_agents(shard, outbox, now);
}

void give_up_agents(Shard& shard, Outbox& outbox, TimePoint now) {
  while (!shard.removals.empty() && shard.next_removal <= now) {
    const AgentId id = shard.removals.front();
    shard.removals.pop_front();
    if (AgentRecord* agent = shard.find_agent(id); agent != nullptr) agent->awaits_removal = false;
    AgentRecord* agent = find_overdue(shard, id, now);
    if (agent == nullptr || postpone_removal(shard, *agent, now)) continue;
    shard.next_removal += shard.config.removals.interval * shard.config.shards;
    give_up(shard, outbox, *agent, now);
  }
  if (!shard.removals.empty()) {
    shard.deadlines.push(shard.next_removal, DeadlineKind::kAgentRemoval, 0);
  }
}

void remove_agent(Shard& shard, Outbox& outbox, AgentRecord& agent, TaskState state,
                  TaskReason reason, std::string_view message, TimePoint now) {
  while (!agent.tasks.empty()) {
    const TaskKey key = agent.tasks.begin()->first;
    const TaskRecord& task = agent.tasks.begin()->second;
    // One that has ended has ended as its agent said.
    if (is_terminal(task.state)) {
      end_lost_task(shard, outbox, agent, key, task.state, task.reason, std::string(task.message()),
                    now);
    } else {
      end_lost_task(shard, outbox, agent, key, state, reason, message, now);
    }
  }
  drop_operations(shard, outbox, agent);
  if (agent.state == AgentState::kRecovered) note_recovered(shard, outbox);
  drop_agent(shard, agent.id());
}

}  // namespace shoal::core

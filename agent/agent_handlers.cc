#include "agent/agent_handlers.h"

#include <fmt/core.h>
#include <signal.h>
#include <string.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "agent/registration.h"
#include "agent/task_life.h"
#include "agent/waiting_tasks.h"
#include "core/frame_cost.h"
#include "core/status.h"
#include "core/text.h"
#include "core/version.h"
#include "wire/frame.h"

namespace shoal::agent {

namespace {

using core::TaskReason;
using core::TaskState;

// What a master may ask for; anything else is taken as the nearest.
constexpr std::chrono::milliseconds kMinHeartbeatInterval{10};
constexpr std::chrono::milliseconds kMaxHeartbeatInterval{3'600'000};

// --- session ---

void drop_session(AgentState& state, AgentEffects& effects, std::string_view reason) {
  effects.disconnect(reason);
  on_disconnected(state);
}

// With a heartbeat, so that an idle agent wakes up no more often than for those.
void ask_usage(AgentState& state, AgentEffects& effects, core::TimePoint now) {
  const bool wanted = state.usage_interval.count() > 0 && state.master_knows(core::Feature::kUsage);
  if (!wanted || now < state.next_usage) return;
  state.next_usage = now + state.usage_interval;
  effects.ask_usage();
}

// A master that leads no more, or that has nothing to do with those before.
std::string why_fenced(std::uint64_t epoch, std::uint64_t seen) {
  if (epoch > 0) {
    return fmt::format("it leads no more: its epoch is {}, this agent has seen {}", epoch, seen);
  }
  return fmt::format(
      "it leads without an election, and this agent has served a master of epoch {}: the data "
      "folder belongs to another set-up. Use another one, or remove its file 'epoch' if this "
      "master is the right one",
      seen);
}

// The master says nothing before it has heard who this is, so there is nothing to hold back
// meanwhile.
void register_when_stored(AgentState& state, AgentEffects& effects) {
  if (state.session != SessionPhase::kWelcomed) return;
  if (state.seen_epoch > state.epoch || has_unstored(state.operations)) return;
  state.session = SessionPhase::kRegistering;
  if (absl::Status sent = send_registration(state, effects); !sent.ok()) {
    drop_session(state, effects, core::message_of(sent));
  }
}

core::Duration sane_interval(std::uint32_t ms) {
  if (ms == 0) return core::kHeartbeatInterval;
  return std::clamp<core::Duration>(std::chrono::milliseconds(ms), kMinHeartbeatInterval,
                                    kMaxHeartbeatInterval);
}

}  // namespace

void on_connected(AgentState& state, AgentEffects& effects, core::TimePoint now) {
  on_disconnected(state);
  state.session = SessionPhase::kGreeting;
  state.last_heard = now;
  core::Hello hello;
  hello.kind = core::PeerKind::kAgent;
  hello.protocol_min = wire::kProtocolVersion;
  hello.protocol_max = wire::kProtocolVersion;
  hello.cluster_id = state.cluster_id;
  hello.peer_id = state.id.value;
  hello.epoch = state.epoch;
  hello.features = core::kFeatures;
  hello.software = core::kSoftware;
  effects.send(hello);
}

void on_disconnected(AgentState& state) {
  if (state.session == SessionPhase::kDisconnected) return;
  state.session = SessionPhase::kDisconnected;
  park_operations(state.operations);
  for (const auto& [key, task] : state.tasks) {
    task->updates.park();
    state.tasks.update_deadline(*task);
  }
}

void on_welcome(AgentState& state, AgentEffects& effects, const core::Welcome& message,
                core::TimePoint now) {
  if (message.protocol != wire::kProtocolVersion) {
    return drop_session(state, effects,
                        fmt::format("the master chose protocol {}; this agent speaks {}",
                                    message.protocol, wire::kProtocolVersion));
  }
  if (state.cluster_id != 0 && message.cluster_id != state.cluster_id) {
    on_disconnected(state);
    return effects.give_up(fmt::format("the master is of cluster {:016x}, the agent of {:016x}",
                                       message.cluster_id, state.cluster_id));
  }
  const std::uint64_t seen = std::max(state.epoch, state.seen_epoch);
  if (message.epoch < seen) {
    return drop_session(state, effects, why_fenced(message.epoch, seen));
  }
  state.cluster_id = message.cluster_id;
  state.master_features = message.features;
  state.session = SessionPhase::kWelcomed;
  state.seen_epoch = message.epoch;
  settle_operations(state, effects, now);  // it is told what is stored, nothing else
  if (message.epoch > state.epoch) {
    const std::optional<absl::Status> stored = effects.store_epoch(message.epoch);
    if (stored.has_value()) on_epoch_stored(state, effects, message.epoch, *stored, now);
  }
  register_when_stored(state, effects);
}

void on_registered(AgentState& state, AgentEffects& effects, const core::AgentRegistered& message,
                   core::TimePoint now) {
  state.id = message.agent;
  state.session = SessionPhase::kRegistered;
  state.heartbeat_interval = sane_interval(message.heartbeat_interval_ms);
  const core::Duration asked = std::chrono::milliseconds(message.session_timeout_ms);
  state.session_timeout =
      message.session_timeout_ms == 0 ? core::Duration(core::kSessionTimeout) : asked;
  state.session_timeout = std::max(state.session_timeout, 2 * state.heartbeat_interval);
  // Somewhere in the first interval: agents that came together, to a new master, do not beat as
  // one.
  const auto phase =
      state.random.below(static_cast<std::uint64_t>(state.heartbeat_interval.count()));
  state.next_heartbeat = now + core::Duration(static_cast<core::Duration::rep>(phase));
  // What an earlier registration lent ended with it.
  if (state.master_knows(core::Feature::kOfferEngine) && !state.revocable.empty()) {
    core::UpdateRevocable lent;
    for (const core::Lot& lot : state.revocable.lots) {
      static_cast<core::Amounts&>(lent.resources) += lot.amounts;
    }
    effects.send(lent);
  }
  if (!state.is_known_for_good()) {
    if (effects.store_id(state.id).has_value()) state.stored_id = state.id;
  }
  resend_operations(state, effects, now);
  for (const auto& [key, task] : state.tasks) resend(state, effects, *task, now);
}

void on_refusal(AgentState& state, AgentEffects& effects, const core::Refusal& message) {
  const std::string text =
      fmt::format("the master refused: {} ({})", core::printable(message.message, 200),
                  core::name_of(message.code));
  const bool is_registered = state.is_registered();
  switch (message.code) {
    case core::RefusalCode::kFenced:
      // Of the hello: it is the master that is out of date. Another one leads.
      if (state.session == SessionPhase::kGreeting) return drop_session(state, effects, text);
      [[fallthrough]];
    case core::RefusalCode::kWrongCluster:
    case core::RefusalCode::kUnsupportedVersion:
      on_disconnected(state);
      return effects.give_up(text);
    case core::RefusalCode::kGone:
      on_disconnected(state);
      return effects.leave(text);
    case core::RefusalCode::kInvalid:
    case core::RefusalCode::kBadMessage:
    case core::RefusalCode::kNotExpected:
    case core::RefusalCode::kInvalidOffer:
      if (is_registered) return;  // of one message; nothing to do about it
      on_disconnected(state);
      return effects.give_up(text);
    case core::RefusalCode::kNotFound:
      if (is_registered) return;
      state.id = core::AgentId{};  // forgotten there: register as a new agent
      return drop_session(state, effects, text);
    case core::RefusalCode::kOverloaded:
      if (is_registered) return;
      if (message.retry_after_ms == 0) return drop_session(state, effects, text);
      effects.come_back_after(std::chrono::milliseconds(message.retry_after_ms), text);
      return on_disconnected(state);
    case core::RefusalCode::kShuttingDown:
      return drop_session(state, effects, text);
    case core::RefusalCode::kNotLeader:
      effects.redirect(message.leader, text);
      return on_disconnected(state);
  }
}

void on_run_task(AgentState& state, AgentEffects& effects, const core::RunTask& message,
                 core::TimePoint now) {
  const core::TaskLaunch& asked = message.task;
  if (Task* known = state.tasks.find(message.framework, asked.id); known != nullptr) {
    return send_present(state, effects, *known, now);
  }
  const auto refuse = [&](TaskState to, TaskReason reason, std::string why) {
    refuse_task(state, effects, message.framework, asked.id, update_of(to, reason, std::move(why)),
                now);
  };
  if (state.is_shutting_down) {
    return refuse(TaskState::kDropped, TaskReason::kAgentRemoved, "the agent is shutting down");
  }
  const core::FrameCost cost =
      core::task_report_cost(asked.id, reported_name(asked.name), asked.role, asked.resources);
  if (!state.tasks.has_room_for(cost)) {
    return refuse(TaskState::kDropped, TaskReason::kLaunchFailed,
                  fmt::format("the agent holds {} tasks, the most it may", state.tasks.size()));
  }
  auto description = wire::decode_task_description(asked.description);
  if (!description.ok()) {
    return refuse(TaskState::kError, TaskReason::kTaskInvalid,
                  fmt::format("not started: {}", core::message_of(description.status())));
  }
  settle_operations(state, effects, now);  // what it is to run on must be there for good
  const core::Resources capacity = state.capacity();
  const core::Resources uncommitted = capacity - state.tasks.committed();
  if (!uncommitted.contains(asked.resources)) {
    return refuse(TaskState::kDropped, TaskReason::kLaunchFailed,
                  fmt::format("not started: {}", why_not(capacity, uncommitted, asked.resources)));
  }
  Task& task = state.tasks.add(message.framework, asked.id, cost);
  task.name = asked.name;
  task.role = asked.role;
  task.resources = asked.resources;
  task.kill_grace_ms = description->kill_grace_ms;
  task.max_completion_ms = description->max_completion_ms;
  state.tasks.commit(task);
  if (may_launch(state, task)) return launch(state, effects, task, *description);
  task.description = std::make_unique<wire::TaskDescription>(*std::move(description));
}

void on_kill_task(AgentState& state, AgentEffects& effects, const core::KillTask& message,
                  core::TimePoint now) {
  Task* task = state.tasks.find(message.framework, message.task);
  if (task == nullptr) {
    return refuse_task(
        state, effects, message.framework, message.task,
        update_of(TaskState::kDropped, TaskReason::kTaskUnknown, "the agent has no such task"),
        now);
  }
  if (task->phase == TaskPhase::kEnded) return send_present(state, effects, *task, now);
  core::Duration grace = grace_of(*task, message.grace_ms);
  if (message.max_grace_ms >= 0) {
    grace = std::min<core::Duration>(grace, std::chrono::milliseconds(message.max_grace_ms));
  }
  kill_task(state, effects, *task, grace, TaskReason::kNone, "asked to end", now);
}

void on_acknowledge(AgentState& state, AgentEffects& effects,
                    const core::AcknowledgeUpdate& message) {
  Task* task = state.tasks.find(message.framework, message.task);
  if (task == nullptr || !task->updates.acknowledge(message.uuid)) return;
  effects.record(message);
  state.tasks.update_deadline(*task);
  if (task->updates.empty() && task->phase == TaskPhase::kEnded) state.tasks.erase(*task);
}

void on_remove_framework(AgentState& state, AgentEffects& effects,
                         const core::RemoveFramework& message, core::TimePoint now) {
  effects.record(message);
  for (auto it = state.tasks.lower_bound(message.framework);
       it != state.tasks.end() && it->first.framework == message.framework;) {
    Task& task = *it->second;
    ++it;  // the task may be erased below
    task.updates.clear();
    state.tasks.update_deadline(task);
    if (task.phase == TaskPhase::kEnded) {
      state.tasks.erase(task);
      continue;
    }
    if (!task.is_orphan) state.tasks.uncommit(task);
    task.is_orphan = true;
    kill_task(state, effects, task, grace_of(task, -1), TaskReason::kFrameworkRemoved, {}, now);
  }
  settle_operations(state, effects, now);
  forget_operations(state, message.framework, now);
}

void on_process_started(AgentState& state, AgentEffects& effects, core::FrameworkId framework,
                        std::string_view task_id, core::TimePoint now) {
  Task* task = state.tasks.find(framework, task_id);
  if (task == nullptr || task->phase != TaskPhase::kLaunching) return;
  state.tasks.enter(*task, TaskPhase::kRunning);
  if (task->is_kill_asked) return effects.kill(framework, task_id, KillMode::kForce);
  limit_time(state, *task, now);
  report(state, effects, *task, update_of(TaskState::kRunning, TaskReason::kNone, {}), now);
}

void on_launch_failed(AgentState& state, AgentEffects& effects, core::FrameworkId framework,
                      std::string_view task_id, std::string_view why, core::TimePoint now) {
  Task* task = state.tasks.find(framework, task_id);
  if (task == nullptr || task->phase != TaskPhase::kLaunching) return;
  StatusUpdate update =
      task->is_kill_asked
          ? update_of(TaskState::kKilled, task->kill_reason, "killed before it was started")
          : update_of(TaskState::kFailed, TaskReason::kLaunchFailed,
                      core::printable(why, core::kMaxTextBytes / 4));
  end_task(state, effects, *task, std::move(update), now);
}

void on_process_exited(AgentState& state, AgentEffects& effects, core::FrameworkId framework,
                       std::string_view task_id, const ExitStatus& exit, core::TimePoint now) {
  Task* task = state.tasks.find(framework, task_id);
  if (task == nullptr || task->phase != TaskPhase::kRunning) return;
  end_task(state, effects, *task, update_of_exit(*task, exit), now);
}

void on_process_lost(AgentState& state, AgentEffects& effects, core::FrameworkId framework,
                     std::string_view task_id, std::string_view why, core::TimePoint now) {
  Task* task = state.tasks.find(framework, task_id);
  if (task == nullptr || task->phase != TaskPhase::kRunning) return;
  end_task(state, effects, *task, update_of_loss(*task, TaskReason::kNone, std::string(why)), now);
}

void on_disk_limit(AgentState& state, AgentEffects& effects, core::FrameworkId framework,
                   std::string_view task_id, std::string_view why, core::TimePoint now) {
  Task* task = state.tasks.find(framework, task_id);
  if (task == nullptr || task->phase != TaskPhase::kRunning || task->is_kill_asked) return;
  task->limit_why = why;
  kill_task(state, effects, *task, core::Duration{0}, TaskReason::kDiskLimit, why, now);
}

void on_usage(AgentState& state, AgentEffects& effects, const core::UsageReport& report) {
  if (state.is_registered() && state.master_knows(core::Feature::kUsage)) effects.send(report);
}

void on_stored(AgentState& state, AgentEffects& effects, const StoreOutcome& outcome,
               core::TimePoint now) {
  conclude_store(state, effects, outcome, now);
  settle_operations(state, effects, now);  // what came meanwhile
  register_when_stored(state, effects);
}

void on_epoch_stored(AgentState& state, AgentEffects& effects, std::uint64_t epoch,
                     const absl::Status& status, core::TimePoint) {
  if (status.ok()) {
    state.epoch = std::max(state.epoch, epoch);
    return register_when_stored(state, effects);
  }
  if (epoch != state.seen_epoch) return;  // of a master that was told to be out of date since
  state.seen_epoch = 0;
  if (state.session == SessionPhase::kWelcomed) {
    drop_session(state, effects, core::message_of(status));
  }
}

void on_id_stored(AgentState& state, AgentEffects& effects, core::AgentId id, core::TimePoint) {
  if (id != state.id) return;  // it has another one since
  state.stored_id = id;
  launch_waiting(state, effects);
}

void on_tick(AgentState& state, AgentEffects& effects, core::TimePoint now) {
  if (state.session != SessionPhase::kDisconnected &&
      now - state.last_heard >= state.session_timeout) {
    const auto silence =
        std::chrono::duration_cast<std::chrono::milliseconds>(now - state.last_heard);
    drop_session(state, effects,
                 fmt::format("the master has been silent for {} ms", silence.count()));
  }
  if (state.is_registered() && now >= state.next_heartbeat) {
    effects.send(core::Heartbeat{++state.heartbeat_sequence});
    state.next_heartbeat = now + state.heartbeat_interval;
    ask_usage(state, effects, now);
  }
  tick_operations(state, effects, now);
  while (Task* task = state.tasks.due(now)) {
    if (task->kill_at <= now) {
      force(state, effects, *task);
    } else if (task->complete_by <= now) {
      time_out(state, effects, *task, now);
    } else {
      resend(state, effects, *task, now);
    }
  }
}

core::TimePoint next_deadline(const AgentState& state) {
  core::TimePoint next = std::min(state.tasks.next_deadline(), next_deadline(state.operations));
  if (state.session != SessionPhase::kDisconnected) {
    next = std::min(next, state.last_heard + state.session_timeout);
  }
  if (state.is_registered()) next = std::min(next, state.next_heartbeat);
  return next;
}

void on_shutdown(AgentState& state, AgentEffects& effects, KillMode mode, core::TimePoint now) {
  state.is_shutting_down = true;
  settle_operations(state, effects, now);
  for (auto it = state.tasks.begin(); it != state.tasks.end();) {
    Task& task = *it->second;
    ++it;  // a waiting orphan is erased below
    if (task.phase == TaskPhase::kEnded) continue;
    const core::Duration grace = mode == KillMode::kForce ? core::Duration{0} : grace_of(task, -1);
    kill_task(state, effects, task, grace, TaskReason::kAgentRemoved, "the agent is shutting down",
              now);
  }
}

}  // namespace shoal::agent

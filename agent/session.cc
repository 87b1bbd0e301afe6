#include "agent/session.h"

#include <fmt/core.h>

#include <string>
#include <string_view>
#include <utility>

#include "core/status.h"

namespace shoal::agent {

namespace {

using wire::MessageKind;

void drop(AgentState& state, AgentEffects& effects, std::string_view reason) {
  effects.disconnect(reason);
  on_disconnected(state);
}

// Decodes the payload as T and calls `handle`; a payload that is no T ends the session.
template <typename T, typename Handle>
void decoded(AgentState& state, AgentEffects& effects, const wire::FrameView& frame,
             Handle&& handle) {
  const absl::StatusOr<T> message = wire::decode<T>(frame.payload);
  if (!message.ok()) return drop(state, effects, core::message_of(message.status()));
  std::forward<Handle>(handle)(*message);
}

// The phase in which a kind may come; kDisconnected: never.
SessionPhase phase_of(MessageKind kind) {
  switch (kind) {
    case MessageKind::kWelcome:
      return SessionPhase::kGreeting;
    case MessageKind::kAgentRegistered:
      return SessionPhase::kRegistering;
    case MessageKind::kRunTask:
    case MessageKind::kKillTask:
    case MessageKind::kAcknowledgeUpdate:
    case MessageKind::kApplyOperation:
    case MessageKind::kAcknowledgeOperation:
    case MessageKind::kRemoveFramework:
    case MessageKind::kHeartbeat:
      return SessionPhase::kRegistered;
    default:
      return SessionPhase::kDisconnected;
  }
}

void dispatch(AgentState& state, AgentEffects& effects, MessageKind kind,
              const wire::FrameView& frame, core::TimePoint now) {
  switch (kind) {
    case MessageKind::kWelcome:
      return decoded<core::Welcome>(state, effects, frame, [&](const core::Welcome& message) {
        on_welcome(state, effects, message, now);
      });
    case MessageKind::kAgentRegistered:
      return decoded<core::AgentRegistered>(state, effects, frame,
                                            [&](const core::AgentRegistered& message) {
                                              on_registered(state, effects, message, now);
                                            });
    case MessageKind::kRunTask:
      return decoded<core::RunTask>(state, effects, frame, [&](const core::RunTask& message) {
        on_run_task(state, effects, message, now);
      });
    case MessageKind::kKillTask:
      return decoded<core::KillTask>(state, effects, frame, [&](const core::KillTask& message) {
        on_kill_task(state, effects, message, now);
      });
    case MessageKind::kAcknowledgeUpdate:
      return decoded<core::AcknowledgeUpdate>(
          state, effects, frame,
          [&](const core::AcknowledgeUpdate& message) { on_acknowledge(state, effects, message); });
    case MessageKind::kApplyOperation:
      return decoded<core::ApplyOperation>(state, effects, frame,
                                           [&](const core::ApplyOperation& message) {
                                             on_apply_operation(state, effects, message, now);
                                           });
    case MessageKind::kAcknowledgeOperation:
      return decoded<core::AcknowledgeOperation>(state, effects, frame,
                                                 [&](const core::AcknowledgeOperation& message) {
                                                   on_acknowledge_operation(state, message, now);
                                                 });
    case MessageKind::kRemoveFramework:
      return decoded<core::RemoveFramework>(state, effects, frame,
                                            [&](const core::RemoveFramework& message) {
                                              on_remove_framework(state, effects, message, now);
                                            });
    case MessageKind::kHeartbeat:
      return decoded<core::Heartbeat>(state, effects, frame, [](const core::Heartbeat&) {});
    default:
      return;
  }
}

}  // namespace

void on_frame(AgentState& state, AgentEffects& effects, const wire::FrameView& frame,
              core::TimePoint now) {
  if (state.session == SessionPhase::kDisconnected) return;  // on its way out
  const auto kind = static_cast<MessageKind>(frame.header.kind);
  state.last_heard = now;
  if (kind == MessageKind::kRefusal) {
    return decoded<core::Refusal>(state, effects, frame, [&](const core::Refusal& message) {
      on_refusal(state, effects, message);
    });
  }
  const SessionPhase phase = phase_of(kind);
  if (phase == SessionPhase::kDisconnected || phase != state.session) {
    const std::string_view name = wire::name_of(kind);
    const std::string shown = name.empty()
                                  ? fmt::format("a message of unknown kind {}", frame.header.kind)
                                  : std::string(name);
    return drop(state, effects,
                fmt::format("the master sent {}, which is not expected {}", shown,
                            state.is_registered() ? "here" : "before registration"));
  }
  dispatch(state, effects, kind, frame, now);
}

}  // namespace shoal::agent

// Operations on what this agent has: reservations and persistent volumes, as the master asks for
// them. What one made of the agent's resources is stored before it is told; what was told is
// remembered, also by the next agent on the same data folder, until it is acknowledged. So one that
// comes again is not done again.
//
// Operations that come together are stored together, as the disk is slow: each changes
// AgentState::total at once and joins a batch, which the next tick (due at once), or the next task,
// stores and answers. If it cannot be stored, all of the batch is undone and has failed.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "agent/effects.h"
#include "agent/resend_timer.h"
#include "core/ids.h"
#include "core/lot.h"
#include "core/messages.h"
#include "core/operation.h"
#include "core/resources.h"
#include "core/time.h"

namespace shoal::agent {

struct AgentState;

// What became of one operation. Whether it was sent, and when it is sent again, is not stored.
struct OperationOutcome {
  core::FrameworkId framework;  // 0: an operator's
  std::string id;
  core::UpdateUuid uuid{};
  core::OperationState state = core::OperationState::kFinished;
  std::string message;  // one line, at most core::kMaxOperationTextBytes
  ResendTimer resend;
};

// What was done and is not stored yet.
struct OperationBatch {
  core::Resources before;                            // as it is stored
  std::size_t first = 0;                             // the outcomes from here on belong to it
  absl::InlinedVector<core::LotTagsPtr, 1> made;     // volumes, folders and all
  absl::InlinedVector<core::LotTagsPtr, 1> removed;  // their folders go when it is stored
};

struct OperationLog {
  std::vector<OperationOutcome> outcomes;          // not acknowledged, oldest first
  std::unique_ptr<OperationBatch> batch;           // null: all is stored
  core::TimePoint store_at = ResendTimer::kNever;  // acknowledged ones are still in the file
};

void on_apply_operation(AgentState& state, AgentEffects& effects,
                        const core::ApplyOperation& message, core::TimePoint now);
// Harmless for an operation that is not known.
void on_acknowledge_operation(AgentState& state, const core::AcknowledgeOperation& message,
                              core::TimePoint now);

// Stores and answers what was done. Before anything that relies on it: a task, a registration.
void settle_operations(AgentState& state, AgentEffects& effects, core::TimePoint now);

// After a registration: everything that is not acknowledged, at once.
void resend_operations(AgentState& state, AgentEffects& effects, core::TimePoint now);
void park_operations(OperationLog& log);
// The framework is gone, nobody will acknowledge.
void forget_operations(AgentState& state, core::FrameworkId framework, core::TimePoint now);

void tick_operations(AgentState& state, AgentEffects& effects, core::TimePoint now);
// When tick_operations has something to do; TimePoint::min(): at once, max(): never.
core::TimePoint next_deadline(const OperationLog& log);

core::OperationReport report_of(const OperationOutcome& outcome);
// What is to be on disk now. Its views are into `state`.
core::AgentResources record_of(const AgentState& state);

// A sentence for what is wrong with the books; empty when nothing is. For tests and the simulator.
std::string broken_invariant(const AgentState& state);

}  // namespace shoal::agent

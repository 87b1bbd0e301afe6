// Operations on what this agent has: reservations and persistent volumes, as the master asks for
// them. What one made of the agent's resources is stored before it is told; what was told is
// remembered, also by the next agent on the same data folder, until it is acknowledged. So one that
// comes again is not done again.
//
// Operations that come together are stored together, as the disk is slow: each changes
// AgentState::total at once and joins a batch, which the next tick (due at once), or the next task,
// gives to the disk. They are told when it is stored. What comes meanwhile is planned on top of it
// and makes the next batch; tasks that are to run on what is not stored yet wait for it. If a batch
// cannot be stored it is undone and has failed, and what was planned on top is planned again.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

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
  bool is_forgotten = false;  // its framework is gone: it is dropped once it is stored
};

// How an outcome that is not stored came about, so that it can be planned again.
struct PlannedOperation {
  core::OperationKind kind = core::OperationKind::kReserve;
  core::Resources consumed;
  core::Resources converted;
  std::vector<core::LotTagsPtr> made;     // volumes
  std::vector<core::LotTagsPtr> removed;  // their folders go when it is stored
};

// What is stored in one step, after the batch before it.
struct OperationBatch {
  core::Resources before;                 // what is had when the batch before it is stored
  std::size_t first = 0;                  // the outcomes from here on belong to it
  std::vector<PlannedOperation> planned;  // one for each of them, in order
};

struct OperationLog {
  std::vector<OperationOutcome> outcomes;  // not acknowledged, oldest first
  std::vector<OperationBatch> batches;     // not stored; the first is with the disk, if is_storing
  bool is_storing = false;
  core::TimePoint store_at = ResendTimer::kNever;  // acknowledged ones are still in the file
};

void on_apply_operation(AgentState& state, AgentEffects& effects,
                        const core::ApplyOperation& message, core::TimePoint now);
// Harmless for an operation that is not known.
void on_acknowledge_operation(AgentState& state, const core::AcknowledgeOperation& message,
                              core::TimePoint now);

// Gives the disk what it has not got, if it has nothing to do; answers what it says at once.
void settle_operations(AgentState& state, AgentEffects& effects, core::TimePoint now);
// The first batch is stored, or cannot be: answers it.
void conclude_store(AgentState& state, AgentEffects& effects, const StoreOutcome& outcome,
                    core::TimePoint now);
// Whether something was done that nobody may hear of yet.
bool has_unstored(const OperationLog& log);
// AgentState::total without what is not stored.
const core::Resources& stored_total(const AgentState& state);

// After a registration: everything that is not acknowledged, at once.
void resend_operations(AgentState& state, AgentEffects& effects, core::TimePoint now);
void park_operations(OperationLog& log);
// The framework is gone, nobody will acknowledge.
void forget_operations(AgentState& state, core::FrameworkId framework, core::TimePoint now);

void tick_operations(AgentState& state, AgentEffects& effects, core::TimePoint now);
// When tick_operations has something to do; TimePoint::min(): at once, max(): never.
core::TimePoint next_deadline(const OperationLog& log);

core::OperationReport report_of(const OperationOutcome& outcome);
// What is to be on disk now: all, or all up to the first batch. Its views are into `state`.
core::AgentResources record_of(const AgentState& state);

// A sentence for what is wrong with the books; empty when nothing is. For tests and the simulator.
std::string broken_invariant(const AgentState& state);

}  // namespace shoal::agent

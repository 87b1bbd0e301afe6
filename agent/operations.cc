#include "agent/operations.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "agent/agent_state.h"
#include "core/frame_cost.h"
#include "core/limits.h"
#include "core/status.h"
#include "core/text.h"

namespace shoal::agent {

namespace {

using core::OperationKind;
using core::OperationState;

constexpr core::TimePoint kNever = ResendTimer::kNever;
// Acknowledgements are stored together: a file that still names one does no harm, it is only told
// once more.
constexpr std::chrono::milliseconds kForgetDelay{1000};

using TagsList = absl::InlinedVector<core::LotTagsPtr, 1>;

// --- telling ---

// A master of an earlier version has never asked for one, and does not know the message.
bool can_tell(const AgentState& state) {
  return state.is_registered() && state.master_knows(core::Feature::kOfferEngine);
}

void tell(AgentState& state, AgentEffects& effects, const OperationOutcome& outcome) {
  core::OperationUpdate update;
  update.framework = outcome.framework;
  update.agent = state.id;
  update.id = outcome.id;
  update.uuid = outcome.uuid;
  update.state = outcome.state;
  update.message = outcome.message;
  effects.send(update);
}

void tell_first(AgentState& state, AgentEffects& effects, OperationOutcome& outcome,
                core::TimePoint now) {
  if (!can_tell(state)) return;  // told when it is registered
  tell(state, effects, outcome);
  outcome.resend.mark_sent(now);
}

void set_failed(OperationOutcome& outcome, std::string_view why) {
  outcome.state = OperationState::kFailed;
  outcome.message = core::printable(why, core::kMaxOperationTextBytes / 2);
}

// --- what an operation does ---

struct Plan {
  core::Resources total;  // as it is to be
  TagsList made;          // volumes
  TagsList removed;
};

std::string describe(const core::LotTags& volume) {
  return fmt::format("volume '{}' of role '{}'", core::printable(volume.volume->id),
                     core::printable(volume.role()));
}

// The volume of the same id and role; null when there is none.
const core::Lot* find_volume(const core::Resources& resources, const core::LotTags& wanted) {
  const auto* found =
      std::find_if(resources.lots.begin(), resources.lots.end(), [&wanted](const core::Lot& lot) {
        return lot.tags->volume.has_value() && lot.tags->volume->id == wanted.volume->id &&
               lot.tags->role() == wanted.role();
      });
  return found == resources.lots.end() ? nullptr : found;
}

// The volumes of `some` that are not in `others`.
TagsList volumes_without(const core::Resources& some, const core::Resources& others) {
  TagsList list;
  for (const core::Lot& lot : some.lots) {
    if (lot.tags->volume.has_value() && find_volume(others, *lot.tags) == nullptr) {
      list.push_back(lot.tags);
    }
  }
  return list;
}

core::Amounts flatten(const core::Resources& resources) {
  core::Amounts sum = resources;
  for (const core::Lot& lot : resources.lots) sum += lot.amounts;
  return sum;
}

// Nothing of `consumed` may be in a task's hands, be it one whose framework is gone.
absl::Status check_idle(const AgentState& state, const core::Resources& consumed) {
  for (const core::Lot& lot : consumed.lots) {
    if (!lot.tags->volume.has_value()) continue;
    const Task* holder = state.tasks.holder_of(*lot.tags);
    if (holder == nullptr) continue;
    return core::invalid("task '{}' uses {}", core::printable(holder->id), describe(*lot.tags));
  }
  const core::Resources capacity = state.capacity();
  for (const core::Resources* taken : {&state.tasks.committed(), &state.tasks.used()}) {
    const core::Resources idle = capacity - *taken;
    if (idle.contains(consumed)) continue;
    return core::invalid("tasks use some of it: {}", core::shortfall(consumed, idle));
  }
  return absl::OkStatus();
}

// The master has checked all of this, but against its own books.
absl::StatusOr<Plan> plan_of(const AgentState& state, const core::ApplyOperation& message) {
  const core::Resources& consumed = message.consumed;
  if (consumed.empty()) return core::invalid("nothing is named");
  if (!state.total.contains(consumed)) {
    return core::invalid("the agent lacks {}", core::shortfall(consumed, state.total));
  }
  if (absl::Status idle = check_idle(state, consumed); !idle.ok()) return idle;
  if (!(flatten(consumed) == flatten(message.converted))) {
    return core::invalid("{} cannot become {}: it is not as much", core::to_string(consumed),
                         core::to_string(message.converted));
  }
  Plan plan;
  plan.made = volumes_without(message.converted, consumed);
  plan.removed = volumes_without(consumed, message.converted);
  if (!plan.made.empty() && message.kind != OperationKind::kCreate) {
    return core::invalid("{} would be made by {}", describe(*plan.made.front()),
                         core::name_of(message.kind));
  }
  if (!plan.removed.empty() && message.kind != OperationKind::kDestroy) {
    return core::invalid("{} would be lost by {}", describe(*plan.removed.front()),
                         core::name_of(message.kind));
  }
  plan.total = state.total - consumed;
  for (const core::LotTagsPtr& tags : plan.made) {
    if (find_volume(plan.total, *tags) == nullptr) continue;
    return core::invalid("there is a {} already", describe(*tags));
  }
  plan.total += message.converted;
  if (absl::Status sound = core::check_resources(plan.total); !sound.ok()) return sound;
  if (!core::frame_cost(plan.total).within(core::kMaxResourceCost)) {
    return core::invalid("the agent would have more reservations and volumes than it can tell of");
  }
  return plan;
}

bool is_among(const core::LotTagsPtr& tags, const TagsList& list) {
  return std::any_of(list.begin(), list.end(), [&tags](const core::LotTagsPtr& other) {
    return other->volume->id == tags->volume->id && other->role() == tags->role();
  });
}

OperationBatch& batch_of(AgentState& state) {
  OperationLog& log = state.operations;
  if (log.batch == nullptr) {
    log.batch = std::make_unique<OperationBatch>();
    log.batch->before = state.total;
    log.batch->first = log.outcomes.size();
  }
  return *log.batch;
}

absl::Status apply(AgentState& state, AgentEffects& effects, const core::ApplyOperation& message,
                   core::TimePoint now) {
  absl::StatusOr<Plan> plan = plan_of(state, message);
  if (!plan.ok()) return plan.status();
  const TagsList& leaving = batch_of(state).removed;
  if (std::any_of(plan->made.begin(), plan->made.end(),
                  [&leaving](const core::LotTagsPtr& tags) { return is_among(tags, leaving); })) {
    // The folder of the volume that was destroyed a moment ago is still there.
    settle_operations(state, effects, now);
    plan = plan_of(state, message);
    if (!plan.ok()) return plan.status();
  }
  for (std::size_t i = 0; i < plan->made.size(); ++i) {
    absl::Status made = effects.make_volume(*plan->made[i]);
    if (made.ok()) continue;
    while (i > 0) effects.remove_volume(*plan->made[--i]);
    return made;
  }
  OperationBatch& batch = batch_of(state);
  batch.made.insert(batch.made.end(), plan->made.begin(), plan->made.end());
  batch.removed.insert(batch.removed.end(), plan->removed.begin(), plan->removed.end());
  state.total = std::move(plan->total);
  return absl::OkStatus();
}

OperationOutcome* find_outcome(OperationLog& log, const core::UpdateUuid& uuid) {
  const auto found =
      std::find_if(log.outcomes.begin(), log.outcomes.end(),
                   [&uuid](const OperationOutcome& outcome) { return outcome.uuid == uuid; });
  return found == log.outcomes.end() ? nullptr : &*found;
}

// How many outcomes, from the front, are stored.
std::size_t stored_count(const OperationLog& log) {
  return log.batch == nullptr ? log.outcomes.size() : log.batch->first;
}

void undo(AgentState& state, AgentEffects& effects, const OperationBatch& batch,
          std::string_view why) {
  state.total = batch.before;
  for (const core::LotTagsPtr& tags : batch.made) effects.remove_volume(*tags);
  std::vector<OperationOutcome>& outcomes = state.operations.outcomes;
  for (std::size_t i = batch.first; i < outcomes.size(); ++i) {
    if (outcomes[i].state == OperationState::kFinished) set_failed(outcomes[i], why);
  }
}

// Takes those out that `drop` is true for, but for those of an open batch.
template <typename Drop>
void drop_stored(OperationLog& log, core::TimePoint now, Drop drop) {
  const auto end = log.outcomes.begin() + static_cast<std::ptrdiff_t>(stored_count(log));
  const auto kept = std::remove_if(log.outcomes.begin(), end, drop);
  const auto dropped = static_cast<std::size_t>(end - kept);
  if (dropped == 0) return;
  log.outcomes.erase(kept, end);
  if (log.batch != nullptr) log.batch->first -= dropped;
  log.store_at = std::min(log.store_at, now + kForgetDelay);
}

}  // namespace

void on_apply_operation(AgentState& state, AgentEffects& effects,
                        const core::ApplyOperation& message, core::TimePoint now) {
  OperationLog& log = state.operations;
  if (OperationOutcome* known = find_outcome(log, message.uuid); known != nullptr) {
    // One of the open batch is told with it.
    const bool is_stored = known < log.outcomes.data() + stored_count(log);
    if (is_stored) tell_first(state, effects, *known, now);
    return;
  }
  OperationOutcome outcome;
  outcome.framework = message.framework;
  outcome.id = message.id;
  outcome.uuid = message.uuid;
  if (log.outcomes.size() >= core::kMaxOperationsPerAgent) {
    set_failed(outcome, fmt::format("the agent holds {} operations that nobody has acknowledged",
                                    log.outcomes.size()));
    return tell(state, effects, outcome);  // once: it is not remembered
  }
  batch_of(state);  // of the outcome, also if it failed
  const absl::Status done = apply(state, effects, message, now);
  if (!done.ok()) set_failed(outcome, core::message_of(done));
  batch_of(state);
  log.outcomes.push_back(std::move(outcome));
}

void on_acknowledge_operation(AgentState& state, const core::AcknowledgeOperation& message,
                              core::TimePoint now) {
  drop_stored(state.operations, now,
              [&message](const OperationOutcome& outcome) { return outcome.uuid == message.uuid; });
}

void settle_operations(AgentState& state, AgentEffects& effects, core::TimePoint now) {
  OperationLog& log = state.operations;
  if (log.batch == nullptr && log.store_at == kNever) return;
  const std::unique_ptr<OperationBatch> batch = std::move(log.batch);
  log.store_at = kNever;
  const absl::Status stored = effects.store(record_of(state));
  if (batch == nullptr) return;  // if it failed, the next one tries again
  if (stored.ok()) {
    for (const core::LotTagsPtr& tags : batch->removed) effects.remove_volume(*tags);
  } else {
    undo(state, effects, *batch, core::message_of(stored));
  }
  for (std::size_t i = batch->first; i < log.outcomes.size(); ++i) {
    tell_first(state, effects, log.outcomes[i], now);
  }
}

void resend_operations(AgentState& state, AgentEffects& effects, core::TimePoint now) {
  for (OperationOutcome& outcome : state.operations.outcomes) {
    tell_first(state, effects, outcome, now);
  }
}

void park_operations(OperationLog& log) {
  for (OperationOutcome& outcome : log.outcomes) outcome.resend.park();
}

void forget_operations(AgentState& state, core::FrameworkId framework, core::TimePoint now) {
  drop_stored(state.operations, now, [framework](const OperationOutcome& outcome) {
    return outcome.framework == framework;
  });
}

void tick_operations(AgentState& state, AgentEffects& effects, core::TimePoint now) {
  OperationLog& log = state.operations;
  if (log.batch != nullptr || log.store_at <= now) settle_operations(state, effects, now);
  if (!can_tell(state)) return;
  for (OperationOutcome& outcome : log.outcomes) {
    if (outcome.resend.at() > now) continue;
    tell(state, effects, outcome);
    outcome.resend.mark_resent(now);
  }
}

core::TimePoint next_deadline(const OperationLog& log) {
  if (log.batch != nullptr) return core::TimePoint::min();
  core::TimePoint next = log.store_at;
  for (const OperationOutcome& outcome : log.outcomes) next = std::min(next, outcome.resend.at());
  return next;
}

core::OperationReport report_of(const OperationOutcome& outcome) {
  core::OperationReport report;
  report.framework = outcome.framework;
  report.id = outcome.id;
  report.uuid = outcome.uuid;
  report.state = outcome.state;
  report.message = outcome.message;
  return report;
}

core::AgentResources record_of(const AgentState& state) {
  core::AgentResources record;
  record.resources = state.total;
  record.operations.reserve(state.operations.outcomes.size());
  for (const OperationOutcome& outcome : state.operations.outcomes) {
    record.operations.push_back(report_of(outcome));
  }
  return record;
}

std::string broken_invariant(const AgentState& state) {
  const OperationLog& log = state.operations;
  if (log.outcomes.size() > core::kMaxOperationsPerAgent) return "too many operations are kept";
  if (const absl::Status sound = core::check_resources(state.total); !sound.ok()) {
    return fmt::format("the agent's resources are not sound: {}", core::message_of(sound));
  }
  if (log.batch == nullptr) return {};
  if (log.batch->first > log.outcomes.size()) return "the batch begins behind its operations";
  if (!(flatten(log.batch->before) == flatten(state.total))) {
    return "an operation has changed how much the agent has";
  }
  return {};
}

}  // namespace shoal::agent

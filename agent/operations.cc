#include "agent/operations.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "agent/agent_state.h"
#include "agent/waiting_tasks.h"
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

using TagsList = std::vector<core::LotTagsPtr>;

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
absl::StatusOr<Plan> plan_of(const AgentState& state, const PlannedOperation& message) {
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

// The folder of a volume that is destroyed is there until that is stored.
bool must_follow(const OperationBatch& batch, const TagsList& made) {
  return std::any_of(
      batch.planned.begin(), batch.planned.end(), [&made](const PlannedOperation& each) {
        return std::any_of(made.begin(), made.end(), [&each](const core::LotTagsPtr& tags) {
          return is_among(tags, each.removed);
        });
      });
}

// The batch that takes one more operation, which makes these volumes; `index`: of its outcome.
OperationBatch& open_batch(AgentState& state, const TagsList& made, std::size_t index) {
  OperationLog& log = state.operations;
  const bool is_closed = log.batches.empty() || (log.is_storing && log.batches.size() == 1) ||
                         must_follow(log.batches.back(), made);
  if (is_closed) {
    OperationBatch& batch = log.batches.emplace_back();
    batch.before = state.total;
    batch.first = index;
  }
  return log.batches.back();
}

// Does it, or fails its outcome; either joins a batch.
void plan(AgentState& state, PlannedOperation operation, OperationOutcome& outcome,
          std::size_t index) {
  absl::StatusOr<Plan> plan = plan_of(state, operation);
  operation.made = plan.ok() ? std::move(plan->made) : TagsList();
  operation.removed = plan.ok() ? std::move(plan->removed) : TagsList();
  OperationBatch& batch = open_batch(state, operation.made, index);
  if (plan.ok()) {
    state.total = std::move(plan->total);
  } else {
    set_failed(outcome, core::message_of(plan.status()));
  }
  batch.planned.push_back(std::move(operation));
}

OperationOutcome* find_outcome(OperationLog& log, const core::UpdateUuid& uuid) {
  const auto found =
      std::find_if(log.outcomes.begin(), log.outcomes.end(),
                   [&uuid](const OperationOutcome& outcome) { return outcome.uuid == uuid; });
  return found == log.outcomes.end() ? nullptr : &*found;
}

// How many outcomes, from the front, are stored.
std::size_t stored_count(const OperationLog& log) {
  return log.batches.empty() ? log.outcomes.size() : log.batches.front().first;
}

// Where the first batch ends.
std::size_t first_end(const OperationLog& log) {
  return log.batches.size() < 2 ? log.outcomes.size() : log.batches[1].first;
}

// --- when the disk has answered ---

// The outcome that the volume with this number among those of the batch belongs to.
std::size_t maker_of(const OperationBatch& batch, std::size_t volume) {
  std::size_t index = batch.first;
  for (const PlannedOperation& each : batch.planned) {
    if (volume < each.made.size()) break;
    volume -= each.made.size();
    ++index;
  }
  return index;
}

// What was done since `undone` was planned is as if it had not been, and is done again, if it is
// not what has failed: what stands on that fails, too.
void plan_again(AgentState& state, AgentEffects& effects, OperationBatch undone,
                const StoreOutcome& outcome, core::TimePoint now) {
  OperationLog& log = state.operations;
  const std::string why(core::message_of(outcome.status));
  std::vector<OperationBatch> others = std::exchange(log.batches, {});
  state.total = undone.before;
  const std::vector<Task*> waiting = withdraw_waiting(state);
  std::size_t index = undone.first;
  if (outcome.unmade.has_value()) {
    set_failed(log.outcomes[maker_of(undone, *outcome.unmade)], why);
    others.insert(others.begin(), std::move(undone));
  } else {
    // Told as it is, although the disk does not know it.
    for (std::size_t i = 0; i < undone.planned.size(); ++i, ++index) {
      if (log.outcomes[index].state == OperationState::kFinished) {
        set_failed(log.outcomes[index], why);
      }
    }
  }
  for (OperationBatch& batch : others) {
    for (PlannedOperation& each : batch.planned) {
      OperationOutcome& known = log.outcomes[index];
      if (known.state == OperationState::kFinished) {
        plan(state, std::move(each), known, index);
      } else {
        open_batch(state, {}, index).planned.emplace_back();
      }
      ++index;
    }
  }
  readmit_waiting(state, effects, waiting, now);
}

// Takes those out that `drop` is true for, but for those that are not stored.
template <typename Drop>
void drop_stored(OperationLog& log, core::TimePoint now, Drop drop) {
  const auto end = log.outcomes.begin() + static_cast<std::ptrdiff_t>(stored_count(log));
  const auto kept = std::remove_if(log.outcomes.begin(), end, drop);
  const auto dropped = static_cast<std::size_t>(end - kept);
  if (dropped == 0) return;
  log.outcomes.erase(kept, end);
  for (OperationBatch& batch : log.batches) batch.first -= dropped;
  log.store_at = std::min(log.store_at, now + kForgetDelay);
}

}  // namespace

void on_apply_operation(AgentState& state, AgentEffects& effects,
                        const core::ApplyOperation& message, core::TimePoint now) {
  OperationLog& log = state.operations;
  if (OperationOutcome* known = find_outcome(log, message.uuid); known != nullptr) {
    // One that is not stored is told when it is.
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
  PlannedOperation operation;
  operation.kind = message.kind;
  operation.consumed = message.consumed;
  operation.converted = message.converted;
  plan(state, std::move(operation), outcome, log.outcomes.size());
  log.outcomes.push_back(std::move(outcome));
}

void on_acknowledge_operation(AgentState& state, const core::AcknowledgeOperation& message,
                              core::TimePoint now) {
  drop_stored(state.operations, now,
              [&message](const OperationOutcome& outcome) { return outcome.uuid == message.uuid; });
}

void settle_operations(AgentState& state, AgentEffects& effects, core::TimePoint now) {
  OperationLog& log = state.operations;
  if (log.is_storing) return;
  if (log.batches.empty() && log.store_at != kNever) {
    open_batch(state, {}, log.outcomes.size());  // of nothing: the file forgets
  }
  while (!log.batches.empty()) {
    TagsList made;
    TagsList removed;
    for (const PlannedOperation& each : log.batches.front().planned) {
      made.insert(made.end(), each.made.begin(), each.made.end());
      removed.insert(removed.end(), each.removed.begin(), each.removed.end());
    }
    log.store_at = kNever;
    log.is_storing = true;
    const auto outcome = effects.store({record_of(state), made, removed});
    if (!outcome.has_value()) return;
    conclude_store(state, effects, *outcome, now);
  }
}

void conclude_store(AgentState& state, AgentEffects& effects, const StoreOutcome& outcome,
                    core::TimePoint now) {
  OperationLog& log = state.operations;
  if (!log.is_storing) return;
  log.is_storing = false;
  OperationBatch batch = std::move(log.batches.front());
  log.batches.erase(log.batches.begin());
  const std::size_t first = batch.first;
  const std::size_t end = first + batch.planned.size();
  if (!outcome.status.ok()) plan_again(state, effects, std::move(batch), outcome, now);
  // If it is to be stored once more it is told then.
  if (!outcome.unmade.has_value()) {
    for (std::size_t i = first; i < end; ++i) {
      if (!log.outcomes[i].is_forgotten) tell_first(state, effects, log.outcomes[i], now);
    }
    drop_stored(log, now, [](const OperationOutcome& each) { return each.is_forgotten; });
  }
  launch_waiting(state, effects);
}

bool has_unstored(const OperationLog& log) { return stored_count(log) < log.outcomes.size(); }

const core::Resources& stored_total(const AgentState& state) {
  const auto& batches = state.operations.batches;
  return batches.empty() ? state.total : batches.front().before;
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
  OperationLog& log = state.operations;
  for (std::size_t i = stored_count(log); i < log.outcomes.size(); ++i) {
    if (log.outcomes[i].framework == framework) log.outcomes[i].is_forgotten = true;
  }
  drop_stored(log, now, [framework](const OperationOutcome& outcome) {
    return outcome.framework == framework;
  });
}

void tick_operations(AgentState& state, AgentEffects& effects, core::TimePoint now) {
  OperationLog& log = state.operations;
  if (!log.batches.empty() || log.store_at <= now) settle_operations(state, effects, now);
  if (!can_tell(state)) return;
  for (OperationOutcome& outcome : log.outcomes) {
    if (outcome.resend.at() > now) continue;
    tell(state, effects, outcome);
    outcome.resend.mark_resent(now);
  }
}

core::TimePoint next_deadline(const OperationLog& log) {
  if (!log.batches.empty() && !log.is_storing) return core::TimePoint::min();
  core::TimePoint next = log.is_storing ? kNever : log.store_at;
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
  const OperationLog& log = state.operations;
  core::AgentResources record;
  record.resources = log.batches.size() < 2 ? state.total : log.batches[1].before;
  const std::size_t end = first_end(log);
  record.operations.reserve(end);
  for (std::size_t i = 0; i < end; ++i) record.operations.push_back(report_of(log.outcomes[i]));
  return record;
}

std::string broken_invariant(const AgentState& state) {
  const OperationLog& log = state.operations;
  if (log.outcomes.size() > core::kMaxOperationsPerAgent) return "too many operations are kept";
  if (const absl::Status sound = core::check_resources(state.total); !sound.ok()) {
    return fmt::format("the agent's resources are not sound: {}", core::message_of(sound));
  }
  std::size_t next = stored_count(log);
  for (const OperationBatch& batch : log.batches) {
    if (batch.first != next) return "a batch does not begin where the one before it ends";
    next += batch.planned.size();
    if (!(flatten(batch.before) == flatten(state.total))) {
      return "an operation has changed how much the agent has";
    }
  }
  if (next != log.outcomes.size()) return "an operation is in no batch, and is not stored";
  return {};
}

}  // namespace shoal::agent

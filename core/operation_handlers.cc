#include "core/operation_handlers.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "core/accounting.h"
#include "core/agent_mode.h"
#include "core/allocator.h"
#include "core/eligibility.h"
#include "core/events.h"
#include "core/frame_cost.h"
#include "core/limit_hold.h"
#include "core/status.h"

namespace shoal::core {
namespace {

void forward(Shard& shard, Outbox& outbox, const AgentRecord& agent, const UpdateUuid& uuid,
             const OperationRecord& record, std::string_view message) {
  outbox.to_shard(shard.home_of(record.framework),
                  OperationForward{record.framework, agent.id(), record.id, uuid, record.state,
                                   std::string(message)});
}

// The master's word ends it: nobody acknowledges.
void drop_operation(Shard& shard, Outbox& outbox, AgentRecord& agent, const UpdateUuid& uuid,
                    OperationState state, std::string_view message) {
  OperationRecord record = std::move(agent.operations.find(uuid)->second);
  agent.operations.erase(uuid);
  record.state = state;
  shard.counters.operations_failed.add();
  if (!record.id.empty()) forward(shard, outbox, agent, UpdateUuid(), record, message);
}

// Takes what is in both out of both; a volume or a mount disk as a whole.
void cancel(Resources& a, Resources& b) {
  Resources same;
  static_cast<Amounts&>(same) = common(a, b);
  for (const Lot& lot : a.lots) {
    const Amounts* other = b.lots.find(*lot.tags);
    if (other == nullptr || (lot.tags->is_indivisible() && !(*other == lot.amounts))) continue;
    same.lots.add(lot.tags, common(lot.amounts, *other));
  }
  a -= same;
  b -= same;
}

// One operation may have used what an earlier one would have made; both fail, in that order.
void add_failed(Conversion& sum, const Conversion& next) {
  Resources consumed = next.consumed;
  cancel(sum.converted, consumed);
  sum.consumed += consumed;
  sum.converted += next.converted;
  cancel(sum.consumed, sum.converted);
}

void acknowledge(Outbox& outbox, const AgentRecord& agent, FrameworkId framework,
                 const UpdateUuid& uuid) {
  outbox.send(agent.session,
              AcknowledgeOperation{.framework = framework, .agent = agent.id(), .uuid = uuid});
}

bool uses_volume(const Resources& resources, const LotTags& volume) {
  return std::any_of(resources.lots.begin(), resources.lots.end(), [&volume](const Lot& lot) {
    return lot.tags->volume.has_value() && lot.tags->volume->id == volume.volume->id &&
           lot.tags->role() == volume.role();
  });
}

// Other offers may hold a shared volume that was just destroyed. Accepts of them that are under way
// find out when they arrive (offer_answer.cc).
void rescind_offers_of_gone(Shard& shard, Outbox& outbox, AgentRecord& agent,
                            const Resources& consumed) {
  const auto is_gone = [&agent](const Lot& lot) {
    return lot.tags->is_shared() && agent.total.lots.find(*lot.tags) == nullptr;
  };
  if (std::none_of(consumed.lots.begin(), consumed.lots.end(), is_gone)) return;
  const auto offers = agent.offers;  // settle_offer takes them out of the agent's list
  for (const OfferId id : offers) {
    const LotList& lots = shard.shared.offers.payload(id).resources.lots;
    if (std::none_of(lots.begin(), lots.end(), is_gone)) continue;
    rescind_offer(shard, outbox, id, RescindCause::kOperator);
  }
}

}  // namespace

absl::Status check_operable(const AgentRecord& agent, std::size_t count, const Resources& total) {
  if ((agent.capabilities & static_cast<std::uint64_t>(AgentCapability::kOperations)) == 0) {
    return invalid("agent {} does not know operations; it must be upgraded", to_string(agent.id()));
  }
  if (agent.operations.size() + count > kMaxOperationsPerAgent) {
    return absl::ResourceExhaustedError(
        fmt::format("agent {} has {} operations whose feedback is not acknowledged",
                    to_string(agent.id()), agent.operations.size()));
  }
  if (!frame_cost(total).within(kMaxResourceCost)) {
    return invalid("agent {} would have more tagged resources than fit into one message",
                   to_string(agent.id()));
  }
  return absl::OkStatus();
}

absl::Status check_volumes_unused(const AgentRecord& agent, const Resources& resources) {
  for (const Lot& lot : resources.lots) {
    if (!lot.tags->volume.has_value()) continue;
    for (const auto& [key, task] : agent.tasks) {
      if (!task.holds_resources || !uses_volume(task.resources, *lot.tags)) continue;
      return invalid("volume '{}' is used by task '{}'", lot.tags->volume->id, key.id);
    }
  }
  return absl::OkStatus();
}

bool undo_failed(Shard& shard, AgentRecord& agent) {
  if (agent.failed == nullptr || agent.failed->converted.empty()) return true;
  // What is held comes back: offers were withdrawn, the agent refuses tasks on what it does not
  // have, and later operations fail as well.
  if (!agent.available.contains(agent.failed->converted)) return false;
  const Conversion undone = {.consumed = std::move(agent.failed->converted),
                             .converted = std::move(agent.failed->consumed)};
  agent.failed.reset();
  agent.total -= undone.consumed;
  agent.total += undone.converted;
  convert_held(shard, nullptr, undone);
  recompute_available(agent);
  return true;
}

void start_operation(Shard& shard, Outbox& outbox, AgentRecord& agent, OperationRecord record) {
  agent.total -= record.conversion.consumed;
  agent.total += record.conversion.converted;
  rescind_offers_of_gone(shard, outbox, agent, record.conversion.consumed);
  const UpdateUuid uuid = draw_uuid(shard.random);
  shard.counters.operations.add();
  outbox.send(agent.session, ApplyOperation{.framework = record.framework,
                                            .id = record.id,
                                            .uuid = uuid,
                                            .kind = record.kind,
                                            .consumed = record.conversion.consumed,
                                            .converted = record.conversion.converted});
  const auto added = agent.operations.emplace(uuid, std::move(record)).first;
  note_operation(shard, agent.id(), added->second);
}

void on_operation_update(Shard& shard, Outbox& outbox, AgentId id, const OperationUpdate& message,
                         TimePoint now) {
  AgentRecord* agent = shard.find_agent(id);
  if (agent == nullptr) return;
  agent->last_heard = now;
  const auto it = agent->operations.find(message.uuid);
  const bool framework_gone = message.framework.valid() && shard.was_removed(message.framework);
  if (it == agent->operations.end() || framework_gone || it->second.id.empty()) {
    // Nobody waits for it, and the agent would send it for ever.
    acknowledge(outbox, *agent, message.framework, message.uuid);
  }
  if (it == agent->operations.end()) return;
  const bool is_news = it->second.state == OperationState::kPending;
  it->second.state = message.state;
  if (is_news) note_operation(shard, id, it->second);
  const Conversion conversion = it->second.conversion;
  if (framework_gone || it->second.id.empty()) {
    agent->operations.erase(it);
  } else {
    forward(shard, outbox, *agent, message.uuid, it->second, message.message);
  }
  if (!is_news || message.state == OperationState::kFinished) return;
  shard.counters.operations_failed.add();
  if (agent->failed == nullptr) agent->failed = std::make_unique<Conversion>();
  add_failed(*agent->failed, conversion);
  rescind_offers(shard, outbox, *agent, RescindCause::kOperator);
  undo_failed(shard, *agent);
  mark_dirty(shard, *agent);
}

void on_update_revocable(Shard& shard, Outbox& outbox, AgentId id, const UpdateRevocable& message,
                         TimePoint now) {
  AgentRecord* agent = shard.find_agent(id);
  if (agent == nullptr) return;
  agent->last_heard = now;
  Resources total = select(agent->total, true, [](const LotTags& t) { return !t.revocable; });
  if (!message.resources.Amounts::empty()) {
    auto tags = std::make_shared<LotTags>();
    tags->revocable = true;
    total.lots.add(std::move(tags), message.resources);
  }
  if (total == agent->total) return;
  // Offers of what is taken back, or replaced, no longer say what there is.
  const auto offers = agent->offers;
  for (const OfferId offer : offers) {
    const auto& lots = shard.shared.offers.payload(offer).resources.lots;
    const bool lends =
        std::any_of(lots.begin(), lots.end(), [](const Lot& lot) { return lot.tags->revocable; });
    if (lends) rescind_offer(shard, outbox, offer, RescindCause::kRevocable);
  }
  if (agent->state == AgentState::kActive) {
    count_agent(shard, total);
    uncount_agent(shard, agent->total);
  }
  agent->total = std::move(total);
  recompute_available(*agent);
  mark_dirty(shard, *agent);
}

void reconcile_operations(Shard& shard, Outbox& outbox, AgentRecord& agent,
                          const RegisterAgent& message) {
  std::vector<UpdateUuid> lost;
  for (const auto& [uuid, record] : agent.operations) {
    const bool reported =
        std::any_of(message.operations.begin(), message.operations.end(),
                    [&uuid = uuid](const OperationReport& report) { return report.uuid == uuid; });
    if (!reported) lost.push_back(uuid);
  }
  for (const UpdateUuid& uuid : lost) {
    const bool was_pending = agent.operations.find(uuid)->second.state == OperationState::kPending;
    // One that was told and is not reported any more was acknowledged on another way.
    if (was_pending) {
      drop_operation(shard, outbox, agent, uuid, OperationState::kDropped,
                     "the agent lost its connection before the operation arrived");
    } else {
      agent.operations.erase(uuid);
    }
  }
  for (const OperationReport& report : message.operations) {
    if (const auto known = agent.operations.find(report.uuid); known != agent.operations.end()) {
      // Its feedback comes by itself. What became of it is in the resources that were reported.
      known->second.state = report.state;
      continue;
    }
    // Of an earlier master.
    OperationRecord record;
    record.framework = report.framework;
    record.id = report.id;
    record.state = report.state;
    agent.operations.emplace(report.uuid, std::move(record));
  }
}

void tell_operations_unreachable(Shard& shard, Outbox& outbox, const AgentRecord& agent) {
  for (const auto& [uuid, operation] : agent.operations) {
    if (operation.state != OperationState::kPending || operation.id.empty()) continue;
    OperationRecord told = operation;
    told.state = OperationState::kUnreachable;
    forward(shard, outbox, agent, UpdateUuid(), told, "the agent does not answer");
  }
}

void drop_operations(Shard& shard, Outbox& outbox, AgentRecord& agent) {
  while (!agent.operations.empty()) {
    const UpdateUuid uuid = agent.operations.begin()->first;
    const OperationRecord& operation = agent.operations.begin()->second;
    if (operation.state != OperationState::kPending) {
      agent.operations.erase(uuid);
      continue;
    }
    drop_operation(shard, outbox, agent, uuid, OperationState::kGoneByOperator,
                   "the agent is gone for good");
  }
}

void on_operation_acknowledged(Shard& shard, Outbox& outbox, const OperationAcknowledged& message) {
  AgentRecord* agent = shard.find_agent(message.agent);
  if (agent == nullptr) return;
  const auto it = agent->operations.find(message.uuid);
  if (it == agent->operations.end() || it->second.framework != message.framework) return;
  agent->operations.erase(it);
  acknowledge(outbox, *agent, message.framework, message.uuid);
  note_drain_progress(shard, *agent);
}

namespace {

// What an operator's call does to the agent, decided on what is free now.
absl::Status operate(Shard& shard, Outbox& outbox, AgentRecord& agent,
                     const OperatorOperation& message) {
  if (absl::Status unused = check_volumes_unused(agent, message.spec.resources); !unused.ok()) {
    return unused;
  }
  absl::StatusOr<Conversion> conversion =
      convert(message.spec, agent.available, agent.total, message.principal);
  if (!conversion.ok() && !agent.offers.empty()) {
    // It may be out in offers; those that nobody has accepted come back.
    rescind_offers(shard, outbox, agent, RescindCause::kOperator);
    conversion = convert(message.spec, agent.available, agent.total, message.principal);
  }
  if (!conversion.ok()) return conversion.status();
  const Resources total = agent.total - conversion->consumed + conversion->converted;
  if (absl::Status operable = check_operable(agent, 1, total); !operable.ok()) return operable;
  LimitHold limits(shard);
  absl::Status within = limits.take(message.spec.kind, *conversion, /*holder=*/nullptr);
  if (!within.ok()) return within;
  convert_held(shard, nullptr, *conversion);
  OperationRecord record;
  record.kind = message.spec.kind;
  record.conversion = *std::move(conversion);
  start_operation(shard, outbox, agent, std::move(record));
  recompute_available(agent);
  mark_dirty(shard, agent);
  return absl::OkStatus();
}

}  // namespace

void on_operator_operation(Shard& shard, Outbox& outbox, const OperatorOperation& message) {
  OperatorResult result;
  result.origin = message.origin;
  result.code = RefusalCode::kInvalid;
  AgentRecord* agent = shard.find_agent(message.agent);
  absl::Status done;
  if (agent == nullptr || agent->state != AgentState::kActive) {
    result.code = RefusalCode::kNotFound;
    done = absl::NotFoundError(fmt::format("no active agent {}", to_string(message.agent)));
  } else {
    done = operate(shard, outbox, *agent, message);
    if (absl::IsResourceExhausted(done)) result.code = RefusalCode::kOverloaded;
  }
  result.ok = done.ok();
  result.message = message_of(done);
  outbox.to_shard(message.origin.shard, std::move(result));
}

}  // namespace shoal::core

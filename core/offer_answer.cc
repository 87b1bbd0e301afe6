#include "core/offer_answer.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "core/accounting.h"
#include "core/agent_handlers.h"
#include "core/allocator.h"
#include "core/events.h"
#include "core/limit_hold.h"
#include "core/operation_handlers.h"
#include "core/status.h"

namespace shoal::core {
namespace {

struct PlannedTask {
  const OwnedTask* task = nullptr;
  Resources resources;  // where they are taken from
};
struct PlannedOperation {
  const OwnedOperation* operation = nullptr;
  Conversion conversion;
};
using Step = std::variant<PlannedTask, PlannedOperation>;

// What an answer will do; made on copies, so that nothing has happened when it turns out invalid.
class Plan {
 public:
  Plan(Shard& shard, Resources offered, RoleRow& role, const AgentRecord& agent)
      : left_(std::move(offered)),
        total_(agent.total),
        role_(role),
        agent_(agent),
        limits_(shard) {}

  absl::Status add(const OwnedTask& task) {
    absl::StatusOr<Resources> taken = resolve(task.resources, left_);
    if (!taken.ok()) {
      return invalid("task '{}' asks for more than is left of the offers: {}", task.id,
                     message_of(taken.status()));
    }
    Resources scratch;
    left_ -= exclusive_part(*taken, scratch);
    steps_.push_back(PlannedTask{&task, *std::move(taken)});
    return absl::OkStatus();
  }

  absl::Status add(const OwnedOperation& operation) {
    if (absl::Status allowed = check(operation.spec); !allowed.ok()) return allowed;
    absl::StatusOr<Conversion> conversion = convert(operation.spec, left_, total_, "");
    if (!conversion.ok()) return conversion.status();
    absl::Status within = limits_.take(operation.spec.kind, *conversion, &role_);
    if (!within.ok()) return within;
    left_ -= conversion->consumed;
    left_ += conversion->converted;
    total_ -= conversion->consumed;
    total_ += conversion->converted;
    steps_.push_back(PlannedOperation{&operation, *std::move(conversion)});
    return absl::OkStatus();
  }

  const std::vector<Step>& steps() const { return steps_; }
  const Resources& left() const { return left_; }
  const Resources& total() const { return total_; }  // of the agent, afterwards

 private:
  absl::Status check(const OperationSpec& spec) const {
    if (spec.kind == OperationKind::kReserve) {
      for (const Lot& lot : spec.resources.lots) {
        if (lot.tags->is_reserved() && lot.tags->role() == role_.name) continue;
        return invalid("RESERVE: offers to role '{}' can be reserved for that role only",
                       role_.name);
      }
    }
    if (spec.kind != OperationKind::kDestroy && spec.kind != OperationKind::kShrink) {
      return absl::OkStatus();
    }
    if (absl::Status unused = check_volumes_unused(agent_, spec.resources); !unused.ok()) {
      return unused;
    }
    return check_unused_here(spec.resources);
  }

  // Nor by a task of this very call: a shared volume is still among what is left then.
  absl::Status check_unused_here(const Resources& volumes) const {
    for (const Step& step : steps_) {
      const auto* planned = std::get_if<PlannedTask>(&step);
      if (planned == nullptr) continue;
      for (const Lot& lot : shared_part(planned->resources).lots) {
        if (volumes.lots.find(*lot.tags) == nullptr) continue;
        return invalid("volume '{}' is used by task '{}'", lot.tags->volume->id, planned->task->id);
      }
    }
    return absl::OkStatus();
  }

  std::vector<Step> steps_;
  Resources left_;
  Resources total_;
  RoleRow& role_;
  const AgentRecord& agent_;
  LimitHold limits_;
};

// The steps in the order of the call. The error names the first thing that cannot be done.
absl::Status plan_all(const OffersAnswered& answer, const AgentRecord& agent, Plan& plan) {
  std::size_t next_task = 0;
  for (const OwnedOperation& operation : answer.operations) {
    if (operation.spec.kind != OperationKind::kLaunch) {
      if (absl::Status added = plan.add(operation); !added.ok()) return added;
      continue;
    }
    for (std::uint32_t i = 0; i < operation.launches; ++i) {
      if (next_task == answer.tasks.size()) return invalid("LAUNCH: there is no such task");
      if (absl::Status added = plan.add(answer.tasks[next_task++]); !added.ok()) return added;
    }
  }
  for (; next_task < answer.tasks.size(); ++next_task) {
    if (absl::Status added = plan.add(answer.tasks[next_task]); !added.ok()) return added;
  }
  return check_operable(agent, answer.operations.size(), plan.total());
}

class Answer {
 public:
  Answer(Shard& shard, Outbox& outbox, const OffersAnswered& answer, TimePoint now)
      : shard_(shard), outbox_(outbox), answer_(answer), now_(now) {}

  void run() {
    AgentRecord* agent = shard_.find_agent(answer_.agent);
    take_offers(agent);
    const bool framework_gone = shard_.find_entry(answer_.framework) == nullptr;
    const bool running = agent_knows_ && agent->state == AgentState::kActive;
    if (framework_gone || !running) {
      return_all(agent, offered_);
      if (!framework_gone) {
        fail_all(TaskState::kDropped, TaskReason::kAgentDisconnected, OperationState::kDropped,
                 "the agent was lost before the call reached it");
      }
      return;
    }
    if (agent->drain != nullptr) {
      return_all(agent, offered_);
      fail_all(TaskState::kDropped, TaskReason::kAgentDraining, OperationState::kDropped,
               "an operator drains the agent");
      return;
    }
    forget_gone_volumes(*agent);
    Plan plan(shard_, offered_, *role_, *agent);
    if (answer_.operations.empty()) {
      plan_each(plan);
    } else if (const absl::Status planned = plan_all(answer_, *agent, plan); !planned.ok()) {
      fail_all(TaskState::kError, TaskReason::kTaskInvalid, OperationState::kError,
               message_of(planned));
      return_all(agent, offered_);
      return;
    }
    for (const Step& step : plan.steps()) {
      std::visit([&](const auto& s) { execute(*agent, s); }, step);
    }
    return_all(agent, plan.left());
    if (const Subscription* subscription = shard_.fair_share.find(subscription_)) {
      add_filter(shard_, *agent, *subscription, plan.left(), answer_.refuse, now_);
    }
  }

 private:
  // The offers are no longer out; what they held is in nobody's hands yet, but still counted.
  void take_offers(AgentRecord* agent) {
    OfferTable& table = shard_.shared.offers;
    agent_knows_ = agent != nullptr;
    for (const OfferId id : answer_.offers) {
      const OfferPayload& payload = table.payload(id);
      role_ = &shard_.shared.roles[payload.role];
      subscription_ = payload.subscription;
      if (offered_.empty()) {
        offered_ = payload.resources;
      } else {
        offered_ += payload.resources;
      }
      end_offer(*role_, payload.resources);
      if (agent != nullptr && !forget_offer(*agent, id, payload.resources)) agent_knows_ = false;
      table.settle(id);
    }
    shard_.allocator.table_full = false;
  }

  // A shared volume may be in several offers, and whoever answered first may have destroyed it.
  void forget_gone_volumes(const AgentRecord& agent) {
    const auto is_gone = [&agent](const LotTags& tags) {
      return tags.is_shared() && agent.total.lots.find(tags) == nullptr;
    };
    const Resources gone = select(offered_, false, is_gone);
    if (gone.empty()) return;
    give_up(shard_, *role_, subscription_, gone);
    offered_ = select(offered_, true, [&](const LotTags& tags) { return !is_gone(tags); });
  }

  // `left` is free again.
  void return_all(AgentRecord* agent, const Resources& left) {
    give_up(shard_, *role_, subscription_, left);
    if (!agent_knows_) return;
    Resources scratch;
    make_available(*agent, exclusive_part(left, scratch));
    mark_dirty(shard_, *agent);
  }

  void plan_each(Plan& plan) {
    for (const OwnedTask& task : answer_.tasks) {
      if (const absl::Status added = plan.add(task); !added.ok()) {
        fail(task, TaskState::kError, TaskReason::kTaskInvalid, message_of(added));
      }
    }
  }

  void execute(AgentRecord& agent, const PlannedTask& planned) {
    const OwnedTask& task = *planned.task;
    Resources scratch;
    agent.used += exclusive_part(planned.resources, scratch);
    // A shared volume is held by every task that uses it; the offer's own hold ends with the offer.
    if (const Resources shared = shared_part(planned.resources); !shared.empty()) {
      hold(shard_, *role_, subscription_, shared);
    }
    TaskRecord record;
    record.name = task.name;
    record.role = role_;
    record.resources = planned.resources;
    record.started_ms = shard_.wall_ms(now_);
    const auto added =
        agent.tasks.emplace(TaskKey{answer_.framework, task.id}, std::move(record)).first;
    note_task(shard_, agent.id(), added->first, added->second);
    shard_.counters.tasks_launched.add();
    shard_.counters.tasks.add();
    outbox_.send(agent.session, RunTask{.framework = answer_.framework,
                                        .task = {.id = task.id,
                                                 .name = task.name,
                                                 .resources = planned.resources,
                                                 .description = task.description,
                                                 .role = role_->name}});
  }

  void execute(AgentRecord& agent, const PlannedOperation& planned) {
    convert_held(shard_, role_, planned.conversion);
    start_operation(shard_, outbox_, agent,
                    {.framework = answer_.framework,
                     .id = planned.operation->id,
                     .kind = planned.operation->spec.kind,
                     .state = OperationState::kPending,
                     .conversion = planned.conversion});
  }

  void fail(const OwnedTask& task, TaskState state, TaskReason reason, std::string_view why) {
    note_task_refused(shard_,
                      {answer_.framework, task.id, answer_.agent, state, reason, std::string(why)});
    forward_status(
        shard_, outbox_,
        master_status(shard_, answer_.framework, answer_.agent, task.id, state, reason, why, now_));
  }

  void fail_all(TaskState state, TaskReason reason, OperationState operation_state,
                std::string_view why) {
    for (const OwnedTask& task : answer_.tasks) fail(task, state, reason, why);
    for (const OwnedOperation& operation : answer_.operations) {
      if (operation.spec.kind == OperationKind::kLaunch) continue;
      shard_.counters.operations_failed.add();
      if (operation.id.empty()) continue;
      outbox_.to_shard(shard_.home_of(answer_.framework), OperationForward{answer_.framework,
                                                                           answer_.agent,
                                                                           operation.id,
                                                                           {},
                                                                           operation_state,
                                                                           std::string(why)});
    }
  }

  Shard& shard_;
  Outbox& outbox_;
  const OffersAnswered& answer_;
  const TimePoint now_;
  RoleRow* role_ = nullptr;
  SubscriptionIndex subscription_ = 0;
  Resources offered_;
  bool agent_knows_ = false;  // the offers are in the agent's books
};

}  // namespace

void on_offers_answered(Shard& shard, Outbox& outbox, const OffersAnswered& answer, TimePoint now) {
  Answer(shard, outbox, answer, now).run();
}

}  // namespace shoal::core

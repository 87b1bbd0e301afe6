#include "core/shard_handlers.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "core/agent_handlers.h"
#include "core/agent_mode.h"
#include "core/allocator.h"
#include "core/explain.h"
#include "core/framework_handlers.h"
#include "core/offer_answer.h"
#include "core/operation_handlers.h"
#include "core/operator_handlers.h"
#include "core/quota_handlers.h"
#include "core/registry.h"

namespace shoal::core {
namespace {

// The framework as it is now. Its tasks that run in roles which are new to this shard join its
// shares; a framework that is new here is told to its home shard task by task.
void on_framework_entry(Shard& shard, Outbox& outbox, FrameworkEntry message) {
  const FrameworkId id = message.id;
  const bool is_new = shard.find_entry(id) == nullptr;
  for (const SubscriptionEntry& entry : message.subscriptions) {
    const Subscription* before = shard.fair_share.find(entry.index);
    if (before == nullptr) count_tasks(shard, id, *entry.role, entry.index);
    Subscription after;
    after.index = entry.index;
    after.framework = id;
    after.framework_index = message.index;
    after.role = entry.role;
    after.capabilities = message.capabilities;
    after.constraints = entry.constraints;
    after.minimum = entry.minimum;
    after.filter_epoch =
        before == nullptr ? 0 : before->filter_epoch + (entry.clear_filters ? 1 : 0);
    after.active = entry.active;
    const bool wants_more =
        entry.active && (entry.clear_filters || before == nullptr || !before->active);
    shard.fair_share.put(after);
    if (wants_more) note_wanting(shard, entry.index);
  }
  shard.directory.insert_or_assign(id, std::move(message));
  if (is_new) announce_tasks(shard, outbox, id);
}

void on_framework_removed(Shard& shard, Outbox& outbox, const FrameworkRemoved& message,
                          TimePoint now) {
  OfferTable& table = shard.shared.offers;
  for (std::optional<OfferId> next = table.oldest(shard.config.index); next.has_value();) {
    const OfferId offer = *next;
    next = table.next_newer(offer);
    if (table.payload(offer).framework != message.id || !table.rescind(offer)) continue;
    settle_offer(shard, offer);
    shard.counters.offers_rescinded.add();
    shard.counters.rescinded_framework_removed.add();
  }
  remove_framework_from_agents(shard, outbox, message.id, now);
  if (const FrameworkEntry* entry = shard.find_entry(message.id); entry != nullptr) {
    for (const SubscriptionEntry& subscription : entry->subscriptions) {
      shard.fair_share.remove(subscription.index);
    }
    shard.directory.erase(message.id);
  }
  const std::optional<FrameworkId> forgotten = shard.removed_frameworks.add(message.id);
  if (forgotten.has_value() && shard.home_of(*forgotten) == shard.config.index) {
    store(shard, outbox, ForgottenFramework{*forgotten});
  }
}

void on_shares_fell(Shard& shard, const SharesFell& message) {
  for (RoleRow* role : message.roles) {
    shard.fair_share.touched(*role, std::nullopt);
    shard.allocator.freed_roles.push_back(role);
  }
  for (const SubscriptionIndex index : message.subscriptions) {
    if (const Subscription* subscription = shard.fair_share.find(index)) {
      shard.fair_share.touched(*subscription->role, index);
    }
  }
}

void on_agent_lost(Shard& shard, Outbox& outbox, const AgentLost& message) {
  for (const auto& [id, framework] : shard.frameworks) {
    outbox.send(framework->session, AgentFailure{message.agent});
  }
}

// One call operator for each alternative of ShardMessage.
struct Visitor {
  Shard& shard;
  Outbox& outbox;
  TimePoint now;

  void operator()(FrameworkEntry m) { on_framework_entry(shard, outbox, std::move(m)); }
  void operator()(const FrameworkRemoved& m) { on_framework_removed(shard, outbox, m, now); }
  void operator()(const OffersOut& m) { on_offers_out(shard, outbox, m, now); }
  void operator()(const OffersWithdrawn& m) { on_offers_withdrawn(shard, outbox, m); }
  void operator()(const OffersAnswered& m) { on_offers_answered(shard, outbox, m, now); }
  void operator()(const SharesFell& m) { on_shares_fell(shard, m); }
  void operator()(const QuotaChanged& m) { on_quota_changed(shard, outbox, m); }
  void operator()(const OwnedStatus& m) { on_forwarded_status(shard, outbox, m, now); }
  void operator()(const KillForward& m) { kill_task(shard, outbox, m); }
  void operator()(const AcknowledgeForward& m) { on_acknowledge_forward(shard, outbox, m, now); }
  void operator()(const ReconcileForward& m) { on_reconcile_forward(shard, outbox, m, now); }
  void operator()(const TaskAdopted& m) { on_task_adopted(shard, outbox, m, now); }
  void operator()(const AgentLost& m) { on_agent_lost(shard, outbox, m); }
  void operator()(const OperationForward& m) { on_operation_forward(shard, outbox, m); }
  void operator()(const OperationAcknowledged& m) { on_operation_acknowledged(shard, outbox, m); }
  void operator()(const QueryAsk& m) { on_query_ask(shard, outbox, m, now); }
  void operator()(std::unique_ptr<QueryPart> m) { on_query_part(shard, outbox, std::move(*m)); }
  void operator()(const ExplainAsk& m) { on_explain_ask(shard, outbox, m); }
  void operator()(const std::unique_ptr<const ExplainPart>& m) {
    on_explain_part(shard, outbox, *m);
  }
  void operator()(const OperatorQuota& m) { on_operator_quota(shard, outbox, m, now); }
  void operator()(const OperatorWeights& m) { on_operator_weights(shard, outbox, m, now); }
  void operator()(const std::unique_ptr<const OperatorOperation>& m) {
    on_operator_operation(shard, outbox, *m);
  }
  void operator()(const OperatorManage& m) { on_operator_manage(shard, outbox, m, now); }
  void operator()(const OperatorKill& m) { on_forwarded_operator_kill(shard, outbox, m); }
  void operator()(const OperatorTeardown& m) {
    on_forwarded_operator_teardown(shard, outbox, m, now);
  }
  void operator()(const OperatorResult& m) { on_operator_result(shard, outbox, m); }
};

}  // namespace

void on_shard_message(Shard& shard, Outbox& outbox, ShardMessage message, TimePoint now) {
  std::visit(Visitor{shard, outbox, now}, std::move(message));
}

}  // namespace shoal::core

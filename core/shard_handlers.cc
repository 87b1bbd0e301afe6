#include "core/shard_handlers.h"

#include <algorithm>
#include <utility>

#include "core/agent_handlers.h"
#include "core/allocator.h"
#include "core/framework_handlers.h"
#include "core/operator_handlers.h"

namespace shoal::core {
namespace {

void on_framework_entry(Shard& shard, Outbox& outbox, FrameworkEntry message) {
  const FrameworkId id = message.id;
  const bool wants_offers = message.active;
  const bool clears = message.clear_filters;
  std::erase(shard.removed_frameworks, id);
  if (DirectoryEntry* entry = shard.find_entry(id); entry != nullptr) {
    entry->framework = std::move(message);
  } else {
    shard.directory.push_back({std::move(message)});
    announce_tasks(shard, outbox, id);
  }
  if (clears) clear_filters(shard, id);
  if (wants_offers) mark_all_dirty(shard);
}

void on_framework_removed(Shard& shard, Outbox& outbox, const FrameworkRemoved& message,
                          TimePoint now) {
  for (auto& [id, agent] : shard.agents) {
    const auto offers = agent->offers;  // settle_offer takes them out of the agent's list
    for (const OfferId offer : offers) {
      if (shard.shared.offers.payload(offer).framework != message.id) continue;
      if (!shard.shared.offers.rescind(offer)) continue;
      settle_offer(shard, offer);
      shard.counters.offers_rescinded.add();
    }
  }
  remove_framework_from_agents(shard, outbox, message.id, now);
  std::erase_if(shard.directory,
                [&](const DirectoryEntry& entry) { return entry.framework.id == message.id; });
  // As many are remembered as may live at once.
  shard.removed_frameworks.push_back(message.id);
  if (shard.removed_frameworks.size() > kMaxFrameworksPerShard) {
    shard.removed_frameworks.pop_front();
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
  void operator()(const OwnedStatus& m) { on_forwarded_status(shard, outbox, m, now); }
  void operator()(const KillForward& m) { kill_task(shard, outbox, m); }
  void operator()(const AcknowledgeForward& m) { on_acknowledge_forward(shard, outbox, m, now); }
  void operator()(const ReconcileForward& m) { on_reconcile_forward(shard, outbox, m, now); }
  void operator()(const TaskAdopted& m) { on_task_adopted(shard, m); }
  void operator()(const AgentLost& m) { on_agent_lost(shard, outbox, m); }
  void operator()(const QueryAsk& m) { on_query_ask(shard, outbox, m, now); }
  void operator()(QueryPart m) { on_query_part(shard, outbox, std::move(m)); }
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

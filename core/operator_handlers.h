// What operators ask. A question goes to every shard and its parts are gathered where it came in;
// an action goes to the home shard of what it acts on, and its result comes back.
#pragma once

#include "core/messages.h"
#include "core/outbox.h"
#include "core/shard.h"

namespace shoal::core {

void on_query(Shard& shard, Outbox& outbox, SessionId session, const Query& message,
              std::uint32_t correlation, TimePoint now);

// `message.agent` may be 0: the framework's shard knows where the task is.
void on_operator_kill(Shard& shard, Outbox& outbox, SessionId session, const KillTask& message,
                      std::uint32_t correlation);
void on_operator_teardown(Shard& shard, Outbox& outbox, SessionId session,
                          const TeardownFramework& message, std::uint32_t correlation);

// Answers Explanation.
void on_operator_explain(Shard& shard, Outbox& outbox, SessionId session, const Explain& message,
                         std::uint32_t correlation, TimePoint now);
// Answers Done when the operation was sent to the agent, or Refusal.
void on_operate_agent(Shard& shard, Outbox& outbox, SessionId session, const OperateAgent& message,
                      std::uint32_t correlation, TimePoint now);

// This shard's part of the answer. `id` as in Query.
ClusterView collect(const Shard& shard, QueryKind kind, std::string_view id, TimePoint now);

// --- between shards ---

void on_query_ask(Shard& shard, Outbox& outbox, const QueryAsk& message, TimePoint now);
void on_query_part(Shard& shard, Outbox& outbox, QueryPart message);
void on_forwarded_operator_kill(Shard& shard, Outbox& outbox, const OperatorKill& message);
void on_forwarded_operator_teardown(Shard& shard, Outbox& outbox, const OperatorTeardown& message,
                                    TimePoint now);
void on_operator_result(Shard& shard, Outbox& outbox, const OperatorResult& message);

}  // namespace shoal::core

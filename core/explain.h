// Why a framework has no offer: every agent is counted under the first cause that rules it out, in
// the order of ExplainCause. Each shard answers for its agents; the shard that was asked sums up.
#pragma once

#include "core/messages.h"
#include "core/outbox.h"
#include "core/shard.h"

namespace shoal::core {

// This shard's part: its agents, as they are for the framework (in the role, or in the best of its
// roles when `role` is empty).
Explanation explain(const Shard& shard, FrameworkId framework, std::string_view role,
                    const Resources& wanted);

// Adds the part of another shard.
void merge(Explanation& to, const Explanation& from);

// The line for people, from all counts: what it waits for, or that no agent will ever do.
std::string verdict(const Explanation& explanation);

// Asks all shards. `session`: none when the master asks for itself, to send the framework a Notice
// if its own filters or constraints are the only reason.
void ask_why(Shard& shard, Outbox& outbox, SessionId session, std::uint32_t correlation,
             FrameworkId framework, std::string_view role, const Resources& wanted);

void on_explain_ask(Shard& shard, Outbox& outbox, const ExplainAsk& message);
void on_explain_part(Shard& shard, Outbox& outbox, const ExplainPart& message);

}  // namespace shoal::core

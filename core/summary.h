// The records of a shard as operators see them: owned copies.
#pragma once

#include "core/shard.h"

namespace shoal::core {

AgentSummary summarise(const AgentRecord& agent);
FrameworkSummary summarise(const Shard& shard, const FrameworkRecord& framework);
TaskSummary summarise(const AgentRecord& agent, const TaskKey& key, const TaskRecord& task);
// `offer` is one of the agent's.
OfferSummary summarise(const Shard& shard, const AgentRecord& agent, OfferId offer, TimePoint now);

// Adds what one agent, and one framework, are to the sums over the cluster.
void add_to(ClusterSummary& cluster, const AgentRecord& agent);
void add_to(ClusterSummary& cluster, const FrameworkRecord& framework);
// The sums of two parts of the cluster.
void merge(ClusterSummary& to, const ClusterSummary& from);

}  // namespace shoal::core

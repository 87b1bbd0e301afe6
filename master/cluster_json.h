// The records of the cluster as JSON objects, one shape for the operator API and for the command
// line. The schema is docs/CLI.md's and stable: fields are added, never changed.
#pragma once

#include "core/cluster_view.h"
#include "core/messages.h"
#include "master/json_writer.h"

namespace shoal::master {

void put_object(Writer& writer, const core::AgentSummary& agent);
void put_object(Writer& writer, const core::FrameworkSummary& framework);
void put_object(Writer& writer, const core::TaskSummary& task);
void put_object(Writer& writer, const core::OfferSummary& offer);
void put_object(Writer& writer, const core::RoleSummary& role);
void put_object(Writer& writer, const core::Explanation& explanation);
void put_object(Writer& writer, const core::ClusterSummary& cluster);

// Of a role, what a question is about.
struct QuotaOf {
  const core::RoleSummary& role;
};
struct WeightOf {
  const core::RoleSummary& role;
};
void put_object(Writer& writer, const QuotaOf& quota);
void put_object(Writer& writer, const WeightOf& weight);

}  // namespace shoal::master

// The rows of `shoal top`, from two looks. Internal to cli/top*.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/top.h"

namespace shoal::cli {

struct TopAgentRow {
  const core::AgentSummary* agent = nullptr;
  const AgentUsage* usage = nullptr;  // nullptr: it did not answer, and `error` says why
  std::string error;
  std::optional<double> cpus_used;  // of the machine; nullopt: seen only once
  std::optional<double> agent_cpus_used;
};

struct TopTaskRow {
  const core::AgentSummary* agent = nullptr;
  const AgentUsage::OfTask* usage = nullptr;
  const core::TaskSummary* task = nullptr;  // nullptr: the master does not know it
  std::optional<double> cpus_used;
  std::optional<double> cpus_throttled;   // of as many its quota held it; nullopt: not counted
  std::optional<double> read_per_second;  // bytes
  std::optional<double> written_per_second;
};

// By hostname and id.
std::vector<TopAgentRow> top_agents(const TopLook& before, const TopLook& now);
// Those that use most of a processor first.
std::vector<TopTaskRow> top_tasks(const TopLook& before, const TopLook& now);

}  // namespace shoal::cli

// What an operator sees: owned copies of records, gathered from all shards (core/query.h) and sent
// as QueryAnswer.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/ids.h"
#include "core/resources.h"
#include "core/task_state.h"

namespace shoal::core {

enum class AgentState : std::uint8_t {
  kActive = 0,
  kDisconnected = 1,  // no session; within its time to come back
  kUnreachable = 2,   // did not come back in time
};
inline constexpr std::uint8_t kAgentStates = 3;
std::string_view name_of(AgentState state);  // "active"

enum class FrameworkState : std::uint8_t { kActive = 0, kDisconnected = 1, kCompleted = 2 };
inline constexpr std::uint8_t kFrameworkStates = 3;
std::string_view name_of(FrameworkState state);  // "active"

struct AgentSummary {
  AgentId id;
  std::string hostname;
  std::string address;
  AgentState state = AgentState::kActive;
  Resources total;
  Resources used;
  Resources offered;
  std::vector<std::pair<std::string, std::string>> attributes;
  std::uint32_t tasks = 0;         // not terminal
  std::int64_t registered_ms = 0;  // wall clock
};

struct FrameworkSummary {
  FrameworkId id;
  std::string name;
  std::string user;
  std::string role;
  FrameworkState state = FrameworkState::kActive;
  bool suppressed = false;
  std::uint32_t tasks = 0;   // not terminal
  std::uint32_t offers = 0;  // outstanding
  Resources allocated;       // used and offered
  std::int64_t subscribed_ms = 0;
};

struct TaskSummary {
  std::string id;
  std::string name;
  FrameworkId framework;
  AgentId agent;
  std::string agent_address;  // where its logs are
  std::string hostname;
  TaskState state = TaskState::kStaging;
  TaskReason reason = TaskReason::kNone;
  std::string message;
  bool has_exit = false;
  std::int32_t exit_code = 0;
  std::int32_t exit_signal = 0;
  Resources resources;
  std::int64_t started_ms = 0;  // wall clock of the launch
  std::int64_t ended_ms = 0;    // 0: has not
};

struct OfferSummary {
  OfferId id;
  AgentId agent;
  FrameworkId framework;
  std::string hostname;
  Resources resources;
  std::int64_t age_ms = 0;
};

struct ClusterSummary {
  std::uint64_t cluster_id = 0;
  std::string version;
  std::uint32_t reactors = 0;
  std::uint32_t agents_active = 0;
  std::uint32_t agents_disconnected = 0;
  std::uint32_t agents_unreachable = 0;
  std::uint32_t frameworks_active = 0;
  std::uint32_t frameworks_disconnected = 0;
  std::uint32_t tasks_active = 0;
  std::uint32_t tasks_completed = 0;
  std::uint32_t offers = 0;
  Resources total;
  Resources used;
  Resources offered;
};

// One part of an answer; every vector may be empty, `cluster` counts only for QueryKind::kCluster.
struct ClusterView {
  ClusterSummary cluster;
  std::vector<AgentSummary> agents;
  std::vector<FrameworkSummary> frameworks;
  std::vector<TaskSummary> tasks;
  std::vector<OfferSummary> offers;
};

}  // namespace shoal::core

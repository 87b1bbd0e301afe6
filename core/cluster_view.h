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
#include "core/usage.h"

namespace shoal::core {

enum class AgentState : std::uint8_t {
  kActive = 0,
  kDisconnected = 1,  // no session; within its time to come back
  kUnreachable = 2,   // did not come back in time
  kRecovered = 3,     // known from an earlier master; within its time to come back
};
inline constexpr std::uint8_t kAgentStates = 4;
std::string_view name_of(AgentState state);  // "active"

// What an operator wants of an agent, whatever its state. Only a normal one is offered.
enum class AgentMode : std::uint8_t {
  kNormal = 0,
  kDeactivated = 1,
  kDraining = 2,  // its tasks are asked to end
  kDrained = 3,   // none is left, and no update of one
};
inline constexpr std::uint8_t kAgentModes = 4;
std::string_view name_of(AgentMode mode);  // "draining"

// The present or last drain of an agent.
struct Drain {
  std::int64_t max_grace_ms = -1;  // < 0: each task's own grace
  bool mark_gone = false;
  std::int64_t started_ms = 0;  // wall clock
  std::int64_t ended_ms = 0;    // 0: it goes on
};

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
  std::string region;              // fault domain, may be empty
  std::string zone;
  AgentMode mode = AgentMode::kNormal;
  Drain drain;         // of a draining or drained one
  MachineUse machine;  // what it uses, if that is known
};

struct FrameworkSummary {
  FrameworkId id;
  std::string name;
  std::string user;
  std::vector<std::string> roles;
  FrameworkState state = FrameworkState::kActive;
  bool suppressed = false;   // in all roles
  std::uint32_t tasks = 0;   // not terminal
  std::uint32_t offers = 0;  // outstanding
  Resources allocated;       // used and offered; scalars
  std::int64_t subscribed_ms = 0;
  std::uint64_t capabilities = 0;  // core::Capability bits
  std::vector<std::string> suppressed_roles;
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
  std::string role;
  TaskUse use;
};

struct OfferSummary {
  OfferId id;
  AgentId agent;
  FrameworkId framework;
  std::string hostname;
  Resources resources;
  std::int64_t age_ms = 0;
  std::string role;
};

// A role that has frameworks, a weight, a quota or reservations. Sums include the roles below it.
struct RoleSummary {
  std::string name;
  Milli weight = 1000;
  std::uint32_t frameworks = 0;  // subscribed to this very role
  Quantities allocated;          // used and offered
  Quantities offered;
  Quantities reserved;  // on all agents, in use or not
  Quantities consumed;  // what counts against the limits: reserved, and allocated of the rest
  Quantities limits = kNoLimits;
  Quantities guarantees;
  std::uint32_t dominant_share_ppm = 0;  // of the cluster, in millionths
  ResourceKind dominant = ResourceKind::kCpus;
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
  std::vector<RoleSummary> roles;
};

}  // namespace shoal::core

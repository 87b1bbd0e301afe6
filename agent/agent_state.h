// Everything an agent knows, as plain data: a few hundred bytes without tasks, so that a swarm
// holds tens of thousands of them in one process. Changed by agent_handlers only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "agent/operations.h"
#include "agent/task_table.h"
#include "core/ids.h"
#include "core/limits.h"
#include "core/messages.h"
#include "core/random.h"
#include "core/resources.h"
#include "core/time.h"

namespace shoal::agent {

enum class SessionPhase : std::uint8_t {
  kDisconnected = 0,
  kGreeting = 1,     // Hello sent
  kWelcomed = 2,     // Welcome came; what RegisterAgent relies on is on its way to the disk
  kRegistering = 3,  // RegisterAgent sent
  kRegistered = 4,
};

// An update that was given to AgentEffects::record and is not on disk yet.
struct UnrecordedUpdate {
  core::FrameworkId framework;
  std::string task;
  std::uint64_t ticket = 0;
};

struct AgentState {
  // `seed` decides every uuid and the incarnation.
  explicit AgentState(std::uint64_t seed) : random(seed), incarnation(random.next() | 1) {}

  // What the agent is; set before the first connection.
  std::string hostname;
  std::string address;        // HOST:PORT of its logs; may be empty
  core::Resources total;      // with its reservations and volumes; changed by operations
  core::Resources revocable;  // lent on top of it (oversubscription): one revocable lot, or none
  std::vector<std::pair<std::string, std::string>> attributes;
  std::string region;  // fault domain; both or none
  std::string zone;
  std::int64_t wall_offset_ms = 0;  // wall clock - monotonic clock, for time stamps

  core::Random random;
  std::uint64_t incarnation = 0;
  core::AgentId id;              // 0: never registered
  std::uint64_t cluster_id = 0;  // 0: not known
  core::AgentId stored_id;       // what the next agent on the data folder will know of `id`
  std::uint64_t epoch = 0;       // the highest of a master that welcomed this agent; stored
  std::uint64_t seen_epoch = 0;  // the same, stored or on its way; 0: none in this process

  SessionPhase session = SessionPhase::kDisconnected;
  std::uint64_t master_features = 0;  // core::Feature bits: what it understands
  bool is_shutting_down = false;
  core::Duration heartbeat_interval = core::kHeartbeatInterval;
  core::Duration session_timeout = core::kSessionTimeout;
  core::TimePoint last_heard{};      // any frame of the master
  core::TimePoint next_heartbeat{};  // while registered
  std::uint64_t heartbeat_sequence = 0;
  core::Duration usage_interval{0};  // between two reports of what is used; 0: none
  core::TimePoint next_usage{};      // not before the heartbeat after it

  TaskTable tasks;
  OperationLog operations;
  std::uint64_t recorded = 0;               // tickets up to this one are on disk
  std::deque<UnrecordedUpdate> unrecorded;  // by ticket

  // What tasks may hold in all.
  core::Resources capacity() const { return total + revocable; }
  // Whether what is started may outlive this process: the next one comes under the same id.
  bool is_known_for_good() const { return id == stored_id; }
  bool is_registered() const { return session == SessionPhase::kRegistered; }
  bool master_knows(core::Feature feature) const {
    return core::has_feature(master_features, feature);
  }
};

}  // namespace shoal::agent

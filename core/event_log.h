// What happened in a shard, the newest kMaxEventsPerShard: for operators who watch the cluster, and
// who come back after a short absence. Offers are not in it: they come and go by the thousand.
//
// Threads: the shard's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "core/cluster_view.h"
#include "core/ids.h"
#include "core/operation.h"
#include "core/task_state.h"

namespace shoal::core {

// What something is from now on.
struct AgentEvent {
  AgentId id;
  std::string hostname;
  AgentState state = AgentState::kActive;
  AgentMode mode = AgentMode::kNormal;
  bool is_removed = false;  // and nothing of the above any more
};
struct FrameworkEvent {
  FrameworkId id;
  std::string name;
  FrameworkState state = FrameworkState::kActive;
};
struct TaskEvent {
  FrameworkId framework;
  std::string id;
  AgentId agent;
  TaskState state = TaskState::kStaging;
  TaskReason reason = TaskReason::kNone;
  std::string message;  // cut to kMaxEventTextBytes
};
// Its weight, its limits or its guarantees.
struct RoleEvent {
  std::string name;
};
// On an agent's resources.
struct OperationEvent {
  AgentId agent;
  FrameworkId framework;  // 0: an operator's
  std::string id;         // the framework's name for it, may be empty
  OperationKind kind = OperationKind::kReserve;
  OperationState state = OperationState::kPending;
};

struct Event {
  std::int64_t wall_ms = 0;  // of the turn
  std::variant<AgentEvent, FrameworkEvent, TaskEvent, RoleEvent, OperationEvent> what;
};

class EventLog {
 public:
  void add(decltype(Event::what) what);
  // Dates what was added since the last call; before that it is not to be read.
  void seal(std::int64_t wall_ms);

  // Events have the numbers [first(), end()), without a gap, from 0 on in each master.
  std::uint64_t first() const { return next_ - events_.size(); }
  std::uint64_t end() const { return sealed_; }
  const Event& operator[](std::uint64_t number) const { return events_[position_of(number)]; }

 private:
  static std::size_t position_of(std::uint64_t number);

  std::vector<Event> events_;  // the one with number n is at n mod kMaxEventsPerShard
  std::uint64_t next_ = 0;
  std::uint64_t sealed_ = 0;
};

}  // namespace shoal::core

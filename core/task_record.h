// A task as the master knows it: at its agent's shard, and at its framework's. There may be
// millions, so what few of them have is on the heap.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/compact_text.h"
#include "core/ids.h"
#include "core/resources.h"
#include "core/role_table.h"
#include "core/task_state.h"
#include "core/usage.h"

namespace shoal::core {

struct TaskKey {
  FrameworkId framework;
  std::string id;
};
struct TaskKeyView {
  FrameworkId framework;
  std::string_view id;
};
struct TaskKeyLess {
  using is_transparent = void;
  template <typename A, typename B>
  bool operator()(const A& a, const B& b) const {
    if (a.framework != b.framework) return a.framework < b.framework;
    return std::string_view(a.id) < std::string_view(b.id);
  }
};

// Of a task what one that simply runs does not have.
struct TaskExtra {
  CompactText message;
  std::int64_t kill_grace_ms = -1;
  bool has_exit = false;
  std::int32_t exit_code = 0;
  std::int32_t exit_signal = 0;
  UpdateUuid terminal_uuid{};  // of the update that ended it
  std::int64_t ended_ms = 0;
};

// A task as its agent's shard knows it, from launch until its last update is acknowledged.
struct TaskRecord {
  CompactText name;
  RoleRow* role = nullptr;  // whose share and limits it counts in
  Resources resources;
  std::int64_t started_ms = 0;
  TaskUse use;  // as its agent last reported
  TaskState state = TaskState::kStaging;
  TaskReason reason = TaskReason::kNone;
  bool holds_resources = true;       // until it is known to have ended
  bool kill_requested = false;       // sent again when the agent comes back
  bool is_drained = false;           // the request is the drain of its agent
  std::unique_ptr<TaskExtra> extra;  // null: it has none of that

  const TaskExtra& known_extra() const {
    static const TaskExtra kNone;
    return extra == nullptr ? kNone : *extra;
  }
  TaskExtra& make_extra() {
    if (extra == nullptr) extra = std::make_unique<TaskExtra>();
    return *extra;
  }
  std::string_view message() const { return known_extra().message.view(); }
  void set_message(std::string_view text) {
    if (extra != nullptr || !text.empty()) make_extra().message = text;
  }
};

// Where a framework's task is; kept until its last update is acknowledged.
struct TaskPlace {
  AgentId agent;
  std::unique_ptr<UpdateUuid> terminal_uuid = nullptr;  // null: it has not ended

  bool has_ended() const { return terminal_uuid != nullptr; }
};

}  // namespace shoal::core

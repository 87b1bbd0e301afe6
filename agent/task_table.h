// The tasks of one agent: what they hold, how far they are, what must happen to them and when.
// Pure; iteration is in order of (framework, id), so a run can be replayed.
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <tuple>

#include "agent/status_stream.h"
#include "core/frame_cost.h"
#include "core/ids.h"
#include "core/limits.h"
#include "core/resources.h"
#include "core/task_state.h"
#include "core/time.h"
#include "wire/task_description.h"

namespace shoal::agent {

struct TaskKey {
  core::FrameworkId framework;
  std::string_view id;
  auto operator<=>(const TaskKey&) const = default;
};

enum class TaskPhase : std::uint8_t {
  kWaiting = 0,    // accepted; tasks of a removed framework still hold what it needs
  kLaunching = 1,  // given to the executor, which has not answered
  kRunning = 2,    // its process runs (or is being killed)
  kEnded = 3,      // no process (any more); here until its last update is acknowledged
};

struct Task {
  core::FrameworkId framework;
  std::string id;
  std::string name;
  std::string role;  // whose share it counts in, as the master said
  core::Resources resources;
  TaskPhase phase = TaskPhase::kWaiting;                   // changed by TaskTable::enter only
  core::TaskState state = core::TaskState::kStaging;       // the newest, sent or not
  core::TaskReason kill_reason = core::TaskReason::kNone;  // of the last update after a kill
  bool is_kill_asked = false;
  bool is_orphan = false;           // its framework is gone: nobody hears of it any more
  std::int64_t kill_grace_ms = -1;  // the task's own; < 0: the default
  core::TimePoint kill_at = StatusStream::kNever;      // end of the grace
  std::int64_t max_completion_ms = -1;                 // how long it may run; < 0: without end
  core::TimePoint complete_by = StatusStream::kNever;  // end of that, while it runs unkilled
  std::string limit_why;  // which it was ended for, as one line; empty: see kill_reason
  StatusStream updates;
  std::unique_ptr<wire::TaskDescription> description;  // only while kWaiting

  TaskKey key() const { return {framework, id}; }
  const core::FrameCost& report_cost() const { return report_; }  // in a registration
  // When something is due for it; StatusStream::kNever: nothing is.
  core::TimePoint deadline() const { return std::min({kill_at, complete_by, updates.resend_at()}); }

 private:
  friend class TaskTable;
  std::uint64_t sequence_ = 0;
  core::FrameCost report_;
  core::TimePoint deadline_ = StatusStream::kNever;  // as it stands in TaskTable::deadlines_
};

// Invariants:
//   1. used() is the sum over tasks that are launching or running; total >= used(), no port twice.
//   2. committed() is the sum over tasks that have not ended and are no orphans.
//      Shared volumes are in neither sum, as several tasks may hold one: holder_of() finds them.
//   3. waiting() counts the tasks in kWaiting.
//   4. A task stands in the deadline index once if it has a deadline, else not.
class TaskTable {
 public:
  using Map = std::map<TaskKey, std::unique_ptr<Task>>;  // the key's view is into the task

  Task* find(core::FrameworkId framework, std::string_view id);
  const Task* find(core::FrameworkId framework, std::string_view id) const;
  // Pre-condition: not there yet. `report`: what it takes in a registration.
  Task& add(core::FrameworkId framework, std::string_view id, const core::FrameCost& report);
  // Whether one more task still fits a registration (of several messages) with all the others.
  bool has_room_for(const core::FrameCost& report) const;
  // Whether the reports of all tasks do.
  bool fit_one_message() const;
  void erase(Task& task);

  std::size_t size() const { return tasks_.size(); }
  bool empty() const { return tasks_.empty(); }
  Map::const_iterator begin() const { return tasks_.begin(); }
  Map::const_iterator end() const { return tasks_.end(); }
  // The first task of `framework`, or of a later one.
  Map::const_iterator lower_bound(core::FrameworkId framework) const {
    return tasks_.lower_bound(TaskKey{framework, {}});
  }

  void enter(Task& task, TaskPhase phase);
  std::size_t waiting() const { return waiting_; }  // tasks in kWaiting

  // Resources. Each is called once per task, in this order.
  void commit(const Task& task) { committed_ += exclusive(task.resources); }
  void charge(const Task& task) { used_ += exclusive(task.resources); }
  void release(const Task& task) { used_ -= exclusive(task.resources); }
  void uncommit(const Task& task) { committed_ -= exclusive(task.resources); }
  const core::Resources& used() const { return used_; }
  const core::Resources& committed() const { return committed_; }
  // A task that has not ended and holds something with these tags; nullptr: none.
  const Task* holder_of(const core::LotTags& tags) const;
  // Tasks with a process, or about to have one.
  std::size_t live() const;

  // To be called after task.deadline() may have changed.
  void update_deadline(Task& task);
  core::TimePoint next_deadline() const;
  // The task that is due the longest; nullptr: none. It must get another deadline, or be erased.
  Task* due(core::TimePoint now) const;

  // A sentence for the first broken invariant; empty when all hold. For tests and the simulator.
  std::string broken_invariant(const core::Resources& total) const;

 private:
  // Without shared volumes.
  static core::Resources exclusive(const core::Resources& resources);

  Map tasks_;
  // The sequence decides between equals, never an address: runs must be repeatable.
  std::set<std::tuple<core::TimePoint, std::uint64_t, Task*>> deadlines_;
  std::size_t waiting_ = 0;
  core::Resources used_;
  core::Resources committed_;
  core::FrameCost reports_;
  std::uint64_t next_sequence_ = 1;
};

}  // namespace shoal::agent

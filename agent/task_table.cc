#include "agent/task_table.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace shoal::agent {

namespace {

bool holds_resources(const Task& task) {
  return task.phase == TaskPhase::kLaunching || task.phase == TaskPhase::kRunning;
}

}  // namespace

Task* TaskTable::find(core::FrameworkId framework, std::string_view id) {
  const auto it = tasks_.find(TaskKey{framework, id});
  return it == tasks_.end() ? nullptr : it->second.get();
}

const Task* TaskTable::find(core::FrameworkId framework, std::string_view id) const {
  const auto it = tasks_.find(TaskKey{framework, id});
  return it == tasks_.end() ? nullptr : it->second.get();
}

bool TaskTable::has_room_for(const core::FrameCost& report) const {
  core::FrameCost all = reports_;
  all += report;
  return tasks_.size() < core::kMaxTasksPerAgent && all.within(core::kMaxTaskReportsOfAgent);
}

bool TaskTable::fit_one_message() const {
  return tasks_.size() <= core::kMaxTaskReports && reports_.within(core::kMaxTaskReportsCost);
}

Task& TaskTable::add(core::FrameworkId framework, std::string_view id,
                     const core::FrameCost& report) {
  auto task = std::make_unique<Task>();
  task->framework = framework;
  task->id = id;
  task->sequence_ = next_sequence_++;
  task->report_ = report;
  reports_ += report;
  ++waiting_;
  const TaskKey key = task->key();
  return *tasks_.emplace(key, std::move(task)).first->second;
}

void TaskTable::enter(Task& task, TaskPhase phase) {
  if (task.phase == TaskPhase::kWaiting) --waiting_;
  if (phase == TaskPhase::kWaiting) ++waiting_;
  task.phase = phase;
}

void TaskTable::erase(Task& task) {
  if (task.phase == TaskPhase::kWaiting) --waiting_;
  if (task.deadline_ != StatusStream::kNever) {
    deadlines_.erase({task.deadline_, task.sequence_, &task});
  }
  reports_ -= task.report_;
  tasks_.erase(tasks_.find(task.key()));
}

core::Resources TaskTable::exclusive(const core::Resources& resources) {
  if (resources.lots.empty()) return resources;
  return core::select(resources, true, [](const core::LotTags& tags) { return !tags.is_shared(); });
}

const Task* TaskTable::holder_of(const core::LotTags& tags) const {
  for (const auto& [key, task] : tasks_) {
    if (task->phase == TaskPhase::kEnded) continue;
    if (task->resources.lots.find(tags) != nullptr) return task.get();
  }
  return nullptr;
}

std::size_t TaskTable::live() const {
  return static_cast<std::size_t>(
      std::count_if(tasks_.begin(), tasks_.end(),
                    [](const Map::value_type& entry) { return holds_resources(*entry.second); }));
}

void TaskTable::update_deadline(Task& task) {
  const core::TimePoint deadline = task.deadline();
  if (deadline == task.deadline_) return;
  if (task.deadline_ != StatusStream::kNever) {
    deadlines_.erase({task.deadline_, task.sequence_, &task});
  }
  task.deadline_ = deadline;
  if (deadline != StatusStream::kNever) deadlines_.insert({deadline, task.sequence_, &task});
}

core::TimePoint TaskTable::next_deadline() const {
  return deadlines_.empty() ? StatusStream::kNever : std::get<0>(*deadlines_.begin());
}

Task* TaskTable::due(core::TimePoint now) const {
  if (deadlines_.empty() || std::get<0>(*deadlines_.begin()) > now) return nullptr;
  return std::get<2>(*deadlines_.begin());
}

std::string TaskTable::broken_invariant(const core::Resources& total) const {
  core::Resources used;
  core::Resources committed;
  std::size_t with_deadline = 0;
  std::size_t waiting = 0;
  core::FrameCost reports;
  for (const auto& [key, task] : tasks_) {
    reports += task->report_;
    const bool ended = task->phase == TaskPhase::kEnded;
    if (task->phase == TaskPhase::kWaiting) ++waiting;
    if (holds_resources(*task)) {
      const core::Resources held = exclusive(task->resources);
      if (used.intersects(held)) return fmt::format("two live tasks hold a port of {}", task->id);
      used += held;
    }
    if (!ended && !task->is_orphan) committed += exclusive(task->resources);
    if (ended != core::is_terminal(task->state)) return fmt::format("{} ended halfway", task->id);
    if (ended && task->updates.empty()) return fmt::format("{} was not forgotten", task->id);
    const core::TimePoint deadline = task->deadline();
    if (deadline != task->deadline_) return fmt::format("{} has a stale deadline", task->id);
    if (deadline != StatusStream::kNever) ++with_deadline;
  }
  if (!(reports == reports_)) return "the reports of tasks are not counted right";
  if (waiting != waiting_) return "waiting() is not how many wait";
  if (!(used == used_)) return "used() is not what the live tasks hold";
  if (!(committed == committed_)) return "committed() is not what the accepted tasks hold";
  if (!total.contains(used_)) return "the live tasks hold more than the agent has";
  if (with_deadline != deadlines_.size()) return "the deadline index has strangers";
  return {};
}

}  // namespace shoal::agent

#include "agent/recovery.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <utility>

#include "agent/errno_status.h"
#include "agent/process.h"
#include "agent/update_log.h"
#include "core/status.h"
#include "core/text.h"

namespace shoal::agent {

namespace {

using Fate = FoundTask::Fate;

// A handle on the supervisor of the record, if it is there: a pid alone says nothing.
UniqueFd find_supervisor(const SupervisorRecord& record, const std::string& boot_id) {
  if (boot_id.empty() || record.boot_id != boot_id) return UniqueFd();
  const auto stat = read_proc_stat(record.pid);
  if (!stat || stat->start_time != record.start_time || stat->ended()) return UniqueFd();
  return open_same_process(*stat);
}

// Why nobody knows how it ended.
std::string loss_of(const FoundRun& run, const std::string& boot_id) {
  for (const absl::Status& status :
       {run.task.status(), run.exit.status(), run.supervisor.status()}) {
    if (!status.ok() && !absl::IsNotFound(status)) {
      return fmt::format("the agent's record of the task cannot be read: {}",
                         core::message_of(status));
    }
  }
  if (!run.task.ok()) return "the agent's record of the task is missing";
  if (run.task->boot_id != boot_id) return "the machine was restarted";
  if (!run.supervisor.ok()) return "the agent ended while the task was being started";
  return "its supervisor was killed: how it ended is not known";
}

FoundTask judge(FoundRun& run, const std::string& data_dir, const std::string& boot_id,
                UniqueFd& supervisor) {
  FoundTask found;
  if (run.task.ok()) {
    found.task = *run.task;
  } else {
    const auto framework = core::parse_framework_id(run.id.framework_id);
    if (framework.ok()) found.task.framework = *framework;
    found.task.id = run.id.task_id;
  }
  const bool may_run = run.task.ok() && run.supervisor.ok() && absl::IsNotFound(run.exit.status());
  if (may_run) supervisor = find_supervisor(*run.supervisor, boot_id);
  // It may have ended between the two looks.
  if (may_run && !supervisor.valid()) run.exit = read_exit(data_dir, run.id);
  if (run.exit.ok()) {
    found.fate = Fate::kExited;
    found.exit = *run.exit;
  } else if (supervisor.valid()) {
    found.fate = Fate::kRuns;
    found.age = age_of(run.supervisor->start_time);
  } else {
    found.reason = core::TaskReason::kAgentRestarted;
    found.why = loss_of(run, boot_id);
  }
  return found;
}

absl::Status forget_all(const std::string& data_dir, const FoundRuns& found) {
  for (const FoundRun& run : found.runs) {
    if (absl::Status removed = remove_checkpoint(data_dir, run.id); !removed.ok()) return removed;
  }
  const std::string path = update_log_path(data_dir);
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return errno_status(errno, "removing " + path);
}

void take(Recovery& recovery, FoundRun& run, const std::string& data_dir,
          const std::string& boot_id) {
  UniqueFd supervisor;
  FoundTask found = judge(run, data_dir, boot_id, supervisor);
  const auto told = recovery.history.tasks().find({found.task.framework, found.task.id});
  const bool has_ended =
      told != recovery.history.tasks().end() && core::is_terminal(told->second.state);
  if (found.fate == Fate::kLost && !has_ended) {
    recovery.notes.push_back(
        fmt::format("task '{}' of {} is lost: {}", run.id.task_id, run.id.framework_id, found.why));
  }
  if (found.fate == Fate::kRuns && !has_ended) {
    recovery.live.push_back(
        {run.id, found.task.framework, run.supervisor->pid, std::move(supervisor)});
  } else {
    recovery.over.push_back(run.id);
  }
  recovery.tasks.push_back(std::move(found));
}

}  // namespace

absl::StatusOr<Recovery> recover(const std::string& data_dir, const std::string& boot_id,
                                 RecoverMode mode) {
  auto found = find_runs(data_dir);
  if (!found.ok()) return found.status();
  Recovery recovery;
  for (const std::string& path : found->ignored) {
    recovery.notes.push_back(path + " is no record of a task and is ignored");
  }
  HuntOptions hunt;
  hunt.data_dir = data_dir;
  if (mode == RecoverMode::kCleanup) {
    for (const FoundRun& run : found->runs) hunt.doomed.insert(run.id.run_uuid);
    recovery.hunt = kill_leftovers(std::move(hunt));
    if (absl::Status forgotten = forget_all(data_dir, *found); !forgotten.ok()) return forgotten;
    return recovery;
  }
  auto history = read_update_log(data_dir);
  if (!history.ok()) return history.status();
  if (history->lost_bytes > 0) {
    recovery.notes.push_back(fmt::format("{}: {} bytes are damaged or cut off and are left out",
                                         update_log_path(data_dir), history->lost_bytes));
  }
  recovery.history = std::move(history->history);
  // Of several runs of one task, which a failed removal leaves, only one counts.
  std::map<std::pair<std::string, std::string>, FoundRun*> by_task;
  for (FoundRun& run : found->runs) {
    FoundRun*& chosen = by_task[{run.id.framework_id, run.id.task_id}];
    if (chosen != nullptr) recovery.over.push_back(chosen->exit.ok() ? chosen->id : run.id);
    if (chosen == nullptr || chosen->exit.ok()) chosen = &run;
  }
  for (auto& [key, run] : by_task) take(recovery, *run, data_dir, boot_id);
  for (const RunId& id : recovery.over) hunt.doomed.insert(id.run_uuid);
  for (const LiveRun& run : recovery.live) hunt.spared.insert(run.id.run_uuid);
  recovery.hunt = kill_leftovers(std::move(hunt));
  return recovery;
}

}  // namespace shoal::agent

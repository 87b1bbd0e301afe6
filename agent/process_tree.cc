#include "agent/process_tree.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/errno_status.h"

namespace shoal::agent {

namespace {

constexpr std::size_t kEndedTasks = 1024;
constexpr int kRounds = 4;  // against a task that forks while it is being killed

// Every living descendant of `root`, without it.
std::vector<ProcStat> descendants_of(pid_t root) {
  std::vector<ProcStat> found;
  std::vector<pid_t> to_visit = {root};
  absl::flat_hash_set<pid_t> seen = {root};
  while (!to_visit.empty()) {
    const pid_t parent = to_visit.back();
    to_visit.pop_back();
    for (const pid_t child : children_of(parent)) {
      if (!seen.insert(child).second) continue;
      const auto stat = read_proc_stat(child);
      if (!stat || stat->ended()) continue;
      found.push_back(*stat);
      to_visit.push_back(child);
    }
  }
  return found;
}

bool kill_process(const ProcStat& process) {
  const UniqueFd pidfd = open_same_process(process);
  return pidfd.valid() && send_signal(pidfd, SIGKILL);
}

}  // namespace

absl::Status ProcessTree::adopt_orphans() {
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) {
    return errno_status(errno, "becoming the parent of orphans (PR_SET_CHILD_SUBREAPER)");
  }
  return absl::OkStatus();
}

void ProcessTree::track(pid_t leader, std::string task_uuid) {
  running_.insert(task_uuid);
  uuid_of_[leader] = std::move(task_uuid);
}

void ProcessTree::forget(pid_t leader) {
  const auto found = uuid_of_.find(leader);
  if (found == uuid_of_.end()) return;
  std::string uuid = std::move(found->second);
  uuid_of_.erase(found);
  running_.erase(uuid);
  if (uuid.empty() || !ended_.insert(uuid).second) return;
  ended_order_.push_back(std::move(uuid));
  if (ended_order_.size() > kEndedTasks) {
    ended_.erase(ended_order_.front());
    ended_order_.pop_front();
  }
}

std::vector<ProcStat> ProcessTree::stray_children() const {
  std::vector<ProcStat> strays;
  const pid_t own_session = ::getsid(0);
  for (const pid_t child : children_of(::getpid())) {
    if (uuid_of_.contains(child)) continue;
    const auto stat = read_proc_stat(child);
    // What shares the agent's session was started by a library in the agent, not by a task: tasks
    // begin in a session of their own and can never join another.
    if (!stat || stat->session == own_session) continue;
    strays.push_back(*stat);
  }
  return strays;
}

ProcessTree::KillReport ProcessTree::kill_tree(const SpawnedProcess& leader) {
  KillReport report;
  const auto known = uuid_of_.find(leader.pid);
  const std::string uuid = known == uuid_of_.end() ? std::string() : known->second;
  absl::flat_hash_set<pid_t> signalled;
  for (int round = 0; round < kRounds; ++round) {
    // Family first: once the leader is dead its children are no longer found below it.
    std::vector<ProcStat> targets = descendants_of(leader.pid);
    // NotFound means that it was reaped: then only strays are left to look for.
    if (signal_group(leader, SIGKILL).ok() && round == 0) ++report.signalled;
    for (const ProcStat& stray : stray_children()) {
      if (stray.ended()) continue;
      const bool same_session = stray.session == leader.pid;
      if (!same_session && (uuid.empty() || read_task_marker(stray.pid) != uuid)) continue;
      ours_.insert(stray.pid);
      targets.push_back(stray);
      for (const ProcStat& child : descendants_of(stray.pid)) targets.push_back(child);
    }
    bool is_new = false;
    for (const ProcStat& target : targets) {
      if (!signalled.insert(target.pid).second) continue;
      is_new = true;
      if (kill_process(target)) ++report.signalled;
    }
    report.alive = targets.size();
    if (!is_new) break;
  }
  return report;
}

absl::StatusOr<std::optional<ExitStatus>> ProcessTree::finish(const SpawnedProcess& leader) {
  auto status = finish_group(leader);
  if (status.ok() && status->has_value()) forget(leader.pid);
  return status;
}

ProcessTree::Owner ProcessTree::owner_of(const ProcStat& stray) {
  if (uuid_of_.contains(stray.session)) return Owner::kRunningTask;
  const std::string uuid = read_task_marker(stray.pid);
  if (!uuid.empty() && running_.contains(uuid)) return Owner::kRunningTask;
  if (!uuid.empty() && ended_.contains(uuid)) return Owner::kEndedTask;
  if (ownership_ == Ownership::kShared) {
    return ours_.contains(stray.pid) ? Owner::kEndedTask : Owner::kUnknown;
  }
  // Exclusive: it came from one of our tasks. With a marker that is not running, or with no task
  // running at all, from one that has ended; else it may be a running task's.
  return !uuid.empty() || uuid_of_.empty() ? Owner::kEndedTask : Owner::kUnknown;
}

bool ProcessTree::may_reap(const ProcStat& zombie) const {
  if (ownership_ == Ownership::kExclusive) return true;
  // A zombie has no environment to look at. One that leads its session may be the task of another
  // agent in this process, whose exit status is not ours to take.
  return zombie.session != zombie.pid || ours_.contains(zombie.pid);
}

ProcessTree::SweepReport ProcessTree::sweep() {
  SweepReport report;
  for (const ProcStat& stray : stray_children()) {
    if (stray.ended()) {
      siginfo_t info;
      std::memset(&info, 0, sizeof(info));
      if (may_reap(stray) &&
          ::waitid(P_PID, static_cast<id_t>(stray.pid), &info, WEXITED | WNOHANG) == 0 &&
          info.si_pid == stray.pid) {
        ours_.erase(stray.pid);
        ++report.reaped;
      }
      continue;
    }
    const Owner owner = owner_of(stray);
    if (owner != Owner::kUnknown) ours_.insert(stray.pid);
    if (owner != Owner::kEndedTask) {
      ++report.waiting;
      continue;
    }
    // Its family too, or a chain of forks would stay one sweep ahead.
    for (const ProcStat& child : descendants_of(stray.pid)) kill_process(child);
    if (kill_process(stray)) ++report.killed;
  }
  return report;
}

}  // namespace shoal::agent
